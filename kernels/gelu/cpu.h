// dx of y = x·Φ(x), and of its approximation by tanh.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// dx = dy·(Φ(x) + x·φ(x)), φ(x) = e^(−x²/2)/√(2π). Inputs: x, dy.
DROPBP_INLINE V geluSlope(V x) {
  // beyond, the slope is 0 or 1 to the last digit; of ∞ it is NaN, as ∞·0 is
  const V near = minimum(maximum(x, splat(-15.f)), splat(15.f));
  const V gauss = exponential(near * near * -0.5f);
  return normalCdf(near, gauss) + near * (gauss * 0.3989422804f) + (x - x);
}

// With s = σ(z), z = 2√(2/π)(x + 0.044715x³): dx = dy·s·(1 + xz′·(1 − s)), xz′ = 3z − 4√(2/π)·x. Inputs: x, dy.
DROPBP_INLINE V geluTanhSlope(V x) {
  const V near = minimum(maximum(x, splat(-15.f)), splat(15.f));
  const V z = near * (near * near * (2 * 0.7978845608f * 0.044715f) + 2 * 0.7978845608f);
  const V e = exponential(-absolute(z));
  const V low = e / (1.f + e);  // σ(−|z|), without cancellation
  const V s = select(z < 0.f, low, 1.f - low);
  const V rest = select(z < 0.f, 1.f - low, low);
  return s * (1.f + (3.f * z - 4 * 0.7978845608f * near) * rest) + (x - x);
}

template <V (*slope)(V)>
const char* runGeluGrad(Call& call) {
  const Tensor x = call.input(0), dy = call.input(1);
  if (!x.sameShape(dy)) return "x and dy differ in shape";
  float* dx = call.outputLike(0, x);
  if (!dx) return nullptr;
  overElements(call, x.count(), [&](size_t begin, size_t end) {
    overRange(begin, end, [&](size_t i, size_t n) {
      storeN(dx + i, loadN(dy.f32() + i, n) * slope(loadN(x.f32() + i, n)), n);
    });
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
