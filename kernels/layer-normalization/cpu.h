// Gradients of layer normalisation over the last axis; RMS normalisation is the same without the mean.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// Tasks that sum columns on their own; their number is fixed, so that results do not depend on the threads.
constexpr size_t kColumnTasks = 16;

// A pass over rows that makes dx and each task's own sums over its rows.
struct NormGrad {
  const float* x;
  const float* scale;
  const float* dy;
  const float* mean;  // null for RMS normalisation
  const float* inv;   // null where it is computed again from `epsilon`
  float epsilon;
  size_t columns;
  float* dx;  // null where nobody reads it

  // 1/√(mean(x²) + ε) of a row.
  DROPBP_INLINE float inverseRms(const float* row) const {
    V total = splat(0);
    overRange(0, columns, [&](size_t i, size_t n) {
      const V v = loadN(row + i, n);
      total += v * v;
    });
    return 1.f / sqrtf(sum(total) / static_cast<float>(columns) + epsilon);
  }

  void rows(size_t begin, size_t end, float* dscale, float* dbias) const {
    for (size_t r = begin; r < end; r++) {
      const float* xr = x + r * columns;
      const float* dr = dy + r * columns;
      const float center = mean ? mean[r] : 0.f;
      const float spread = inv ? inv[r] : inverseRms(xr);
      V sumG = splat(0), sumGx = splat(0);
      overRange(0, columns, [&](size_t i, size_t n) {
        const V normal = (loadN(xr + i, n, center) - center) * spread;
        const V d = loadN(dr + i, n);
        const V g = d * loadN(scale + i, n);
        sumG += g;
        sumGx += g * normal;
        if (dscale) storeN(dscale + i, loadN(dscale + i, n) + d * normal, n);
        if (dbias) storeN(dbias + i, loadN(dbias + i, n) + d, n);
      });
      if (!dx) continue;
      const float count = static_cast<float>(columns);
      const float meanG = mean ? sum(sumG) / count : 0.f;
      const float along = sum(sumGx) / count;
      float* out = dx + r * columns;
      overRange(0, columns, [&](size_t i, size_t n) {
        const V normal = (loadN(xr + i, n, center) - center) * spread;
        const V g = loadN(dr + i, n) * loadN(scale + i, n);
        storeN(out + i, (g - meanG - normal * along) * spread, n);
      });
    }
  }
};

// Runs over all rows and adds up the tasks' sums into dscale and dbias, where wanted.
inline const char* normGrad(Call& call, const NormGrad& pass, size_t rows, float* dscale, float* dbias) {
  const size_t columns = pass.columns;
  const size_t tasks = rowTasks(rows, columns, kColumnTasks);
  const size_t sums = (dscale ? 1 : 0) + (dbias ? 1 : 0);
  const Scratch parts(tasks * sums * columns);
  if (parts.failed()) return kOutOfMemory;
  memset(parts.data(), 0, tasks * sums * columns * sizeof(float));
  overRows(call, rows, tasks, [&](size_t begin, size_t end, size_t t) {
    float* own = parts.data() + t * sums * columns;
    pass.rows(begin, end, dscale ? own : nullptr, dbias ? own + (sums - 1) * columns : nullptr);
  });
  for (size_t k = 0; k < sums; k++) {
    float* total = k == 0 && dscale ? dscale : dbias;
    memset(total, 0, columns * sizeof(float));
    for (size_t t = 0; t < tasks; t++) {
      const float* own = parts.data() + (t * sums + k) * columns;
      overRange(0, columns, [&](size_t i, size_t n) { storeN(total + i, loadN(total + i, n) + loadN(own + i, n), n); });
    }
  }
  return nullptr;
}

// With x̂ = (x − mean)·inv, g = dy·scale: dx = inv·(g − mean(g) − x̂·mean(g·x̂)), dscale = Σ dy·x̂, dbias = Σ dy over rows.
// Inputs: x [rows, columns], scale [columns], dy, mean [rows, 1], inv [rows, 1]. Outputs: dx, dscale, dbias.
const char* runLayerNormalizationGrad(Call& call) {
  const Tensor x = call.input(0), scale = call.input(1), dy = call.input(2);
  const Tensor mean = call.input(3), inv = call.input(4);
  if (x.rank != 2 || !x.sameShape(dy)) return "x and dy are not matrices of one shape";
  const size_t rows = x.shape[0], columns = x.shape[1];
  if (scale.rank != 1 || scale.shape[0] != x.shape[1]) return "scale does not have an element a column";
  if (mean.count() != x.shape[0] || inv.count() != x.shape[0]) return "mean and inv do not have an element a row";
  float* dx = call.outputLike(0, x);
  float* dscale = call.outputLike(1, scale);
  float* dbias = call.outputLike(2, scale);
  const NormGrad pass{x.f32(), scale.f32(), dy.f32(), mean.f32(), inv.f32(), 0.f, columns, dx};
  return normGrad(call, pass, rows, dscale, dbias);
}

}  // namespace
}  // namespace dropbp
