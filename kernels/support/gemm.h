// Products of small matrices, on one thread, for kernels that work in tiles.
#pragma once
#include "vector.h"

namespace dropbp {
namespace {

// Rows of a register tile: as many accumulators as the registers hold besides a row of B and an element of A.
#if DROPBP_WIDTH == 16
constexpr size_t kTileRows = 12;
#elif DROPBP_WIDTH == 8
constexpr size_t kTileRows = 6;
#elif defined(__aarch64__)
constexpr size_t kTileRows = 8;
#else
constexpr size_t kTileRows = 4;
#endif
constexpr size_t kTileVectors = 2;
constexpr size_t kTileColumns = kTileVectors * W;

constexpr size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

// A k×n matrix in panels of kTileColumns columns, each contiguous and the last padded with zeros.
struct Panels {
  float* data;
  size_t depth;  // rows that the panels were packed with

  static size_t size(size_t k, size_t n) { return k * roundUp(n, kTileColumns); }
  const float* panel(size_t column) const { return data + column * depth; }

  // Packs from memory where element (p, j) lies at p·rowStride + j·columnStride.
  void pack(const float* from, size_t k, size_t n, size_t rowStride, size_t columnStride) {
    depth = k;
    for (size_t j = 0; j < n; j += kTileColumns) {
      const size_t width = n - j < kTileColumns ? n - j : kTileColumns;
      float* to = data + j * k;
      if (columnStride == 1) {
        for (size_t p = 0; p < k; p++, to += kTileColumns) {
          memcpy(to, from + p * rowStride + j, width * sizeof(float));
          for (size_t c = width; c < kTileColumns; c++) to[c] = 0;
        }
      } else {
        for (size_t c = 0; c < kTileColumns; c++)
          for (size_t p = 0; p < k; p++)
            to[p * kTileColumns + c] = c < width ? from[p * rowStride + (j + c) * columnStride] : 0;
      }
    }
  }
};

// The left operand: element (i, p) lies at i·rowStride + p·depthStride.
struct Left {
  const float* data;
  size_t rowStride;
  size_t depthStride;
};

template <size_t rows>
DROPBP_INLINE void tile(size_t k, const float* a, size_t rowStride, size_t depthStride, const float* b, float* c,
                        size_t ldc, float alpha, bool add, size_t columns) {
  V acc[rows][kTileVectors] = {};
  for (size_t p = 0; p < k; p++) {
    const V b0 = load(b), b1 = load(b + W);
#pragma GCC unroll 12
    for (size_t i = 0; i < rows; i++) {
      const float x = a[i * rowStride];
      acc[i][0] += x * b0;
      acc[i][1] += x * b1;
    }
    a += depthStride;
    b += kTileColumns;
  }
#pragma GCC unroll 12
  for (size_t i = 0; i < rows; i++) {
    float* row = c + i * ldc;
    for (size_t v = 0; v < kTileVectors; v++) {
      const size_t from = v * W;
      if (from >= columns) break;
      const size_t n = columns - from < W ? columns - from : W;
      V result = acc[i][v] * alpha;
      if (add) result += loadN(row + from, n);
      storeN(row + from, result, n);
    }
  }
}

template <size_t rows>
void tileOf(size_t left, size_t k, const float* a, const Left& A, const float* b, float* c, size_t ldc, float alpha,
            bool add, size_t columns) {
  if (left == rows) return tile<rows>(k, a, A.rowStride, A.depthStride, b, c, ldc, alpha, add, columns);
  if constexpr (rows > 1) tileOf<rows - 1>(left, k, a, A, b, c, ldc, alpha, add, columns);
}

// C = alpha·A·B, or added to C: A m×k, B k×n in panels (of which the first k rows count), C with rows ldc apart.
void multiply(size_t m, size_t n, size_t k, const Left& A, const Panels& B, float* c, size_t ldc, float alpha, bool add) {
  for (size_t j = 0; j < n; j += kTileColumns) {
    const size_t columns = n - j < kTileColumns ? n - j : kTileColumns;
    for (size_t i = 0; i < m; i += kTileRows) {
      const size_t rows = m - i < kTileRows ? m - i : kTileRows;
      tileOf<kTileRows>(rows, k, A.data + i * A.rowStride, A, B.panel(j), c + i * ldc + j, ldc, alpha, add, columns);
    }
  }
}

}  // namespace
}  // namespace dropbp
