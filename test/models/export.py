"""Exports the test models: tiny transformers with PyTorch's losses and gradients to compare with.

    python test/models/export.py [name ...]        (torch, transformers, onnx, onnxscript, onnxruntime, safetensors)

Writes beside this script, for every case:
    NAME.onnx          the inference model, as a user's exporter would write it (NAME.onnx.data where data is external)
    NAME.safetensors   in/<input>, labels, and for all branches kept: loss, grad/<parameter>;
                       for mask k: keep<k> (one bool per site, in execution order), loss<k>, grad<k>/<parameter>
    NAME.json          {kind, sites, siteNames, prefix, exporter, opset, ir}; `prefix` is what the exported module
                       has before the reference's names

A parameter that PyTorch leaves without gradient (`grad is None`) has no `grad<k>/` entry. The reference batch
differs in both dimensions from the batch that the export traced, unless the case is static.
"""

import json
import logging
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
VOCAB, HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 61, 16, 2, 2, 32, 32
IGNORE = -100
PADDED = 3


class ParallelBlock(nn.Module):
    """GPT-J style: attention and MLP read one norm and are added to the stream in one sum."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.attention = SelfAttention()
        self.mlp = nn.Sequential(nn.Linear(HIDDEN, INNER), nn.GELU(), nn.Linear(INNER, HIDDEN))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        return x + self.attention(h) + self.mlp(h)


class SelfAttention(nn.Module):
    """Causal multi-head attention with one projection for query, key and value."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, seq, _ = x.shape
        q, k, v = (t.view(batch, seq, HEADS, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, seq, HIDDEN))


class ParallelLM(nn.Module):
    """A language model of parallel-residual blocks whose head is tied to its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, HIDDEN)
        self.position = nn.Embedding(POSITIONS, HIDDEN)
        self.blocks = nn.ModuleList(ParallelBlock() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(HIDDEN)
        self.head = nn.Linear(HIDDEN, VOCAB, bias=False)
        self.head.weight = self.embed.weight
        nn.init.normal_(self.embed.weight, std=0.3)

    def forward(self, input_ids: torch.Tensor) -> tuple[torch.Tensor]:
        x = self.embed(input_ids) + self.position(torch.arange(input_ids.shape[1], device=input_ids.device))
        for block in self.blocks:
            x = block(x)
        return (self.head(self.norm(x)),)


class LogitsOnly(nn.Module):
    """What users of the TorchScript exporter write around a transformers model, to fix its inputs and outputs."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.net(input_ids=input_ids, attention_mask=attention_mask).logits


def gpt2() -> nn.Module:
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB, n_embd=HIDDEN, n_layer=LAYERS, n_head=HEADS, n_positions=POSITIONS, n_inner=INNER)
    )


def llama() -> nn.Module:
    """Grouped-query attention, untied head."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=1,
            intermediate_size=INNER,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=False,
            pad_token_id=0,
        )
    )


def bert() -> nn.Module:
    return BertForMaskedLM(
        BertConfig(
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            max_position_embeddings=POSITIONS,
        )
    )


GPT2_SITES = ["transformer.h.{}.attn", "transformer.h.{}.mlp"]
LLAMA_SITES = ["model.layers.{}.self_attn", "model.layers.{}.mlp"]
BERT_SITES = ["bert.encoder.layer.{}.attention.output.dense", "bert.encoder.layer.{}.output.dense"]
PARALLEL_SITES = ["blocks.{}.attention", "blocks.{}.mlp"]


@dataclass
class Case:
    """One model and the way it is exported. `sites`: modules whose output joins the residual stream, per layer."""

    name: str
    kind: str
    build: Callable[[], nn.Module]
    sites: list[str]
    torchscript: bool = False
    opset: int = 20
    padding: str = "right"
    static: bool = False
    external_data: bool = False
    inputs: tuple[str, ...] = field(default=("input_ids", "attention_mask"))


CASES = [
    Case("gpt2", "causal", gpt2, GPT2_SITES),
    Case("gpt2_ts17", "causal", gpt2, GPT2_SITES, torchscript=True, opset=17),
    Case("gpt2_static", "causal", gpt2, GPT2_SITES, static=True),
    Case("gpt2_external", "causal", gpt2, GPT2_SITES, external_data=True),
    Case("llama", "causal", llama, LLAMA_SITES),
    Case("llama_ts17", "causal", llama, LLAMA_SITES, torchscript=True, opset=17),
    Case("llama_ts17_left", "causal", llama, LLAMA_SITES, torchscript=True, opset=17, padding="left"),
    Case("bert", "token", bert, BERT_SITES),
    Case("parallel", "causal", ParallelLM, PARALLEL_SITES, inputs=("input_ids",)),
]


def build_model(case: Case) -> nn.Module:
    """The case's model with distinct values in every parameter, so that no exporter merges two of them."""
    torch.manual_seed(sum(map(ord, case.name)))
    model = case.build().eval()
    if hasattr(model, "config"):
        # Logits become the only output, so that the dynamo exporter takes the model itself, without a wrapper.
        model.config.use_cache = False
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.1 if parameter.dim() > 1 else 0.05))
    return model


