// The kernels as custom operators of ONNX Runtime.
#include <mutex>
#include <new>
#include <vector>

#include "library.h"
#include "ort.h"

namespace dropbp {
namespace {

constexpr const char* kDomain = "com.dropbp";
constexpr int kFail = 1, kInvalidArgument = 2;

// Outputs and the inputs whose memory they may take, as kernels number them.
struct PairList {
  size_t count;
  Pair pairs[3];
};
constexpr PairList kPairs[] = {
    {0, {}},
    {1, {{0, 0}}},
    {1, {{1, 0}}},
    {1, {{2, 0}}},
    {1, {{0, 1}}},
    {3, {{0, 0}, {2, 1}, {3, 2}}},
};

template <int N>
size_t mayInPlace(int** inputs, int** outputs) {
  const PairList& list = kPairs[N];
  *inputs = new int[list.count + 1];
  *outputs = new int[list.count + 1];
  for (size_t i = 0; i < list.count; i++) (*inputs)[i] = list.pairs[i].input, (*outputs)[i] = list.pairs[i].output;
  return list.count;
}
void releasePairs(int* inputs, int* outputs) {
  delete[] inputs;
  delete[] outputs;
}
constexpr decltype(&mayInPlace<0>) kMayInPlace[] = {mayInPlace<0>, mayInPlace<1>, mayInPlace<2>,
                                                    mayInPlace<3>, mayInPlace<4>, mayInPlace<5>};

// A custom operator; ONNX Runtime hands its first member back.
struct Op {
  OrtCustomOp face;
  const Kernel* kernel;
};
const Kernel& kernelOf(const OrtCustomOp* op) { return *reinterpret_cast<const Op*>(op)->kernel; }

// A node of a session.
struct State {
  const OrtApi* api;
  const Kernel* kernel;
  double attributes[kMaxAttributes];
};

class OrtCall final : public Call {
 public:
  OrtCall(const State& state, OrtKernelContext* context) : state_(state), context_(context) {
    keep(GetInputCount::call(state.api, context, &inputs_));
    keep(GetOutputCount::call(state.api, context, &outputs_));
  }

  Tensor input(size_t index) override {
    Tensor t;
    const OrtValue* value = nullptr;
    if (index >= inputs_ || keep(GetInput::call(state_.api, context_, index, &value)) || !value) return t;
    OrtTensorTypeAndShapeInfo* info = nullptr;
    if (keep(GetTensorTypeAndShape::call(state_.api, value, &info))) return t;
    size_t rank = 0;
    keep(GetDimensionsCount::call(state_.api, info, &rank));
    if (rank > kMaxRank) fail("an operand has more than 8 axes");
    else keep(GetDimensions::call(state_.api, info, t.shape, t.rank = rank));
    ReleaseTypeAndShape::call(state_.api, info);
    void* data = nullptr;
    keep(GetTensorMutableData::call(state_.api, const_cast<OrtValue*>(value), &data));
    // an empty tensor may have no memory, and is not an absent one
    static float none;
    t.data = data ? data : &none;
    return t;
  }
  void* output(size_t index, const int64_t* shape, size_t rank) override {
    OrtValue* value = nullptr;
    if (index >= outputs_ || status_) return nullptr;
    if (keep(GetOutput::call(state_.api, context_, index, shape, rank, &value)) || !value) return nullptr;
    void* data = nullptr;
    keep(GetTensorMutableData::call(state_.api, value, &data));
    return data;
  }
  double attribute(size_t index) const override { return state_.attributes[index]; }
  void parallel(size_t count, void (*f)(void*, size_t), void* data) override {
    keep(ParallelFor::call(state_.api, context_, f, count, size_t{0}, data));
  }

  void fail(const char* message) {
    if (!status_) status_ = CreateStatus::call(state_.api, kInvalidArgument, message);
  }
  OrtStatus* status() const { return status_; }

 private:
  // Keeps the first failure. Whether this was one.
  bool keep(OrtStatus* status) {
    if (!status) return false;
    if (status_) ReleaseStatus::call(state_.api, status);
    else status_ = status;
    return true;
  }

