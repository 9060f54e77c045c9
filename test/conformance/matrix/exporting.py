"""Exports one cell of the matrix: a model as a user's exporter, or what ran after it, would have written it."""

import copy
from pathlib import Path
from typing import Callable

import numpy as np
import onnxruntime
import torch
from torch import nn
from transformers.cache_utils import DynamicCache

from architecture import HEADS, HIDDEN, LAYERS, Architecture, Cell
from tasks import TASKS, Tensors

PAST = 3
"""Cached positions of the batch that is traced with past keys and values."""


class Exported(nn.Module):
    """What users write around a network to fix its inputs and outputs: its first output, plus what the variant adds."""

    def __init__(self, net: nn.Module, inputs: list[str], variant: str) -> None:
        super().__init__()
        self.net = net
        self.inputs = inputs
        self.variant = variant

    def forward(self, *values: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        named = dict(zip(self.inputs, values))
        past = [named.pop(name) for name in self.inputs if name.startswith("past")]
        if past:
            return self.with_past(named, past)
        if self.variant == "hidden":
            out = self.net(**named, output_hidden_states=True)
            return (out[0], *(out.hidden_states if "hidden_states" in out else out.decoder_hidden_states))
        return self.net(**named)[0]

    def with_past(self, named: Tensors, past: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        out = self.net(**named, past_key_values=cache, use_cache=True)
        return (out[0], *(t for layer in out.past_key_values.layers for t in (layer.keys, layer.values)))


def traced(arch: Architecture, net: nn.Module, cell: Cell, inputs: Tensors) -> tuple[Tensors, dict, list[str]]:
    """Example inputs, dynamic dimensions of each, names of the outputs."""
    axes = {name: TASKS[arch.task].axes[name] for name in inputs}
    if cell.variant == "hidden":
        return inputs, axes, ["logits"] + [f"hidden_states.{i}" for i in range(LAYERS + 1)]
    if cell.variant != "past":
        return inputs, axes, ["logits"]
    config = net.config
    heads = getattr(config, "num_key_value_heads", None) or HEADS
    names = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    batch = inputs["input_ids"].shape[0]
    past = {f"past_key_values.{n}": torch.randn(batch, heads, PAST, HIDDEN // HEADS) for n in names}
    axes |= {name: {0: "batch", 2: "past_seq"} for name in past} | {"attention_mask": {0: "batch", 1: "total_seq"}}
    mask = torch.cat([torch.ones(batch, PAST, dtype=torch.long), inputs["attention_mask"]], 1)
    return inputs | {"attention_mask": mask} | past, axes, ["logits"] + [f"present.{n}" for n in names]


def export(arch: Architecture, net: nn.Module, cell: Cell, inputs: Tensors, path: Path) -> None:
    """Writes `path`; raises whatever the exporter raises."""
    if cell.variant == "eager":
        net = eager(net)
    inputs, axes, outputs = traced(arch, net, cell, inputs)
    module = Exported(net, list(inputs), cell.variant).eval()
    args = tuple(inputs.values())
    common = dict(input_names=list(inputs), output_names=outputs, opset_version=cell.opset)
    static = cell.variant == "static"
    if cell.exporter == "torchscript":
        common |= dict(dynamo=False, do_constant_folding=cell.variant != "unfolded")
        torch.onnx.export(module, args, path, dynamic_axes=None if static else axes, **common)
    else:
        shapes = None if static else (tuple(dynamic(axes[name]) for name in inputs),)
        torch.onnx.export(
            module, args, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False, **common
        )
    AFTER.get(cell.variant, lambda *_: None)(path, arch)


def eager(net: nn.Module) -> nn.Module:
    """A copy that writes attention out instead of calling PyTorch's function for it."""
    copied = copy.deepcopy(net)
    copied.set_attn_implementation("eager")
    return copied


def dynamic(axes: dict[int, str]) -> dict:
    """A length that is the sum of two others is found by torch.export itself."""
    return {axis: torch.export.Dim.DYNAMIC if name == "total_seq" else name for axis, name in axes.items()}


def simplify(path: Path, _arch: Architecture) -> None:
    """Constants folded and no-ops removed, as simplifiers do: ONNX Runtime's basic level."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path.with_suffix(".simplified"))
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    path.with_suffix(".simplified").rename(path)


def fuse(path: Path, arch: Architecture) -> None:
    """ONNX Runtime's transformer optimizer: operators of com.microsoft."""
    from onnxruntime.transformers.optimizer import optimize_model

    optimized = optimize_model(str(path), model_type=arch.optimizer, num_heads=HEADS, hidden_size=HIDDEN, opt_level=0)
    optimized.save_model_to_file(str(path))


AFTER: dict[str, Callable[[Path, Architecture], None]] = {"simplified": simplify, "fused": fuse}
VARIANTS = ("eager", "unfolded", "static", "left", "positions", "past", "hidden", *AFTER)


def check(path: Path, cell: Cell, net: nn.Module, inputs: Tensors, counted: torch.Tensor | None) -> None:
    """The exported model computes what PyTorch does, so that what differs later is not the exporter's doing.

    `counted` marks the rows that a label reads."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {name: value.numpy() for name, value in inputs.items()}
    if cell.variant == "past":
        for i in session.get_inputs():
            if i.name.startswith("past"):
                heads, width = i.shape[1], i.shape[3]
                feeds[i.name] = np.zeros((next(iter(inputs.values())).shape[0], heads, 0, width), np.float32)
    known = {i.name for i in session.get_inputs()}
    got = session.run(None, {name: value for name, value in feeds.items() if name in known})[0]
    with torch.no_grad():
        want = net(**inputs)[0].numpy()
    if counted is not None:
        got, want = got[counted.numpy()], want[counted.numpy()]
    error = float(np.linalg.norm(got - want) / np.linalg.norm(want))
    if not error < 1e-4:
        raise ValueError(f"the exported model's output is off by {error:.1e}")
