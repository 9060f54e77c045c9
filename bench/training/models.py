"""The models that both sides train: random weights, the same ones for the same name, and their export."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

SIZES = {
    "full": {"layers": 12, "hidden": 768, "heads": 12, "positions": 1024},
    "tiny": {"layers": 2, "hidden": 64, "heads": 2, "positions": 128},
}


def gpt2(layers: int, hidden: int, heads: int, positions: int, attention: str, vocab: int) -> PreTrainedModel:
    config = GPT2Config(
        vocab_size=vocab,
        n_positions=positions,
        n_embd=hidden,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel._from_config(config, attn_implementation=attention)


def llama(layers: int, hidden: int, heads: int, positions: int, attention: str, vocab: int) -> PreTrainedModel:
    config = LlamaConfig(
        vocab_size=vocab,
        max_position_embeddings=positions,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM._from_config(config, attn_implementation=attention)


ARCHITECTURES = {
    "gpt2": {
        "make": gpt2,
        "blocks": lambda m: m.transformer.h,
        "branches": ("attn", "mlp"),
        "adapted": ["c_attn", "c_fc", "c_proj"],
        # transformers' GPT-2 has its weights transposed
        "transposed": True,
    },
    "llama": {
        "make": llama,
        "blocks": lambda m: m.model.layers,
        "branches": ("self_attn", "mlp"),
        "adapted": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "transposed": False,
    },
}


def build(name: str, mode: str, size: str, vocab: int, attention: str = "sdpa") -> PreTrainedModel:
    """The causal language model; in the mode `lora` with peft's adapters, and everything else frozen."""
    architecture = ARCHITECTURES[name]
    torch.manual_seed(0)
    model = architecture["make"](**SIZES[size], attention=attention, vocab=vocab)
    model.config.use_cache = False
    if mode == "lora":
        config = LoraConfig(
            r=8,
            lora_alpha=16,
            lora_dropout=0.0,
            target_modules=architecture["adapted"],
            fan_in_fan_out=architecture["transposed"],
        )
        model = get_peft_model(model, config).get_base_model()
    # No two parameters may be equal, or the exporter merges them.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def blocks(name: str, model: PreTrainedModel) -> torch.nn.ModuleList:
    return ARCHITECTURES[name]["blocks"](model)


def branches(name: str, model: PreTrainedModel) -> list[torch.nn.Module]:
    """Residual branches in execution order."""
    return [getattr(block, branch) for block in blocks(name, model) for branch in ARCHITECTURES[name]["branches"]]


def export(name: str, model: PreTrainedModel, file: Path) -> None:
    """Writes the model, and beside it the names of its trainable parameters and of its branches."""
    torch.onnx.export(
        model.eval(),
        (),
        file,
        kwargs={"input_ids": torch.zeros(2, 16, dtype=torch.long)},
        input_names=["input_ids"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": {0: "batch", 1: "seq"}},
        opset_version=20,
        dynamo=True,
        external_data=True,
        verbose=False,
    )
    modules = {module: path for path, module in model.named_modules()}
    names = {
        "parameters": [path for path, parameter in model.named_parameters() if parameter.requires_grad],
        "branches": [modules[branch] for branch in branches(name, model)],
    }
    file.with_suffix(".json").write_text(json.dumps(names))
