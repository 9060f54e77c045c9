// The library's face: which instruction set it runs, what it has, and one call of a kernel without ONNX Runtime.
#include "library.h"

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace dropbp {

namespace {

struct Isa {
  const char* name;
  KernelList (*kernels)();
  bool (*available)();
};

const Isa kIsas[] = {
#if defined(DROPBP_WITH_AVX512)
    {"avx512", kernelsAvx512,
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
     }},
#endif
#if defined(DROPBP_WITH_AVX2)
    {"avx2", kernelsAvx2,
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
#if defined(__aarch64__)
    {"neon", kernelsPlain, [] { return true; }},
#else
    {"plain", kernelsPlain, [] { return true; }},
#endif
};

// The set of that name, or the best one; null where this processor does not have it.
const Isa* isaOf(const char* name) {
  for (const Isa& isa : kIsas)
    if ((!name || !*name || strcmp(name, isa.name) == 0) && isa.available()) return &isa;
  return nullptr;
}

const Isa& chosen() {
  static const Isa* isa = [] {
    const Isa* wanted = isaOf(getenv("DROPBP_KERNELS_ISA"));
    return wanted ? wanted : isaOf(nullptr);
  }();
  return *isa;
}

// Threads for calls that ONNX Runtime does not make.
class DirectCall final : public Call {
 public:
  DirectCall(const DropbpTensor* inputs, size_t inputCount, const DropbpTensor* outputs, size_t outputCount,
             const double* attributes, size_t threads)
      : inputs_(inputs), inputCount_(inputCount), outputs_(outputs), outputCount_(outputCount),
        attributes_(attributes), threads_(threads) {}

  Tensor input(size_t index) override {
    Tensor t;
    if (index >= inputCount_) return t;
    t.data = inputs_[index].data;
    t.rank = inputs_[index].rank;
    memcpy(t.shape, inputs_[index].shape, sizeof(t.shape));
    return t;
  }
  void* output(size_t index, const int64_t* shape, size_t rank) override {
    if (index >= outputCount_ || !outputs_[index].data) return nullptr;
    const DropbpTensor& given = outputs_[index];
    if (given.rank != rank || (rank > 0 && memcmp(given.shape, shape, rank * sizeof(int64_t)) != 0)) mismatch_ = true;
    return mismatch_ ? nullptr : given.data;
  }
  double attribute(size_t index) const override { return attributes_[index]; }
  void parallel(size_t count, void (*f)(void*, size_t), void* data) override {
    if (threads_ <= 1) {
      for (size_t i = 0; i < count; i++) f(data, i);
      return;
    }
    std::vector<std::thread> pool;
    for (size_t t = 0; t < threads_; t++)
      pool.emplace_back([=] {
        for (size_t i = t; i < count; i += threads_) f(data, i);
      });
    for (std::thread& t : pool) t.join();
  }
  bool mismatch() const { return mismatch_; }

 private:
  const DropbpTensor* inputs_;
  size_t inputCount_;
  const DropbpTensor* outputs_;
  size_t outputCount_;
  const double* attributes_;
  size_t threads_;
  bool mismatch_ = false;
};

}  // namespace

KernelList chosenKernels() { return chosen().kernels(); }

}  // namespace dropbp

using namespace dropbp;

extern "C" {

DROPBP_EXPORT int dropbp_kernels_abi() { return DROPBP_KERNELS_ABI; }
DROPBP_EXPORT const char* dropbp_kernels_version() { return DROPBP_KERNELS_VERSION; }
DROPBP_EXPORT const char* dropbp_kernels_isa() { return chosen().name; }
DROPBP_EXPORT size_t dropbp_kernels_count() { return chosenKernels().count; }
DROPBP_EXPORT const char* dropbp_kernels_name(size_t index) {
  const KernelList list = chosenKernels();
  return index < list.count ? list.kernels[index].name : nullptr;
}
DROPBP_EXPORT const char* dropbp_kernels_run(const char* isa, const char* name, const DropbpTensor* inputs,
                                             size_t inputCount, const DropbpTensor* outputs, size_t outputCount,
                                             const double* attributes, size_t threads) {
  const Isa* set = isaOf(isa);
  if (!set) return "this processor does not have that instruction set, or the library was built without it";
  const KernelList list = set->kernels();
  for (size_t i = 0; i < list.count; i++) {
    if (strcmp(list.kernels[i].name, name) != 0) continue;
    DirectCall call(inputs, inputCount, outputs, outputCount, attributes, threads);
    const char* wrong = list.kernels[i].run(call);
    return !wrong && call.mismatch() ? "an output has another shape than the kernel computes" : wrong;
  }
  return "there is no kernel of that name";
}

}  // extern "C"
