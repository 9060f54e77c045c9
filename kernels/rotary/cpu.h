// Rotation of pairs whose members are the halves of the last axis.
#pragma once
#include "../support/vector.h"

namespace dropbp {
namespace {

// Offset of every row of x in a tensor that is broadcast to it along all axes but the last.
struct RowOffsets {
  size_t rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t stride[kMaxRank] = {};

  // False where `from` cannot be broadcast to `to`.
  bool init(const Tensor& from, const Tensor& to) {
    if (from.rank > to.rank || from.rank < 1 || from.dim(-1) != to.dim(-1)) return false;
    rank = to.rank - 1;
    int64_t step = from.dim(-1);
    for (int axis = -2; axis >= -static_cast<int>(to.rank); axis--) {
      const int64_t own = from.dim(axis), all = to.dim(axis);
      if (own != 1 && own != all) return false;
      const size_t at = to.rank + axis;
      shape[at] = all;
      stride[at] = own == 1 ? 0 : step;
      step *= own;
    }
    return true;
  }
  int64_t at(size_t row) const {
    int64_t offset = 0;
    for (size_t axis = rank; axis-- > 0; row /= shape[axis]) offset += static_cast<int64_t>(row % shape[axis]) * stride[axis];
    return offset;
  }
};

// y = x·cos + R(x)·sin, R(x₁, x₂) = (−x₂, x₁); back: y = x·cos − R(x·sin), which is (x₁c₁ + x₂s₂, x₂c₂ − x₁s₁).
// Inputs: x [..., d], cos, sin (broadcast along all axes but the last). Output: y.
template <bool back>
const char* runRotary(Call& call) {
  const Tensor x = call.input(0), cos = call.input(1), sin = call.input(2);
  RowOffsets cosRows, sinRows;
  if (x.rank < 1 || x.dim(-1) % 2 != 0) return "the last axis has no halves";
  if (!cosRows.init(cos, x) || !sinRows.init(sin, x)) return "the angles are not broadcast to x along all axes but the last";
  float* y = call.outputLike(0, x);
  const size_t columns = x.dim(-1), half = columns / 2;
  if (!y || columns == 0) return nullptr;
  const size_t rows = x.count() / columns;
  overRows(call, rows, rowTasks(rows, columns), [&](size_t begin, size_t end, size_t) {
    for (size_t r = begin; r < end; r++) {
      const float* in = x.f32() + r * columns;
      const float* c = cos.f32() + cosRows.at(r);
      const float* s = sin.f32() + sinRows.at(r);
      float* out = y + r * columns;
      overRange(0, half, [&](size_t i, size_t n) {
        const V a = loadN(in + i, n), b = loadN(in + half + i, n);
        const V s1 = loadN(s + i, n), s2 = loadN(s + half + i, n);
        const V first = a * loadN(c + i, n), second = b * loadN(c + half + i, n);
        storeN(out + i, back ? first + b * s2 : first - b * s1, n);
        storeN(out + half + i, back ? second - a * s1 : second + a * s2, n);
      });
    }
  });
  return nullptr;
}

}  // namespace
}  // namespace dropbp