  const State& state_;
  OrtKernelContext* context_;
  size_t inputs_ = 0, outputs_ = 0;
  OrtStatus* status_ = nullptr;
};

OrtStatus* createKernel(const OrtCustomOp* op, const OrtApi* api, const OrtKernelInfo* info, void** made) {
  const Kernel& kernel = kernelOf(op);
  State state{api, &kernel, {}};
  for (size_t i = 0; i < kernel.attributes; i++) {
    const Attribute& attribute = kernel.attribute[i];
    float real = 0;
    int64_t whole = 0;
    OrtStatus* wrong = attribute.isFloat ? GetAttributeFloat::call(api, info, attribute.name, &real)
                                         : GetAttributeInt::call(api, info, attribute.name, &whole);
    if (wrong) return wrong;
    state.attributes[i] = attribute.isFloat ? static_cast<double>(real) : static_cast<double>(whole);
  }
  *made = new (std::nothrow) State(state);
  return *made ? nullptr : CreateStatus::call(api, kFail, "no memory for a kernel");
}

OrtStatus* compute(void* state, OrtKernelContext* context) {
  const State& own = *static_cast<State*>(state);
  OrtCall call(own, context);
  const char* wrong = call.status() ? nullptr : own.kernel->run(call);
  if (wrong) call.fail(wrong);
  return call.status();
}

OrtCustomOp faceOf(const Kernel& kernel) {
  OrtCustomOp op{};
  op.version = kOrtVersion;
  op.GetName = [](const OrtCustomOp* o) { return kernelOf(o).name; };
  op.GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  op.GetInputTypeCount = [](const OrtCustomOp* o) { return kernelOf(o).inputs; };
  op.GetOutputTypeCount = [](const OrtCustomOp* o) { return kernelOf(o).outputs; };
  op.GetInputType = [](const OrtCustomOp* o, size_t i) { return static_cast<int>(kernelOf(o).in[i].type); };
  op.GetOutputType = [](const OrtCustomOp* o, size_t i) { return static_cast<int>(kernelOf(o).out[i].type); };
  op.GetInputCharacteristic = [](const OrtCustomOp* o, size_t i) { return kernelOf(o).in[i].optional ? 1 : 0; };
  op.GetOutputCharacteristic = [](const OrtCustomOp* o, size_t i) { return kernelOf(o).out[i].optional ? 1 : 0; };
  op.GetInputMemoryType = [](const OrtCustomOp*, size_t) { return 0; };
  op.GetVariadicInputMinArity = op.GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
  op.GetVariadicInputHomogeneity = op.GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
  op.CreateKernelV2 = createKernel;
  op.KernelComputeV2 = compute;
  op.KernelDestroy = [](void* state) { delete static_cast<State*>(state); };
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return INT32_MAX; };
  if (kernel.inPlace) {
    op.GetMayInplace = kMayInPlace[kernel.inPlace];
    op.ReleaseMayInplace = releasePairs;
  }
  return op;
}

}  // namespace
}  // namespace dropbp

using namespace dropbp;

extern "C" DROPBP_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(kOrtVersion);
  // older than this library's interface; without a table there is no status to make
  if (!api) return nullptr;
  static const std::vector<Op>* ops = [] {
    auto* made = new std::vector<Op>;
    const KernelList list = chosenKernels();
    for (size_t i = 0; i < list.count; i++) made->push_back({faceOf(list.kernels[i]), &list.kernels[i]});
    return made;
  }();
  // lives as long as any session that was given it, which is not known; one for all
  static OrtCustomOpDomain* domain = nullptr;
  static std::mutex once;
  const std::lock_guard<std::mutex> guard(once);
  if (!domain) {
    if (OrtStatus* wrong = CreateCustomOpDomain::call(api, kDomain, &domain)) return wrong;
    for (const Op& op : *ops)
      if (OrtStatus* wrong = CustomOpDomainAdd::call(api, domain, &op.face)) return wrong;
  }
  return AddCustomOpDomain::call(api, options, domain);
}
