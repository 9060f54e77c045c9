// Attention and its gradient, a block of queries at a time: of the scores [queries, keys] only a block's rows exist.
#pragma once
#include <atomic>

#include "../softmax/cpu.h"
#include "../support/gemm.h"

namespace dropbp {
namespace {

constexpr size_t kQueryBlock = kTileRows * 8;
// Workers that have scratch memory of their own; more threads than this do not help.
constexpr size_t kMostWorkers = 64;

// What becomes of queries that see no key.
enum class Blind { none, zero, uniform };

// Operands q [B, H, S, D], k [B, G, T, D], v [B, G, T, E]; mask broadcast to [B, H, S, T]; visible to [B, H, S, 1].
struct Attention {
  Tensor q, k, v, mask, visible;
  size_t B, H, G, S, T, D, E;
  float scale;
  bool causal;
  Blind blind;

  const char* init(Call& call, bool isCausal, Blind whatIfBlind, bool hasMask) {
    q = call.input(0), k = call.input(1), v = call.input(2);
    if (hasMask) mask = call.input(3);
    if (whatIfBlind != Blind::none) visible = call.input(4);
    scale = static_cast<float>(call.attribute(0));
    causal = isCausal;
    blind = whatIfBlind;
    if (q.rank != 4 || k.rank != 4 || v.rank != 4) return "q, k and v are not of rank 4";
    B = q.shape[0], H = q.shape[1], S = q.shape[2], D = q.shape[3], G = k.shape[1], T = k.shape[2], E = v.shape[3];
    if (k.shape[0] != q.shape[0] || v.shape[0] != q.shape[0] || v.shape[1] != k.shape[1] || v.shape[2] != k.shape[2] ||
        k.shape[3] != q.shape[3])
      return "q, k and v do not fit together";
    if (G == 0 || H % G != 0) return "the groups of keys do not divide the heads";
    if (causal && S != T) return "causal attention of as many keys as queries only";
    if (hasMask && !(fits(mask, -1, T) && fits(mask, -2, S) && fits(mask, -3, H) && fits(mask, -4, B)))
      return "the mask is not broadcast to the scores";
    if (visible.data && !(visible.dim(-1) == 1 && fits(visible, -2, S) && fits(visible, -3, H) && fits(visible, -4, B)))
      return "`visible` is not broadcast to the queries";
    return nullptr;
  }

  static bool fits(const Tensor& x, int axis, size_t length) {
    return x.rank <= 4 && (x.dim(axis) == 1 || static_cast<size_t>(x.dim(axis)) == length);
  }
  // Row (b, h, s) of a tensor that is broadcast to [B, H, S, its last axis].
  static const float* rowOf(const Tensor& x, size_t b, size_t h, size_t s) {
    const size_t row = x.dim(-1), rows = x.dim(-2), heads = x.dim(-3);
    const size_t at = ((x.dim(-4) == 1 ? 0 : b) * heads + (heads == 1 ? 0 : h)) * rows + (rows == 1 ? 0 : s);
    return x.f32() + at * row;
  }
  bool isBlind(size_t b, size_t h, size_t s) const { return visible.data && *rowOf(visible, b, h, s) == 0.f; }
  size_t group(size_t h) const { return h / (H / G); }
  size_t blocks() const { return (S + kQueryBlock - 1) / kQueryBlock; }
  // Keys that queries before `end` can see.
  size_t keys(size_t end) const { return causal ? end : T; }
  size_t scoresStride() const { return roundUp(T, kTileColumns); }

  const float* queries(size_t b, size_t h, size_t s) const { return q.f32() + ((b * H + h) * S + s) * D; }
  const float* keysOf(size_t b, size_t g) const { return k.f32() + (b * G + g) * T * D; }
  const float* valuesOf(size_t b, size_t g) const { return v.f32() + (b * G + g) * T * E; }

