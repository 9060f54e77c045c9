"""Decoder-only language models."""

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    CodeGenConfig,
    Cohere2Config,
    CohereConfig,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTBigCodeConfig,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    GptOssConfig,
    GraniteConfig,
    GraniteMoeConfig,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    MptConfig,
    Olmo2Config,
    OlmoConfig,
    OlmoeConfig,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    SmolLM3Config,
    StableLmConfig,
    Starcoder2Config,
)
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from architecture import (
    BOTH,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    OPSETS,
    POSITIONS,
    VOCAB,
    Architecture,
    Cell,
    branch,
    stack,
    variants,
)

COMMON = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    intermediate_size=INNER,
    max_position_embeddings=POSITIONS,
)
GROUPED = COMMON | dict(num_key_value_heads=2, tie_word_embeddings=False, pad_token_id=0)
GPT = dict(vocab_size=VOCAB, n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, n_inner=INNER)
EXPERTS, CHOSEN = 4, 2

ALL_VARIANTS = ("eager", "static", "left", "positions", "past", "hidden", "simplified", "fused")


def causal(config, **settings):
    return lambda: AutoModelForCausalLM.from_config(config, **settings)


def dense(config):
    """A mixture whose experts all see every token, weighted by zero where they are not chosen: what exports use."""
    return causal(config, experts_implementation="dense")


def dense_experts(self: nn.Module, hidden: torch.Tensor, chosen: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Every expert on every token: `hidden` [tokens, hidden], `chosen` and `weights` [tokens, k].

    Weights stand where they need no transposition: exporters fold that into a copy, which has lost its name.
    """
    routing = torch.zeros(hidden.shape[0], self.num_experts, dtype=hidden.dtype).scatter_add(1, chosen, weights)
    inner = expert_linear(self, hidden, "gate_up_proj")
    out = expert_linear(self, self._apply_gate(inner), "down_proj")
    return (out * routing.t()[:, :, None]).sum(0)


def expert_linear(self: nn.Module, x: torch.Tensor, name: str) -> torch.Tensor:
    """[tokens, in] or [experts, tokens, in] by every expert's matrix: [experts, tokens, out]."""
    weight = getattr(self, name)
    y = x @ weight if self.is_transposed else (weight @ x.transpose(-1, -2)).transpose(-1, -2)
    return y + getattr(self, f"{name}_bias")[:, None] if self.has_bias else y


ALL_EXPERTS_FUNCTIONS.register("dense", dense_experts)


def blocks(attention: str, mlp: str, kind: str = "mlp"):
    """Attention and MLP of every block, whose number is `{}`."""
    return stack(branch("attention", attention), branch(kind, mlp))


LLAMA = blocks("model.layers.{}.self_attn", "model.layers.{}.mlp")
MOE = blocks("model.layers.{}.self_attn", "model.layers.{}.mlp", "moe")
SANDWICH = stack(
    branch("attention", "model.layers.{}.self_attn", "model.layers.{}.post_attention_layernorm"),
    branch("mlp", "model.layers.{}.mlp", "model.layers.{}.post_feedforward_layernorm"),
)
GPT2 = blocks("transformer.h.{}.attn", "transformer.h.{}.mlp")
NEOX = blocks("gpt_neox.layers.{}.attention", "gpt_neox.layers.{}.mlp")
OPT = blocks("model.decoder.layers.{}.self_attn", "model.decoder.layers.{}.fc2")
FALCON = blocks("transformer.h.{}.self_attention", "transformer.h.{}.mlp")


def rope(kind: str, **settings):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, **settings))


YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)
LLAMA3 = rope(
    "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16
)
LONG = rope("longrope", short_factor=[1.0] * 4, long_factor=[2.0] * 4, factor=2.0, original_max_position_embeddings=32)
FALCON_SIZES = {k: v for k, v in COMMON.items() if k not in ("intermediate_size", "max_position_embeddings")}
MIXTURE = GROUPED | dict(moe_intermediate_size=INNER, num_experts=EXPERTS, num_experts_per_tok=CHOSEN)


def llama(**settings):
    return causal(LlamaConfig(**(GROUPED | settings)))


OPT_SIZES = COMMON | dict(ffn_dim=INNER, word_embed_proj_dim=HIDDEN)
GPT_NEO = dict(
    vocab_size=VOCAB,
    hidden_size=HIDDEN,
    num_layers=LAYERS,
    num_heads=HEADS,
    intermediate_size=INNER,
    max_position_embeddings=POSITIONS,
    attention_types=[[["global", "local"], 1]],
    window_size=4,
)


def lm(name: str, model, branches, *more: Cell, **settings) -> Architecture:
    return Architecture(name, "causal", model, branches, BOTH + more, **settings)


