// Gradients of RMS normalisation over the last axis.
#pragma once
#include "../layer-normalization/cpu.h"

namespace dropbp {
namespace {

// With inv = 1/√(mean(x²) + ε), x̂ = x·inv, g = dy·scale: dx = inv·(g − x̂·mean(g·x̂)), dscale = Σ dy·x̂ over rows.
// Inputs: x [rows, columns], scale [columns], dy. Outputs: dx, dscale. Attribute: epsilon.
const char* runRMSNormalizationGrad(Call& call) {
  const Tensor x = call.input(0), scale = call.input(1), dy = call.input(2);
  if (x.rank != 2 || !x.sameShape(dy)) return "x and dy are not matrices of one shape";
  if (scale.rank != 1 || scale.shape[0] != x.shape[1]) return "scale does not have an element a column";
  float* dx = call.outputLike(0, x);
  float* dscale = call.outputLike(1, scale);
  const float epsilon = static_cast<float>(call.attribute(0));
  const NormGrad pass{x.f32(), scale.f32(), dy.f32(), nullptr, nullptr, epsilon, static_cast<size_t>(x.shape[1]), dx};
  return normGrad(call, pass, x.shape[0], dscale, nullptr);
}

}  // namespace
}  // namespace dropbp
