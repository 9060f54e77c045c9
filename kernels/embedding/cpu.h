// The gradient of rows that were read by index: rows added to a table at their indices.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// Tasks at most: each looks at all indices.
constexpr size_t kTableTasks = 64;
// Columns that a task has at least, whole cache lines.
constexpr size_t kTableColumns = 64;

// The part of a table that a task has: rows and columns.
struct TablePart {
  size_t top, bottom, left, right;
};

// Splits a table into rows, and what has few of them into columns too.
struct TableParts {
  size_t rows, width, down = 1, across = 1;

  TableParts(size_t rows, size_t width, size_t updates) : rows(rows), width(width) {
    const size_t elements = (rows + updates) * width, most = elements / kGrain < kTableTasks ? elements / kGrain : kTableTasks;
    if (most < 2) return;
    const size_t columns = (width + kTableColumns - 1) / kTableColumns;
    down = rows < most ? rows : most;
    across = columns < most / down ? columns : most / down;
  }
  size_t count() const { return down * across; }
  TablePart part(size_t task) const {
    const size_t i = task / across, j = task % across, columns = (width + across - 1) / across;
    const size_t left = j * columns < width ? j * columns : width;
    const size_t right = left + columns < width ? left + columns : width;
    return {rows * i / down, rows * (i + 1) / down, left, right};
  }
};

// Starts a part from the base, or from zeros where there is none.
inline void startPart(float* out, const float* base, size_t width, const TablePart& p) {
  if (base == out) return;
  // whole rows lie in one piece
  const bool isWhole = p.right - p.left == width;
  const size_t pieces = isWhole ? 1 : p.bottom - p.top;
  const size_t bytes = (isWhole ? (p.bottom - p.top) * width : p.right - p.left) * sizeof(float);
  if (bytes == 0) return;
  for (size_t r = 0; r < pieces; r++) {
    const size_t at = (p.top + r) * width + p.left;
    if (base) memcpy(out + at, base + at, bytes);
    else memset(out + at, 0, bytes);
  }
}

// A table with row j of the updates added to its row indices[j]. Every element is one task's, which adds in the order of j.
// Inputs: the table [rows, width], or its shape where it is zeros; indices int64 [n], negative ones from the end; updates
// [n, width].
template <bool hasBase>
const char* runEmbeddingGrad(Call& call) {
  const Tensor first = call.input(0), indices = call.input(1), updates = call.input(2);
  if (hasBase ? first.rank != 2 : first.rank != 1 || first.shape[0] != 2) return "a table has rows and columns";
  const int64_t shape[2] = {hasBase ? first.shape[0] : first.i64()[0], hasBase ? first.shape[1] : first.i64()[1]};
  if (shape[0] < 0 || shape[1] < 0) return "a table's shape is negative";
  if (indices.rank != 1 || updates.rank != 2 || updates.shape[0] != indices.shape[0] || updates.shape[1] != shape[1])
    return "there is not an update as wide as the table for each index";
  const int64_t rows = shape[0], count = indices.shape[0];
  const int64_t* index = indices.i64();
  for (int64_t j = 0; j < count; j++)
    if (index[j] < -rows || index[j] >= rows) return "indices element out of data bounds: there is no such row";
  float* out = static_cast<float*>(call.output(0, shape, 2));
  if (!out) return nullptr;
  const size_t width = shape[1];
  const TableParts parts(rows, width, count);
  parallelFor(call, parts.count(), [&](size_t task) {
    const TablePart p = parts.part(task);
    startPart(out, hasBase ? first.f32() : nullptr, width, p);
    for (int64_t j = 0; j < count; j++) {
      const size_t r = index[j] < 0 ? index[j] + rows : index[j];
      if (r < p.top || r >= p.bottom) continue;
      float* row = out + r * width;
      const float* more = updates.f32() + j * width;
      overRange(p.left, p.right, [&](size_t i, size_t n) { storeN(row + i, loadN(row + i, n) + loadN(more + i, n), n); });
    }
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
