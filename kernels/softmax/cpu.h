// Softmax over the last axis: rows of probabilities, and their gradient.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// Largest element of a row; NaN where it has one.
DROPBP_INLINE float rowMaximum(const float* row, size_t columns) {
  // four at a time, since each maximum waits for the last
  constexpr size_t kLanes = 4;
  V top[kLanes];
  I isNaN = I{};
  for (V& t : top) t = splat(-INFINITY);
  size_t i = 0;
  for (; i + kLanes * W <= columns; i += kLanes * W)
    for (size_t k = 0; k < kLanes; k++) {
      const V v = load(row + i + k * W);
      isNaN |= v != v;
      top[k] = maximum(top[k], v);
    }
  overRange(i, columns, [&](size_t at, size_t n) {
    const V v = loadN(row + at, n, -INFINITY);
    isNaN |= v != v;
    top[0] = maximum(top[0], v);
  });
  V all = maximum(maximum(top[0], top[1]), maximum(top[2], top[3]));
  return largest(select(isNaN, splat(NAN), all));
}

// Makes a row of scores one of probabilities.
DROPBP_INLINE void softmaxRow(float* row, size_t columns) {
  const float top = rowMaximum(row, columns);
  V total = splat(0);
  overRange(0, columns, [&](size_t i, size_t n) {
    const V e = exponential(loadN(row + i, n, -INFINITY) - top);
    total += n == W ? e : loadPart(reinterpret_cast<const float*>(&e), n);
    storeN(row + i, e, n);
  });
  const float factor = 1.f / sum(total);
  overRange(0, columns, [&](size_t i, size_t n) { storeN(row + i, loadN(row + i, n) * factor, n); });
}

// dx = y·(dy − Σ y·dy) over the last axis. Inputs: y, dy.
const char* runSoftmaxGrad(Call& call) {
  const Tensor y = call.input(0), dy = call.input(1);
  if (y.rank < 1 || !y.sameShape(dy)) return "y and dy differ in shape";
  float* dx = call.outputLike(0, y);
  const size_t columns = y.dim(-1);
  if (!dx || columns == 0) return nullptr;
  const size_t rows = y.count() / columns;
  overRows(call, rows, rowTasks(rows, columns), [&](size_t begin, size_t end, size_t) {
    for (size_t r = begin; r < end; r++) {
      const float* p = y.f32() + r * columns;
      const float* d = dy.f32() + r * columns;
      V total = splat(0);
      overRange(0, columns, [&](size_t i, size_t n) { total += loadN(p + i, n) * loadN(d + i, n); });
      const float along = sum(total);
      float* out = dx + r * columns;
      overRange(0, columns, [&](size_t i, size_t n) { storeN(out + i, loadN(p + i, n) * (loadN(d + i, n) - along), n); });
    }
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
