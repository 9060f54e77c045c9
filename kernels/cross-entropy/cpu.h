// The mean negative log-likelihood of labels under softmax, and its gradient, a row at a time.
#pragma once
#include "../softmax/cpu.h"

namespace dropbp {
namespace {

// Checks that labels are classes or `ignore`, and counts those that are.
inline const char* countLabels(const Tensor& labels, int64_t classes, int64_t ignore, double& weight) {
  int64_t counted = 0;
  for (int64_t r = 0; r < labels.count(); r++) {
    const int64_t label = labels.i64()[r];
    if (label == ignore) continue;
    if (label < 0 || label >= classes)
      return "indices element out of data bounds: a label is neither a class nor the ignored one";
    counted++;
  }
  weight = 1.0 / static_cast<double>(counted > 0 ? counted : 1);
  return nullptr;
}

// loss = −mean over counted rows of log p[label], log = x − ln Σeˣ.
// Inputs: logits [rows, classes], labels int64 [rows]. Outputs: loss, log [rows, classes]. Attribute: ignore_index.
const char* runCrossEntropy(Call& call) {
  const Tensor x = call.input(0), labels = call.input(1);
  if (x.rank != 2 || labels.rank != 1 || labels.shape[0] != x.shape[0]) return "there is not a label a row of logits";
  const size_t rows = x.shape[0], classes = x.shape[1];
  const int64_t ignore = static_cast<int64_t>(call.attribute(0));
  double weight;
  if (const char* wrong = countLabels(labels, classes, ignore, weight)) return wrong;
  float* loss = static_cast<float*>(call.output(0, nullptr, 0));
  float* log = call.outputLike(1, x);
  const Scratch losses(rows);
  if (losses.failed()) return kOutOfMemory;
  overRows(call, rows, rowTasks(rows, classes), [&](size_t begin, size_t end, size_t) {
    for (size_t r = begin; r < end; r++) {
      const float* row = x.f32() + r * classes;
      const float top = rowMaximum(row, classes);
      V total = splat(0);
      overRange(0, classes, [&](size_t i, size_t n) { total += exponential(loadN(row + i, n, -INFINITY) - top); });
      const float rest = static_cast<float>(std::log(static_cast<double>(sum(total))));
      const int64_t label = labels.i64()[r];
      losses.data()[r] = label == ignore ? 0.f : (row[label] - top) - rest;
      if (!log) continue;
      float* out = log + r * classes;
      overRange(0, classes, [&](size_t i, size_t n) { storeN(out + i, (loadN(row + i, n) - top) - rest, n); });
    }
  });
  double total = 0;
  for (size_t r = 0; r < rows; r++) total += losses.data()[r];
  if (loss) *loss = static_cast<float>(-total * weight);
  return nullptr;
}

// g = exp(log) − onehot(label), w = 1/count for rows that count, else 0.
// Inputs: log [rows, classes], labels int64 [rows]. Outputs: g [rows, classes], w [rows, 1]. Attribute: ignore_index.
const char* runCrossEntropyGrad(Call& call) {
  const Tensor log = call.input(0), labels = call.input(1);
  if (log.rank != 2 || labels.rank != 1 || labels.shape[0] != log.shape[0])
    return "there is not a label a row of log-probabilities";
  const size_t rows = log.shape[0], classes = log.shape[1];
  const int64_t ignore = static_cast<int64_t>(call.attribute(0));
  double weight;
  if (const char* wrong = countLabels(labels, classes, ignore, weight)) return wrong;
  float* g = call.outputLike(0, log);
  const int64_t column[] = {log.shape[0], 1};
  float* w = static_cast<float*>(call.output(1, column, 2));
  if (w)
    for (size_t r = 0; r < rows; r++) w[r] = labels.i64()[r] == ignore ? 0.f : static_cast<float>(weight);
  if (!g) return nullptr;
  overRows(call, rows, rowTasks(rows, classes), [&](size_t begin, size_t end, size_t) {
    for (size_t r = begin; r < end; r++) {
      const float* row = log.f32() + r * classes;
      float* out = g + r * classes;
      overRange(0, classes, [&](size_t i, size_t n) { storeN(out + i, exponential(loadN(row + i, n)), n); });
      const int64_t label = labels.i64()[r];
      out[label == ignore ? 0 : label] -= 1.f;
    }
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