def make_batch(case: Case, batch: int, seq: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Random tokens and labels; the last row is padded where the model takes a mask."""
    ids = torch.randint(3, VOCAB, (batch, seq))
    mask = torch.ones(batch, seq, dtype=torch.long)
    labels = ids.clone()
    if "attention_mask" in case.inputs:
        if case.padding == "left":
            # Padded rows see nothing, and exporters differ on them: no label may read one.
            mask[-1, :PADDED] = 0
            labels[-1, : PADDED + 1] = IGNORE
        else:
            mask[-1, -PADDED:] = 0
            labels[-1, -PADDED:] = IGNORE
    values = {"input_ids": ids, "attention_mask": mask}
    return {name: values[name] for name in case.inputs}, labels


def export(case: Case, model: nn.Module, inputs: dict[str, torch.Tensor], path: Path) -> None:
    axes = {0: "batch", 1: "seq"}
    common = dict(input_names=list(inputs), output_names=["logits"], opset_version=case.opset)
    if case.torchscript:
        common |= dict(dynamo=False, dynamic_axes=None if case.static else {k: axes for k in [*inputs, "logits"]})
        torch.onnx.export(LogitsOnly(model).eval(), tuple(inputs.values()), path, **common)
    else:
        common |= dict(dynamo=True, external_data=case.external_data, verbose=False)
        common |= dict(dynamic_shapes=None if case.static else {name: axes for name in inputs})
        torch.onnx.export(model, (), path, kwargs=inputs, **common)


def strip_local_metadata(path: Path) -> onnx.ModelProto:
    """Removes what tells of the exporting machine: stack traces (file paths) and doc strings. Keeps name scopes."""

    def strip(message) -> None:
        for descriptor, value in message.ListFields():
            if descriptor.name == "metadata_props":
                kept = [entry for entry in value if "stack_trace" not in entry.key]
                del value[:]
                value.extend(kept)
            elif descriptor.name == "doc_string":
                message.ClearField("doc_string")
            elif descriptor.message_type is not None:
                for child in value if descriptor.is_repeated else [value]:
                    strip(child)

    model = onnx.load(path, load_external_data=False)
    strip(model)
    onnx.save(model, path)
    onnx.checker.check_model(path, full_check=True)
    return model


def check_logits(model: nn.Module, inputs: dict[str, torch.Tensor], path: Path) -> None:
    """The exported model computes what PyTorch computes (padded rows apart, which no label reads)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(["logits"], {name: value.numpy() for name, value in inputs.items()})[0]
    with torch.no_grad():
        want = model(**inputs)[0].numpy()
    seen = inputs["attention_mask"].numpy() == 1 if "attention_mask" in inputs else np.ones(want.shape[:2], dtype=bool)
    np.testing.assert_allclose(got[seen], want[seen], rtol=1e-4, atol=1e-5)


def loss_of(case: Case, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if case.kind == "causal":
        logits, labels = logits[:, :-1], labels[:, 1:]
    return F.cross_entropy(logits.reshape(-1, VOCAB), labels.reshape(-1), ignore_index=IGNORE)


def detach(_module, _inputs, output):
    return (output[0].detach(), *output[1:]) if isinstance(output, tuple) else output.detach()


def step(case: Case, model: nn.Module, sites: list[str], keep: list[bool], inputs, labels, suffix: str) -> dict:
    """Loss and gradients with the dropped branches detached from the backward pass."""
    hooks = [model.get_submodule(s).register_forward_hook(detach) for s, k in zip(sites, keep) if not k]
    model.zero_grad(set_to_none=True)
    loss = loss_of(case, model(**inputs)[0], labels)
    loss.backward()
    for hook in hooks:
        hook.remove()
    gradients = {
        f"grad{suffix}/{name}": p.grad.clone().contiguous() for name, p in model.named_parameters() if p.grad is not None
    }
    return {f"loss{suffix}": loss.detach().clone(), **gradients}


def draw_masks(count: int) -> list[list[bool]]:
    """Two different mixed masks, and one that drops everything."""
    generator = torch.Generator().manual_seed(1)
    masks: list[list[bool]] = []
    while len(masks) < 2:
        mask = (torch.rand(count, generator=generator) < 0.5).tolist()
        if any(mask) and not all(mask) and mask not in masks:
            masks.append(mask)
    return [*masks, [False] * count]


def run_case(case: Case) -> None:
    model = build_model(case)
    path = HERE / f"{case.name}.onnx"
    traced, _ = make_batch(case, 1 if case.static else 2, 12)
    export(case, model, traced, path)
    proto = strip_local_metadata(path)

    inputs, labels = make_batch(case, 1, 12) if case.static else make_batch(case, 3, 10)
    check_logits(model, inputs, path)
    sites = [pattern.format(layer) for layer in range(LAYERS) for pattern in case.sites]
    out = {f"in/{name}": value for name, value in inputs.items()} | {"labels": labels}
    out |= step(case, model, sites, [True] * len(sites), inputs, labels, "")
    for k, keep in enumerate(draw_masks(len(sites))):
        out |= {f"keep{k}": torch.tensor(keep)} | step(case, model, sites, keep, inputs, labels, str(k))
    save_file(out, HERE / f"{case.name}.safetensors")
    describe(case, sites, proto)
    print(f"{case.name:16} {len(proto.graph.node):4} nodes, {path.stat().st_size / 1024:.0f} KB, loss {out['loss']:.4f}")


def describe(case: Case, sites: list[str], proto: onnx.ModelProto) -> None:
    about = {
        "kind": case.kind,
        "sites": len(sites),
        "siteNames": sites,
        "prefix": "net." if case.torchscript else "",
        "exporter": "torchscript" if case.torchscript else "dynamo",
        "opset": next(o.version for o in proto.opset_import if o.domain == ""),
        "ir": proto.ir_version,
    }
    # One key a line, arrays on theirs where they fit in 110 columns: as prettier leaves them.
    lines = [f"  {json.dumps(key)}: {one_line(value)}" for key, value in about.items()]
    (HERE / f"{case.name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def one_line(value, width: int = 110) -> str:
    text = json.dumps(value)
    fits = len('  "siteNames": ,') + len(text) <= width or not isinstance(value, list)
    return text if fits else "[\n" + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]"


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for chosen in CASES:
        if len(sys.argv) == 1 or chosen.name in sys.argv[1:]:
            run_case(chosen)