  // Probabilities of queries [begin, end) of a head, in rows `scoresStride` apart. `kt` is the panels of kᵀ.
  void probabilities(size_t b, size_t h, size_t begin, size_t end, const Panels& kt, float* p) const {
    const size_t n = keys(end), stride = scoresStride();
    multiply(end - begin, n, D, {queries(b, h, begin), D, 1}, kt, p, stride, scale, false);
    for (size_t s = begin; s < end; s++) {
      float* row = p + (s - begin) * stride;
      if (mask.data) {
        const float* m = rowOf(mask, b, h, s);
        if (mask.dim(-1) == 1) overRange(0, n, [&](size_t i, size_t c) { storeN(row + i, loadN(row + i, c) + m[0], c); });
        else overRange(0, n, [&](size_t i, size_t c) { storeN(row + i, loadN(row + i, c) + loadN(m + i, c), c); });
      }
      softmaxRow(row, n);
    }
  }
};

// Hands out items to workers with scratch memory of their own. `f(item, scratch)`.
template <typename F>
const char* overItems(Call& call, size_t items, size_t scratchEach, F&& f) {
  const size_t workers = items < kMostWorkers ? items : kMostWorkers;
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  parallelFor(call, workers, [&](size_t) {
    size_t item = next.fetch_add(1);
    if (item >= items) return;
    const Scratch scratch(scratchEach);
    if (scratch.failed()) return failed.store(true);
    for (; item < items && !failed.load(); item = next.fetch_add(1)) f(item, scratch.data());
  });
  return failed.load() ? kOutOfMemory : nullptr;
}

// Mean of all values of a group.
void meanValue(const Attention& a, size_t b, size_t g, float* mean) {
  memset(mean, 0, a.E * sizeof(float));
  for (size_t t = 0; t < a.T; t++)
    for (size_t e = 0; e < a.E; e++) mean[e] += a.valuesOf(b, g)[t * a.E + e];
  for (size_t e = 0; e < a.E; e++) mean[e] /= static_cast<float>(a.T);
}

// y = softmax(scale·q·kᵀ + mask)·v. Inputs: q, k, v, mask, visible. Output: y. Attribute: scale.
template <bool masked, bool causal, Blind blind>
const char* runAttention(Call& call) {
  Attention a;
  if (const char* wrong = a.init(call, causal, blind, masked)) return wrong;
  const int64_t shape[] = {a.q.shape[0], a.q.shape[1], a.q.shape[2], a.v.shape[3]};
  float* y = static_cast<float*>(call.output(0, shape, 4));
  if (!y || a.B * a.H * a.S == 0) return nullptr;
  const size_t ktSize = Panels::size(a.D, a.T), vSize = Panels::size(a.T, a.E), groups = a.B * a.G;
  const Scratch packed(groups * (ktSize + vSize));
  if (packed.failed()) return kOutOfMemory;
  const auto ktOf = [&](size_t bg) { return Panels{packed.data() + bg * (ktSize + vSize), a.D}; };
  const auto vOf = [&](size_t bg) { return Panels{packed.data() + bg * (ktSize + vSize) + ktSize, a.T}; };
  parallelFor(call, groups, [&](size_t bg) {
    Panels kt = ktOf(bg), v = vOf(bg);
    kt.pack(a.keysOf(0, bg), a.D, a.T, 1, a.D);
    v.pack(a.valuesOf(0, bg), a.T, a.E, a.E, 1);
  });
  const size_t blocks = a.blocks(), heads = a.B * a.H;
  return overItems(call, heads * blocks, kQueryBlock * a.scoresStride() + a.E, [&](size_t item, float* scratch) {
    // the longest blocks first, so that the last ones to finish are short
    const size_t bh = item % heads, block = blocks - 1 - item / heads, b = bh / a.H, h = bh % a.H;
    const size_t begin = block * kQueryBlock, end = begin + kQueryBlock < a.S ? begin + kQueryBlock : a.S;
    const size_t bg = b * a.G + a.group(h), stride = a.scoresStride();
    float* out = y + (bh * a.S + begin) * a.E;
    a.probabilities(b, h, begin, end, ktOf(bg), scratch);
    multiply(end - begin, a.E, a.keys(end), {scratch, stride, 1}, vOf(bg), out, a.E, 1.f, false);
    float* mean = nullptr;
    for (size_t s = begin; s < end; s++) {
      if (!a.isBlind(b, h, s)) continue;
      float* row = out + (s - begin) * a.E;
      if (blind == Blind::uniform) {
        if (!mean) meanValue(a, b, a.group(h), mean = scratch + kQueryBlock * stride);
        memcpy(row, mean, a.E * sizeof(float));
      } else {
        memset(row, 0, a.E * sizeof(float));
      }
    }
  });
}

// Where the memory of one task of the gradient lies.
struct GradScratch {
  Panels kt, vt, k, dy, q;
  float *p, *ds, *blindSum, *rowTerm, *dyRows;

  static size_t size(const Attention& a) {
    return Panels::size(a.D, a.T) + Panels::size(a.E, a.T) + Panels::size(a.T, a.D) + Panels::size(kQueryBlock, a.E) +
           Panels::size(kQueryBlock, a.D) + 2 * kQueryBlock * a.scoresStride() + roundUp(a.E, 16) + kQueryBlock +
           kQueryBlock * a.E;
  }
  GradScratch(const Attention& a, float* at) {
    const auto take = [&](size_t n) { return at += n, at - n; };
    kt = {take(Panels::size(a.D, a.T)), a.D};
    vt = {take(Panels::size(a.E, a.T)), a.E};
    k = {take(Panels::size(a.T, a.D)), a.T};
    dy = {take(Panels::size(kQueryBlock, a.E)), kQueryBlock};
    q = {take(Panels::size(kQueryBlock, a.D)), kQueryBlock};
    p = take(kQueryBlock * a.scoresStride());
    ds = take(kQueryBlock * a.scoresStride());
    blindSum = take(roundUp(a.E, 16));
    rowTerm = take(kQueryBlock);
    dyRows = take(kQueryBlock * a.E);
  }
};

// The gradient of one group of keys, all of whose heads and queries it goes through.
struct AttentionGrad {
  const Attention& a;
  const float* y;
  const float* dy;
  float *dq, *dk, *dv;

