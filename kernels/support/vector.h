// Vectors of floats, as wide as the instruction set this is compiled for, and the functions that kernels are made of.
// Written in the vector extensions that GCC and Clang share. Tolerances are stated at each function and tested.
#pragma once
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "kernel.h"

#if defined(__AVX512F__)
#define DROPBP_WIDTH 16
#elif defined(__AVX__)
#define DROPBP_WIDTH 8
#else
#define DROPBP_WIDTH 4
#endif

namespace dropbp {
namespace {

constexpr size_t W = DROPBP_WIDTH;
typedef float V __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t I __attribute__((vector_size(W * 4), aligned(4), may_alias));

DROPBP_INLINE V load(const float* p) { return *reinterpret_cast<const V*>(p); }
DROPBP_INLINE void store(float* p, V v) { *reinterpret_cast<V*>(p) = v; }
DROPBP_INLINE V splat(float x) { return V{} + x; }

// The first n < W elements of memory, the others `fill`.
DROPBP_INLINE V loadPart(const float* p, size_t n, float fill = 0) {
  float buffer[W];
  for (size_t i = 0; i < W; i++) buffer[i] = fill;
  memcpy(buffer, p, n * sizeof(float));
  return load(buffer);
}
DROPBP_INLINE void storePart(float* p, V v, size_t n) {
  float buffer[W];
  store(buffer, v);
  memcpy(p, buffer, n * sizeof(float));
}

DROPBP_INLINE I bitsOf(V v) { return reinterpret_cast<I&>(v); }
DROPBP_INLINE V fromBits(I i) { return reinterpret_cast<V&>(i); }
DROPBP_INLINE V select(I mask, V a, V b) { return mask ? a : b; }
// Of two numbers; where either is NaN, the first. One instruction each.
DROPBP_INLINE V maximum(V a, V b) { return b > a ? b : a; }
DROPBP_INLINE V minimum(V a, V b) { return b < a ? b : a; }
DROPBP_INLINE V absolute(V a) { return fromBits(bitsOf(a) & 0x7fffffff); }

DROPBP_INLINE float sum(V v) {
  float buffer[W];
  store(buffer, v);
  for (size_t half = W / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; i++) buffer[i] += buffer[i + half];
  return buffer[0];
}
DROPBP_INLINE float largest(V v) {
  float buffer[W];
  store(buffer, v);
  float top = buffer[0];
  for (size_t i = 1; i < W; i++) top = buffer[i] > top || buffer[i] != buffer[i] ? buffer[i] : top;
  return top;
}

// eˣ within 2 units in the last place over all of float32: 0 below −104, denormals between, ∞ above 88.73, NaN of NaN.
DROPBP_INLINE V exponential(V x) {
  x = minimum(maximum(x, splat(-105.f)), splat(89.f));
  // x = n·ln 2 + r with |r| ≤ ln 2 / 2; adding 1.5·2²³ rounds to an integer, which is then in the low bits
  const float magic = 12582912.f;
  const V shifted = x * 1.44269504f + magic;
  const I n = bitsOf(shifted) - 0x4b400000;
  const V whole = shifted - magic;
  const V r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  // eʳ = 1 + r + r²·p(r), p interpolated at Chebyshev nodes
  const V p = 0.5f + r * (0.1666657703f + r * (0.04166655466f + r * (0.008363173075f + r * 0.001392617612f)));
  const V e = 1.f + (r + r * r * p);
  // in two factors, since 2ⁿ alone may lie outside of the normal numbers
  const I half = n >> 1;
  return e * fromBits((half + 127) << 23) * fromBits((n - half + 127) << 23);
}

// 1 / (1 + e⁻ˣ)
DROPBP_INLINE V sigmoid(V x) { return 1.f / (1.f + exponential(-x)); }

// The normal distribution's Φ(x), given gauss = e^(−x²/2); relative error within 5e-7 on both sides of zero.
DROPBP_INLINE V normalCdf(V x, V gauss) {
  // erfcx(t) = q·p(q), q = 1/(1 + 0.33·t) on t ≥ 0, interpolated at Chebyshev nodes; Φ(−√2·t) = ½·e^(−t²)·erfcx(t)
  const V q = 1.f / (1.f + absolute(x) * (0.33f * 0.70710678f));
  V p = splat(0.05905738773f);
  p = p * q - 0.3214505924f;
  p = p * q + 0.6226302164f;
  p = p * q - 0.5542053494f;
  p = p * q + 0.4965936785f;
  p = p * q - 0.04946862569f;
  p = p * q + 0.2069178912f;
  p = p * q + 0.1666026929f;
  p = p * q + 0.1871869134f;
  p = p * q + 0.1861357883f;
  const V tail = 0.5f * gauss * (q * p);
  return select(x < 0.f, tail, 1.f - tail);
}

// Applies `f` to vectors at the same places of n-element arrays; `f` takes the place and the number of elements there.
template <typename F>
DROPBP_INLINE void overRange(size_t begin, size_t end, F&& f) {
  size_t i = begin;
  for (; i + W <= end; i += W) f(i, W);
  if (i < end) f(i, end - i);
}
DROPBP_INLINE V loadN(const float* p, size_t n, float fill = 0) { return n == W ? load(p) : loadPart(p, n, fill); }
DROPBP_INLINE void storeN(float* p, V v, size_t n) {
  if (n == W) store(p, v);
  else storePart(p, v, n);
}

// Elements that one task should have at least.
constexpr size_t kGrain = 16384;

// Splits n elements into tasks and calls `f(begin, end)` for each.
template <typename F>
void overElements(Call& call, size_t n, F&& f) {
  const size_t tasks = (n + kGrain - 1) / kGrain;
  parallelFor(call, tasks, [&](size_t t) {
    const size_t begin = t * kGrain;
    f(begin, begin + kGrain < n ? begin + kGrain : n);
  });
}

// Splits rows of `columns` elements into tasks, at most `most` where given, and calls `f(begin, end, task)` for each.
inline size_t rowTasks(size_t rows, size_t columns, size_t most = SIZE_MAX) {
  const size_t perTask = columns >= kGrain ? 1 : kGrain / (columns ? columns : 1);
  const size_t tasks = (rows + perTask - 1) / perTask;
  return tasks < most ? tasks : most;
}
template <typename F>
void overRows(Call& call, size_t rows, size_t tasks, F&& f) {
  parallelFor(call, tasks, [&](size_t t) { f(rows * t / tasks, rows * (t + 1) / tasks, t); });
}

// Memory for intermediate results, aligned to cache lines.
class Scratch {
 public:
  explicit Scratch(size_t floats) : raw_(malloc(floats * sizeof(float) + 64)) {}
  ~Scratch() { free(raw_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  bool failed() const { return raw_ == nullptr; }
  float* data() const { return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(raw_) + 63) & ~uintptr_t{63}); }

 private:
  void* raw_;
};

constexpr const char* kOutOfMemory = "no memory for intermediate results";

}  // namespace
}  // namespace dropbp