ARCHITECTURES = [
    lm("gpt2", causal(GPT2Config(**GPT)), GPT2, *OPSETS, *variants(*ALL_VARIANTS)),
    lm("gptj", causal(GPTJConfig(**GPT, rotary_dim=4)), GPT2, *variants("past")),
    lm("gpt-neo", causal(GPTNeoConfig(**GPT_NEO)), GPT2),
    lm("pythia", causal(GPTNeoXConfig(**COMMON)), NEOX, *variants("past", "simplified")),
    lm("gpt-neox-sequential", causal(GPTNeoXConfig(**COMMON, use_parallel_residual=False)), NEOX),
    lm("gpt-bigcode", causal(GPTBigCodeConfig(**GPT)), GPT2),
    lm("opt", causal(OPTConfig(**OPT_SIZES)), OPT, *variants("static", "past")),
    lm(
        "opt-post-norm",
        causal(OPTConfig(**(OPT_SIZES | dict(word_embed_proj_dim=16)), do_layer_norm_before=False)),
        OPT,
    ),
    lm(
        "bloom",
        causal(BloomConfig(vocab_size=VOCAB, hidden_size=HIDDEN, n_layer=LAYERS, n_head=HEADS)),
        blocks("transformer.h.{}.self_attention.dense", "transformer.h.{}.mlp.dense_4h_to_h"),
    ),
    lm("falcon", causal(FalconConfig(**FALCON_SIZES, alibi=False)), FALCON),
    lm(
        "falcon-new-decoder",
        causal(FalconConfig(**FALCON_SIZES, alibi=False, new_decoder_architecture=True, num_kv_heads=2)),
        FALCON,
    ),
    lm(
        "falcon-alibi",
        causal(FalconConfig(**FALCON_SIZES, alibi=True, multi_query=False, parallel_attn=False, bias=True)),
        FALCON,
    ),
    lm(
        "mpt",
        causal(MptConfig(vocab_size=VOCAB, d_model=HIDDEN, n_layers=LAYERS, n_heads=HEADS, max_seq_len=POSITIONS)),
        blocks("transformer.blocks.{}.attn", "transformer.blocks.{}.ffn.down_proj"),
    ),
    lm("codegen", causal(CodeGenConfig(**GPT, rotary_dim=4)), GPT2),
    lm("llama2", llama(), LLAMA, *OPSETS, *variants(*ALL_VARIANTS), optimizer="gpt2"),
    lm("llama3", llama(**LLAMA3), LLAMA),
    lm("llama-linear-rope", llama(**rope("linear", factor=2.0)), LLAMA),
    lm("llama-dynamic-rope", llama(**rope("dynamic", factor=2.0)), LLAMA),
    lm("llama-yarn", llama(**YARN), LLAMA),
    lm("llama-biased", llama(attention_bias=True, mlp_bias=True), LLAMA),
    lm("smollm", llama(tie_word_embeddings=True), LLAMA, *variants("past", "positions")),
    lm("smollm3", causal(SmolLM3Config(**GROUPED)), LLAMA),
    lm("mistral", causal(MistralConfig(**GROUPED, sliding_window=4)), LLAMA, *variants("past")),
    lm("mixtral", dense(MixtralConfig(**GROUPED, num_local_experts=EXPERTS)), MOE),
    lm("qwen2", causal(Qwen2Config(**GROUPED)), LLAMA, *variants("past")),
    lm("qwen2-moe", dense(Qwen2MoeConfig(**MIXTURE, shared_expert_intermediate_size=INNER)), MOE),
    lm("qwen3", causal(Qwen3Config(**GROUPED, head_dim=8)), LLAMA, *variants("past", "static")),
    lm("qwen3-moe", dense(Qwen3MoeConfig(**MIXTURE, head_dim=8)), MOE),
    lm("gemma", causal(GemmaConfig(**(GROUPED | dict(tie_word_embeddings=True)), head_dim=8)), LLAMA),
    lm("gemma2", causal(Gemma2Config(**(GROUPED | dict(tie_word_embeddings=True)), head_dim=8)), SANDWICH),
    lm("gemma3", causal(Gemma3TextConfig(**(GROUPED | dict(tie_word_embeddings=True)), head_dim=8)), SANDWICH),
    lm("phi", causal(PhiConfig(**COMMON, tie_word_embeddings=False)), LLAMA),
    lm("phi3", causal(Phi3Config(**GROUPED)), LLAMA),
    lm("phi3-long", causal(Phi3Config(**GROUPED, **LONG)), LLAMA),
    lm("stablelm", causal(StableLmConfig(**GROUPED)), LLAMA),
    lm("stablelm-parallel", causal(StableLmConfig(**GROUPED, use_parallel_residual=True, qk_layernorm=True)), LLAMA),
    lm("olmo", causal(OlmoConfig(**GROUPED)), LLAMA),
    lm("olmo2", causal(Olmo2Config(**GROUPED)), SANDWICH),
    lm("olmoe", dense(OlmoeConfig(**GROUPED, num_experts=EXPERTS, num_experts_per_tok=CHOSEN)), MOE),
    lm(
        "granite",
        causal(GraniteConfig(**GROUPED, residual_multiplier=0.3, embedding_multiplier=6.0, logits_scaling=4.0)),
        LLAMA,
    ),
    lm(
        "granite-moe",
        dense(GraniteMoeConfig(**GROUPED, num_local_experts=EXPERTS, residual_multiplier=0.3)),
        blocks("model.layers.{}.self_attn", "model.layers.{}.block_sparse_moe", "moe"),
    ),
    lm("cohere", causal(CohereConfig(**(GROUPED | dict(tie_word_embeddings=True)), use_qk_norm=True)), LLAMA),
    lm("cohere2", causal(Cohere2Config(**(GROUPED | dict(tie_word_embeddings=True)))), LLAMA),
    lm("starcoder2", causal(Starcoder2Config(**GROUPED)), LLAMA),
    lm("gpt-oss", dense(GptOssConfig(**GROUPED, num_local_experts=EXPERTS, num_experts_per_tok=CHOSEN)), MOE),
]
