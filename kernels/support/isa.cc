// The kernels of one instruction set: this file is compiled once for each, with DROPBP_ISA its name.
#include "../adamw/cpu.h"
#include "../attention/cpu.h"
#include "../cross-entropy/cpu.h"
#include "../embedding/cpu.h"
#include "../gelu/cpu.h"
#include "../layer-normalization/cpu.h"
#include "../rms-normalization/cpu.h"
#include "../rotary/cpu.h"
#include "../softmax/cpu.h"
#include "../swiglu/cpu.h"

#define DROPBP_JOIN_(a, b) a##b
#define DROPBP_JOIN(a, b) DROPBP_JOIN_(a, b)

namespace dropbp {
namespace {

constexpr Port F{Type::f32};
constexpr Port L{Type::i64};
constexpr Port R{Type::f32, true};  // a result that nobody may read
constexpr Attribute kScale{"scale", true};
constexpr Attribute kIgnore{"ignore_index", false};

// Attention and its gradient, whether or not heads share keys. The name says what the operands are: `Masked`, `Causal`
// (masked too), and, with `visible`, what becomes of queries that see nothing.
#define DROPBP_ATTENTION_OF(Prefix, Name, masked, causal, blind, count)                                           \
  {"Attention" Prefix Name "_f32_v1", 3 + count, {F, F, F, F, F}, 1, {F}, 1, {kScale}, 0,                         \
   runAttention<masked, causal, blind>},                                                                          \
  {"Attention" Prefix Name "Grad_f32_v1", 5 + count, {F, F, F, F, F, F, F}, 3, {R, R, R}, 1, {kScale}, 0,         \
   runAttentionGrad<masked, causal, blind>}
#define DROPBP_ATTENTION(...) DROPBP_ATTENTION_OF("", __VA_ARGS__), DROPBP_ATTENTION_OF("Grouped", __VA_ARGS__)

constexpr Kernel kKernels[] = {
    {"GeluGrad_f32_v1", 2, {F, F}, 1, {F}, 0, {}, 2, runGeluGrad<geluSlope>},
    {"GeluTanhGrad_f32_v1", 2, {F, F}, 1, {F}, 0, {}, 2, runGeluGrad<geluTanhSlope>},
    {"SwiGLU_f32_v1", 2, {F, F}, 1, {F}, 0, {}, 1, runSwiGLU},
    {"SwiGLUGrad_f32_v1", 3, {F, F, F}, 2, {R, R}, 0, {}, 3, runSwiGLUGrad},
    {"LayerNormalizationGrad_f32_v1", 5, {F, F, F, F, F}, 3, {R, R, R}, 0, {}, 3, runLayerNormalizationGrad},
    {"RMSNormalizationGrad_f32_v1", 3, {F, F, F}, 2, {R, R}, 1, {{"epsilon", true}}, 3, runRMSNormalizationGrad},
    {"SoftmaxGrad_f32_v1", 2, {F, F}, 1, {F}, 0, {}, 2, runSoftmaxGrad},
    {"CrossEntropy_f32_v1", 2, {F, L}, 2, {R, R}, 1, {kIgnore}, 4, runCrossEntropy},
    {"CrossEntropyGrad_f32_v1", 2, {F, L}, 2, {R, R}, 1, {kIgnore}, 1, runCrossEntropyGrad},
    {"EmbeddingGrad_f32_v1", 3, {L, L, F}, 1, {F}, 0, {}, 0, runEmbeddingGrad<false>},
    {"EmbeddingGradInto_f32_v1", 3, {F, L, F}, 1, {F}, 0, {}, 1, runEmbeddingGrad<true>},
    {"Rotary_f32_v1", 3, {F, F, F}, 1, {F}, 0, {}, 1, runRotary<false>},
    {"RotaryBack_f32_v1", 3, {F, F, F}, 1, {F}, 0, {}, 1, runRotary<true>},
    {"AdamW_f32_v1", 11, {F, F, F, F, F, F, F, F, F, F, F}, 4, {F, F, F, F}, 1, {{"index", false}}, 5, runAdamW},
    DROPBP_ATTENTION("", false, false, Blind::none, 0),
    DROPBP_ATTENTION("Masked", true, false, Blind::none, 1),
    DROPBP_ATTENTION("MaskedZero", true, false, Blind::zero, 2),
    DROPBP_ATTENTION("MaskedUniform", true, false, Blind::uniform, 2),
    DROPBP_ATTENTION("Causal", true, true, Blind::none, 1),
    DROPBP_ATTENTION("CausalZero", true, true, Blind::zero, 2),
    DROPBP_ATTENTION("CausalUniform", true, true, Blind::uniform, 2),
};

}  // namespace

KernelList DROPBP_JOIN(kernels, DROPBP_ISA)() { return {kKernels, sizeof(kKernels) / sizeof(kKernels[0])}; }

}  // namespace dropbp
