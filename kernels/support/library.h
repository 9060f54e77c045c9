// What the library exports besides RegisterCustomOps; read by the runtime before it registers anything.
#pragma once
#include "kernel.h"

#define DROPBP_EXPORT __attribute__((visibility("default")))

// Raised whenever an exported function changes its meaning. The kernels' own contracts are in their names.
#define DROPBP_KERNELS_ABI 1

// A dense operand of `dropbp_kernels_run`. `data` is null where it is absent or not wanted.
struct DropbpTensor {
  void* data;
  uint64_t rank;
  int64_t shape[dropbp::kMaxRank];
};

extern "C" {
DROPBP_EXPORT int dropbp_kernels_abi();
DROPBP_EXPORT const char* dropbp_kernels_version();
// The instruction set in use: avx512, avx2, neon or plain. The environment variable DROPBP_KERNELS_ISA asks for another.
DROPBP_EXPORT const char* dropbp_kernels_isa();
DROPBP_EXPORT size_t dropbp_kernels_count();
DROPBP_EXPORT const char* dropbp_kernels_name(size_t index);
// Runs one kernel on given memory and threads. Returns null, or what is wrong.
DROPBP_EXPORT const char* dropbp_kernels_run(const char* isa, const char* name, const DropbpTensor* inputs,
                                             size_t inputCount, const DropbpTensor* outputs, size_t outputCount,
                                             const double* attributes, size_t threads);
}

namespace dropbp {
// The kernels of the instruction set in use.
KernelList chosenKernels();
}  // namespace dropbp
