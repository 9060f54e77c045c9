// What a kernel is, and what it sees of a call. Nothing here depends on the instruction set.
#pragma once
#include <cstddef>
#include <cstdint>

// Inlined always: a copy of its own, compiled for one instruction set, could be linked into the code of another.
#define DROPBP_INLINE inline __attribute__((always_inline))

namespace dropbp {

constexpr size_t kMaxRank = 8;
constexpr size_t kMaxPorts = 12;
constexpr size_t kMaxAttributes = 2;

// Element types as ONNX numbers them.
enum class Type : int { f32 = 1, i64 = 7 };

// An operand. `data` is null where an optional one is absent.
struct Tensor {
  const void* data = nullptr;
  size_t rank = 0;
  int64_t shape[kMaxRank] = {};

  DROPBP_INLINE const float* f32() const { return static_cast<const float*>(data); }
  DROPBP_INLINE const int64_t* i64() const { return static_cast<const int64_t*>(data); }
  // Dimension counted from the end, -1 being the last; 1 before the first.
  DROPBP_INLINE int64_t dim(int fromEnd) const {
    const int at = static_cast<int>(rank) + fromEnd;
    return at < 0 ? 1 : shape[at];
  }
  DROPBP_INLINE int64_t count() const {
    int64_t n = 1;
    for (size_t i = 0; i < rank; i++) n *= shape[i];
    return n;
  }
  DROPBP_INLINE bool sameShape(const Tensor& other) const {
    if (rank != other.rank) return false;
    for (size_t i = 0; i < rank; i++)
      if (shape[i] != other.shape[i]) return false;
    return true;
  }
};

// One call: operands, results, attributes, threads.
class Call {
 public:
  virtual Tensor input(size_t index) = 0;
  // The memory of a result; null where nobody reads it.
  virtual void* output(size_t index, const int64_t* shape, size_t rank) = 0;
  virtual double attribute(size_t index) const = 0;
  // Calls `f(data, i)` for every i below `count`, on the threads there are, in any order.
  virtual void parallel(size_t count, void (*f)(void*, size_t), void* data) = 0;

  DROPBP_INLINE float* outputLike(size_t index, const Tensor& like) {
    return static_cast<float*>(output(index, like.shape, like.rank));
  }

 protected:
  ~Call() = default;
};

// Calls `f(i)` for every i below `count`.
template <typename F>
void parallelFor(Call& call, size_t count, F&& f) {
  if (count == 1) return f(size_t{0});
  if (count > 0)
    call.parallel(count, [](void* data, size_t i) { (*static_cast<F*>(data))(i); }, &f);
}

// An input or output of a kernel.
struct Port {
  Type type;
  bool optional = false;
};

struct Attribute {
  const char* name = nullptr;
  bool isFloat = false;
};

// An output and the input whose memory it may take; they then have the same shape.
struct Pair {
  int input = -1;
  int output = -1;
};

// A kernel under the name of the function it stands for.
struct Kernel {
  const char* name;
  size_t inputs;
  Port in[kMaxPorts];
  size_t outputs;
  Port out[kMaxPorts];
  size_t attributes;
  Attribute attribute[kMaxAttributes];
  // Which of `inPlacePairs` (library.cc) it has; 0 for none.
  int inPlace;
  // Computes a call. Returns null, or what is wrong with its operands.
  const char* (*run)(Call&);
};

struct KernelList {
  const Kernel* kernels;
  size_t count;
};

// The same kernels, compiled for an instruction set each.
KernelList kernelsPlain();
KernelList kernelsAvx2();
KernelList kernelsAvx512();

}  // namespace dropbp
