// One AdamW step of one parameter, in one pass over its memory.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// The decimal that a float32 was written as, for up to seven digits after the point.
inline double asWritten(float x) { return std::nearbyint(static_cast<double>(x) * 1e7) / 1e7; }

inline void copyUnless(float* to, const Tensor& from) {
  if (to && to != from.data) memcpy(to, from.data, from.count() * sizeof(float));
}

// With g' = g·gradient_scale, t = step + 1:
//   m' = β1·m + (1−β1)·g',  v' = β2·v + (1−β2)·g'²,  p' = (1 − lr·λ)·p − lr/(1−β1ᵗ)·m'/(√v'/√(1−β2ᵗ) + ε)
// An empty g leaves everything as it is. lr and λ are elements `index` of vectors.
// Inputs: p, g, m, v, step, learning_rate, beta1, beta2, epsilon, weight_decay, gradient_scale. Outputs: p', m', v', step'.
const char* runAdamW(Call& call) {
  const Tensor p = call.input(0), g = call.input(1), m = call.input(2), v = call.input(3), step = call.input(4);
  const Tensor rates = call.input(5), decays = call.input(9);
  const size_t count = p.count(), index = static_cast<size_t>(call.attribute(0));
  if (!p.sameShape(m) || !p.sameShape(v)) return "a moment differs from the parameter in shape";
  if (g.count() != 0 && static_cast<size_t>(g.count()) != count) return "the gradient is neither empty nor as large as the parameter";
  if (static_cast<int64_t>(index) >= rates.count() || static_cast<int64_t>(index) >= decays.count())
    return "there are fewer learning rates or decays than parameters";
  float* p2 = call.outputLike(0, p);
  float* m2 = call.outputLike(1, m);
  float* v2 = call.outputLike(2, v);
  float* step2 = call.outputLike(3, step);
  if (g.count() == 0) {
    copyUnless(p2, p);
    copyUnless(m2, m);
    copyUnless(v2, v);
    copyUnless(step2, step);
    return nullptr;
  }
  const float t = step.f32()[0] + 1.f;
  const double rate = rates.f32()[index], epsilon = call.input(8).f32()[0], scale = call.input(10).f32()[0];
  const double beta1 = asWritten(call.input(6).f32()[0]), beta2 = asWritten(call.input(7).f32()[0]);
  const double root = std::sqrt(1 - std::exp(std::log(beta2) * t));
  const float factor = static_cast<float>(rate * root / (1 - std::exp(std::log(beta1) * t)));
  const float floor = static_cast<float>(epsilon * root);
  const float keep1 = static_cast<float>(beta1), mix1 = static_cast<float>((1 - beta1) * scale);
  const float keep2 = static_cast<float>(beta2), mix2 = static_cast<float>((1 - beta2) * scale * scale);
  const float decay = static_cast<float>(1 - rate * static_cast<double>(decays.f32()[index]));
  if (step2) step2[0] = t;
  overElements(call, count, [&](size_t begin, size_t end) {
    overRange(begin, end, [&](size_t i, size_t n) {
      const V grad = loadN(g.f32() + i, n);
      const V mean = loadN(m.f32() + i, n) * keep1 + grad * mix1;
      const V square = loadN(v.f32() + i, n) * keep2 + grad * mix2 * grad;
      V deviation;
      for (size_t k = 0; k < W; k++) deviation[k] = sqrtf(square[k]);
      const V next = loadN(p.f32() + i, n) * decay - mean / (deviation + floor) * factor;
      if (m2) storeN(m2 + i, mean, n);
      if (v2) storeN(v2 + i, square, n);
      if (p2) storeN(p2 + i, next, n);
    });
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