  void group(size_t b, size_t g, GradScratch s) const {
    const size_t each = a.H / a.G, keyRows = (b * a.G + g) * a.T;
    s.kt.pack(a.keysOf(b, g), a.D, a.T, 1, a.D);
    s.vt.pack(a.valuesOf(b, g), a.E, a.T, 1, a.E);
    s.k.pack(a.keysOf(b, g), a.T, a.D, a.D, 1);
    if (dk) memset(dk + keyRows * a.D, 0, a.T * a.D * sizeof(float));
    if (dv) memset(dv + keyRows * a.E, 0, a.T * a.E * sizeof(float));
    memset(s.blindSum, 0, a.E * sizeof(float));
    for (size_t h = g * each; h < (g + 1) * each; h++)
      for (size_t begin = 0; begin < a.S; begin += kQueryBlock)
        block(b, h, begin, begin + kQueryBlock < a.S ? begin + kQueryBlock : a.S, s, keyRows);
    if (dv && a.blind == Blind::uniform)
      for (size_t t = 0; t < a.T; t++)
        for (size_t e = 0; e < a.E; e++) dv[(keyRows + t) * a.E + e] += s.blindSum[e] / static_cast<float>(a.T);
  }

  // dP = dy·vᵀ, dS = P∘(dP − rowsum(dy∘y)): dq = scale·dS·k, dk += scale·dSᵀ·q, dv += Pᵀ·dy
  void block(size_t b, size_t h, size_t begin, size_t end, GradScratch& s, size_t keyRows) const {
    const size_t rows = end - begin, n = a.keys(end), stride = a.scoresStride(), at = (b * a.H + h) * a.S + begin;
    const float* d = cotangent(b, h, begin, rows, s, at);
    a.probabilities(b, h, begin, end, s.kt, s.p);
    if (dv) {
      s.dy.pack(d, rows, a.E, a.E, 1);
      multiply(n, a.E, rows, {s.p, 1, stride}, s.dy, dv + keyRows * a.E, a.E, 1.f, true);
    }
    if (!dq && !dk) return;
    multiply(rows, n, a.E, {d, a.E, 1}, s.vt, s.ds, stride, 1.f, false);
    for (size_t r = 0; r < rows; r++) {
      const float* p = s.p + r * stride;
      float* ds = s.ds + r * stride;
      const float term = s.rowTerm[r];
      overRange(0, n, [&](size_t i, size_t c) { storeN(ds + i, loadN(p + i, c) * (loadN(ds + i, c) - term), c); });
    }
    if (dq) multiply(rows, a.D, n, {s.ds, stride, 1}, s.k, dq + at * a.D, a.D, a.scale, false);
    if (dk) {
      s.q.pack(a.queries(b, h, begin), rows, a.D, a.D, 1);
      multiply(n, a.D, rows, {s.ds, 1, stride}, s.q, dk + keyRows * a.D, a.D, a.scale, true);
    }
  }

  // dy of a block of queries, without that of blind ones, which goes to their sum; the row terms besides.
  const float* cotangent(size_t b, size_t h, size_t begin, size_t rows, GradScratch& s, size_t at) const {
    const float* d = dy + at * a.E;
    if (a.visible.data) {
      memcpy(s.dyRows, d, rows * a.E * sizeof(float));
      d = s.dyRows;
    }
    for (size_t r = 0; r < rows; r++) {
      if (a.isBlind(b, h, begin + r)) {
        float* own = s.dyRows + r * a.E;
        for (size_t e = 0; e < a.E; e++) s.blindSum[e] += own[e];
        memset(own, 0, a.E * sizeof(float));
      }
      V total = splat(0);
      overRange(0, a.E, [&](size_t i, size_t n) { total += loadN(d + r * a.E + i, n) * loadN(y + (at + r) * a.E + i, n); });
      s.rowTerm[r] = sum(total);
    }
    return d;
  }
};

// Gradients of q, k and v. Inputs: q, k, v, mask, visible, y, dy, the two in the middle as the name says. Attribute: scale.
template <bool masked, bool causal, Blind blind>
const char* runAttentionGrad(Call& call) {
  Attention a;
  if (const char* wrong = a.init(call, causal, blind, masked)) return wrong;
  const size_t first = 3 + (masked ? 1 : 0) + (blind != Blind::none ? 1 : 0);
  const Tensor y = call.input(first), dy = call.input(first + 1);
  if (!y.sameShape(dy) || y.rank != 4 || y.count() != static_cast<int64_t>(a.B * a.H * a.S * a.E))
    return "y and dy do not have the shape of attention's result";
  float* dq = call.outputLike(0, a.q);
  float* dk = call.outputLike(1, a.k);
  float* dv = call.outputLike(2, a.v);
  const AttentionGrad grad{a, y.f32(), dy.f32(), dq, dk, dv};
  return overItems(call, a.B * a.G, GradScratch::size(a), [&](size_t item, float* scratch) {
    grad.group(item / a.G, item % a.G, GradScratch(a, scratch));
  });
}

}  // namespace
}  // namespace dropbp
