// y = g·σ(g)·u and its gradients.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// Inputs: g, u. Output: y.
const char* runSwiGLU(Call& call) {
  const Tensor g = call.input(0), u = call.input(1);
  if (!g.sameShape(u)) return "g and u differ in shape";
  float* y = call.outputLike(0, g);
  if (!y) return nullptr;
  overElements(call, g.count(), [&](size_t begin, size_t end) {
    overRange(begin, end, [&](size_t i, size_t n) {
      const V a = loadN(g.f32() + i, n);
      storeN(y + i, a * sigmoid(a) * loadN(u.f32() + i, n), n);
    });
  });
  return nullptr;
}

// With s = σ(g), a = g·s: dg = dy·u·(s + a·(1 − s)), du = dy·a. Inputs: g, u, dy. Outputs: dg, du.
const char* runSwiGLUGrad(Call& call) {
  const Tensor g = call.input(0), u = call.input(1), dy = call.input(2);
  if (!g.sameShape(u) || !g.sameShape(dy)) return "g, u and dy differ in shape";
  float* dg = call.outputLike(0, g);
  float* du = call.outputLike(1, g);
  overElements(call, g.count(), [&](size_t begin, size_t end) {
    overRange(begin, end, [&](size_t i, size_t n) {
      const V gate = loadN(g.f32() + i, n), up = loadN(u.f32() + i, n), d = loadN(dy.f32() + i, n);
      const V s = sigmoid(gate);
      const V a = gate * s;
      if (dg) storeN(dg + i, d * up * (s + a * (1.f - s)), n);
      if (du) storeN(du + i, d * a, n);
    });
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
