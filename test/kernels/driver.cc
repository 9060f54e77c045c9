// Runs every kernel on odd shapes and several threads, for builds under sanitizers. Operands are allocated to the byte, so
// that reading or writing past an end is seen. What comes out must not depend on the threads.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "library.h"

namespace {

struct Array {
  std::vector<int64_t> shape;
  std::vector<float> floats;
  std::vector<int64_t> integers;

  explicit Array(std::vector<int64_t> dims) : shape(std::move(dims)) {}
  size_t size() const {
    size_t n = 1;
    for (int64_t d : shape) n *= static_cast<size_t>(d);
    return n;
  }
  DropbpTensor view() {
    DropbpTensor t{};
    t.data = integers.empty() ? static_cast<void*>(floats.data()) : static_cast<void*>(integers.data());
    t.rank = shape.size();
    for (size_t i = 0; i < shape.size(); i++) t.shape[i] = shape[i];
    return t;
  }
};

unsigned seed = 1;

Array random(std::vector<int64_t> shape, float scale = 2) {
  Array a(std::move(shape));
  a.floats.reserve(a.size());
  for (size_t i = 0; i < a.size(); i++) {
    seed = seed * 1664525u + 1013904223u;
    a.floats.push_back((static_cast<float>(seed >> 8) / 8388608.f - 1.f) * scale);
  }
  a.floats.shrink_to_fit();
  return a;
}

Array positive(std::vector<int64_t> shape) {
  Array a = random(std::move(shape));
  for (float& x : a.floats) x = std::fabs(x) + 1e-3f;
  return a;
}

Array labels(int64_t rows, int64_t classes) {
  Array a({rows});
  for (int64_t r = 0; r < rows; r++) a.integers.push_back(r % 4 == 3 ? -100 : r * 7 % classes);
  return a;
}

int failures = 0;

std::vector<float> once(const char* isa, const char* name, std::vector<Array>& in, const std::vector<std::vector<int64_t>>& out,
                        double attribute, size_t threads) {
  std::vector<DropbpTensor> inputs, outputs;
  std::vector<Array> results;
  for (Array& a : in) inputs.push_back(a.view());
  for (const auto& shape : out) {
    results.emplace_back(shape);
    results.back().floats.assign(results.back().size(), NAN);
  }
  for (Array& a : results) outputs.push_back(a.view());
  const double attributes[] = {attribute, 0};
  const char* wrong = dropbp_kernels_run(isa, name, inputs.data(), inputs.size(), outputs.data(), outputs.size(), attributes, threads);
  std::vector<float> all;
  for (const Array& a : results) all.insert(all.end(), a.floats.begin(), a.floats.end());
  if (wrong) {
    std::printf("%s %s: %s\n", isa, name, wrong);
    failures++;
  }
  return all;
}

void check(const char* isa, const std::string& name, std::vector<Array> in, const std::vector<std::vector<int64_t>>& out,
           double attribute = 0) {
  const std::vector<float> one = once(isa, name.c_str(), in, out, attribute, 1);
  for (size_t threads : {2, 4}) {
    const std::vector<float> more = once(isa, name.c_str(), in, out, attribute, threads);
    if (!one.empty() && std::memcmp(one.data(), more.data(), one.size() * sizeof(float)) != 0) {
      std::printf("%s %s: %zu threads change the result\n", isa, name.c_str(), threads);
      failures++;
    }
  }
  for (float x : one)
    if (std::isnan(x)) {
      std::printf("%s %s: a result is NaN, or was not written\n", isa, name.c_str());
      failures++;
      break;
    }
}

void elementwise(const char* isa) {
  for (int64_t n : {1, 3, 17, 123, 431, 16387, 50001}) {
    check(isa, "GeluGrad_f32_v1", {random({n}, 9), random({n})}, {{n}});
    check(isa, "GeluTanhGrad_f32_v1", {random({n}, 9), random({n})}, {{n}});
    check(isa, "SwiGLU_f32_v1", {random({n}, 9), random({n})}, {{n}});
    check(isa, "SwiGLUGrad_f32_v1", {random({n}, 9), random({n}), random({n})}, {{n}, {n}});
    std::vector<Array> step = {random({n}), random({n}), random({n}), positive({n}), positive({})};
    for (int64_t vector : {1, 0, 0, 0, 1, 0}) {
      step.push_back(positive(vector ? std::vector<int64_t>{2} : std::vector<int64_t>{}));
      for (float& x : step.back().floats) x = 0.5f;
    }
    check(isa, "AdamW_f32_v1", step, {{n}, {n}, {n}, {}}, 1);
    step[1] = Array({0});
    check(isa, "AdamW_f32_v1", step, {{n}, {n}, {n}, {}}, 1);
  }
}

void rows(const char* isa) {
  const int64_t shapes[][2] = {{1, 1}, {3, 3}, {5, 17}, {70, 123}, {200, 431}, {3, 20011}};
  for (const auto& s : shapes) {
    const int64_t r = s[0], c = s[1];
    check(isa, "LayerNormalizationGrad_f32_v1", {random({r, c}), random({c}), random({r, c}), random({r, 1}), positive({r, 1})},
          {{r, c}, {c}, {c}});
    check(isa, "RMSNormalizationGrad_f32_v1", {random({r, c}), random({c}), random({r, c})}, {{r, c}, {c}}, 1e-6);
    check(isa, "SoftmaxGrad_f32_v1", {positive({r, c}), random({r, c})}, {{r, c}});
    check(isa, "CrossEntropy_f32_v1", {random({r, c}, 20), labels(r, c)}, {{}, {r, c}}, -100);
    check(isa, "CrossEntropyGrad_f32_v1", {random({r, c}, 20), labels(r, c)}, {{r, c}, {r, 1}}, -100);
    if (c % 2 == 0) continue;
    check(isa, "Rotary_f32_v1", {random({2, 3, r, c + 1}), random({1, 1, r, c + 1}), random({r, c + 1})}, {{2, 3, r, c + 1}});
    check(isa, "RotaryBack_f32_v1", {random({2, 3, r, c + 1}), random({2, 1, r, c + 1}), random({1, 1, c + 1})}, {{2, 3, r, c + 1}});
  }
}

void tables(const char* isa) {
  const int64_t shapes[][3] = {{1, 1, 1}, {3, 3, 5}, {17, 5, 123}, {431, 123, 70}, {2, 16387, 9}, {1, 431, 700}, {5003, 67, 300}, {7, 5, 0}, {7, 0, 5}};
  for (const auto& s : shapes) {
    const int64_t rows = s[0], width = s[1], count = s[2];
    Array shape({2}), indices({count});
    shape.integers = {rows, width};
    for (int64_t j = 0; j < count; j++) indices.integers.push_back(j * 7919 % rows - (j % 4 == 3 ? rows : 0));
    indices.integers.shrink_to_fit();
    check(isa, "EmbeddingGrad_f32_v1", {shape, indices, random({count, width})}, {{rows, width}});
    check(isa, "EmbeddingGradInto_f32_v1", {random({rows, width}), indices, random({count, width})}, {{rows, width}});
  }
}

void attention(const char* isa) {
  const int64_t sizes[][5] = {{1, 1, 1, 1, 1}, {2, 2, 3, 5, 3}, {1, 3, 17, 16, 16}, {2, 2, 123, 17, 33}, {1, 2, 197, 64, 64}};
  for (const auto& z : sizes)
    for (const char* prefix : {"", "Grouped"})
      for (const char* kind : {"", "Masked", "MaskedZero", "MaskedUniform", "Causal", "CausalZero", "CausalUniform"}) {
        const int64_t b = z[0], g = z[1], s = z[2], d = z[3], e = z[4], h = *prefix ? 3 * g : g;
        const int64_t t = *kind == 'C' ? s : s + 6;
        std::vector<Array> in = {random({b, h, s, d}), random({b, g, t, d}), random({b, g, t, e})};
        if (*kind) in.push_back(random({b, 1, s, t}));
        if (std::strlen(kind) > 6) {
          in.push_back(Array({b, 1, s, 1}));
          for (int64_t i = 0; i < b * s; i++) in.back().floats.push_back(i % 3 == 2 ? 0.f : 1.f);
        }
        const std::string name = std::string("Attention") + prefix + kind;
        check(isa, name + "_f32_v1", in, {{b, h, s, e}}, 0.25);
        in.push_back(random({b, h, s, e}));
        in.push_back(random({b, h, s, e}));
        check(isa, name + "Grad_f32_v1", in, {{b, h, s, d}, {b, g, t, d}, {b, g, t, e}}, 0.25);
      }
}

}  // namespace

int main() {
  for (const char* isa : {"plain", "avx2", "avx512", "neon"}) {
    const char* answer = dropbp_kernels_run(isa, "", nullptr, 0, nullptr, 0, nullptr, 1);
    if (!answer || std::strcmp(answer, "there is no kernel of that name") != 0) continue;
    elementwise(isa);
    rows(isa);
    tables(isa);
    attention(isa);
    std::printf("%s: done\n", isa);
  }
  std::printf(failures ? "%d failures\n" : "no failure\n", failures);
  return failures ? 1 : 0;
}
