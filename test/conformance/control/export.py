"""Tiny models with run-time control flow, exported, with PyTorch's loss and gradients for several inputs and masks.

    python test/conformance/control/export.py [name ...]

Writes `<name>.onnx`, and `<name>.<k>.safetensors` for the k-th batch: inputs `in/x`, targets `labels`, then for the run that
keeps every branch and for each mask (`keep0`, …) the loss (mean squared error) and the gradients `grad/<parameter>`. A
parameter that only the branch not taken reads has a gradient of zeros. `sites`: modules whose output joins the residual
stream.
"""

import logging
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models"))
from export import detach, draw_masks, strip_local_metadata  # noqa: E402

HIDDEN, INNER = 6, 8


class Choice(nn.Module):
    """A wide or a narrow MLP, as the data decides."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down, self.small = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def wide(t: torch.Tensor) -> torch.Tensor:
            return self.down(F.gelu(self.up(t)))

        def narrow(t: torch.Tensor) -> torch.Tensor:
            return torch.tanh(self.small(t))

        return torch.cond(x.sum() > 0, wide, narrow, (x,))


class Recurrence(nn.Module):
    """h' = tanh(W·h + x), along the second axis."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def step(h: torch.Tensor, e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            after = torch.tanh(self.cell(h) + e)
            return after, after * e

        _, y = scan(step, torch.zeros_like(x[:, 0]), x.transpose(0, 1), dim=0)
        return self.out(y.transpose(0, 1))


class Block(nn.Module):
    """Two residual branches."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(HIDDEN), first, second

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.first(self.norm(x))
        return x + self.second(x)


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(torch.tanh(self.up(x)))


class Blocks(nn.Module):
    """A projection, blocks one after the other, and a head."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.embed, self.blocks, self.head = nn.Linear(HIDDEN, HIDDEN), nn.Sequential(*blocks), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.embed(x)))


class Repeated(nn.Module):
    """One block applied three times, counted by the model."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = Block(MLP(), MLP()), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count = torch.tensor(0)
        _, y = while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, self.block(y)), (count, x))
        return self.head(y)

    def unrolled(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(self.block(self.block(x))))


class ScriptedChoice(nn.Module):
    """A Python `if`, scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.small, self.head = MLP(), nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            y = x + self.wide(x)
        else:
            y = torch.tanh(self.small(x))
        return self.head(y)


class ScriptedRecurrence(nn.Module):
    """A Python loop over the steps that fills a list, scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.zeros_like(x[:, 0])
        steps: list[torch.Tensor] = []
        for i in range(x.size(1)):
            h = torch.tanh(self.cell(h) + x[:, i])
            steps.append(h)
        return self.head(torch.stack(steps, dim=1))


class Recurrent(nn.Module):
    """A bidirectional two-layer LSTM, GRU or RNN."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cells = getattr(nn, kind)(HIDDEN, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cells(x)[0])


class Lists(nn.Module):
    """Operators that the dynamo exporter writes with lists: `hstack` maps over one, `split` of an open length makes one."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.head = nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.hstack([self.left(x), torch.tanh(self.right(x))])
        return self.head(torch.split(y, 2, dim=0)[0])


@dataclass
class Case:
    """A model, how it is exported, and the shapes of its batches: [batch, steps]."""

    name: str
    build: object
    sites: list[str] = field(default_factory=list)
    scripted: bool = False
    torchscript: bool = False
    dynamic: bool = True
    batches: tuple[tuple[int, int], ...] = ((2, 5), (3, 4))


CASES = [
    Case(
        "cond",
        lambda: Blocks(Block(MLP(), Choice()), Block(MLP(), Choice())),
        [f"blocks.{i}.{part}" for i in range(2) for part in ("first", "second")],
    ),
    Case("scan", lambda: Blocks(Block(Recurrence(), MLP())), ["blocks.0.first", "blocks.0.second"]),
    Case(
        "scan_static",
        lambda: Blocks(Block(Recurrence(), MLP())),
        ["blocks.0.first", "blocks.0.second"],
        dynamic=False,
        batches=((2, 5),),
    ),
    Case("while_loop", Repeated),
    Case("scripted_if", ScriptedChoice, scripted=True, torchscript=True),
    Case("scripted_loop", ScriptedRecurrence, scripted=True, torchscript=True),
    Case("lists", Lists),
    *[Case(kind.lower(), lambda kind=kind: Recurrent(kind), torchscript=True) for kind in ("LSTM", "GRU", "RNN")],
    *[
        Case(f"{kind.lower()}_static", lambda kind=kind: Recurrent(kind), dynamic=False, batches=((2, 5),))
        for kind in ("LSTM", "GRU")
    ],
]


def export(case: Case, model: nn.Module, x: torch.Tensor, path: Path) -> None:
    axes = {0: "batch", 1: "steps"}
    common = dict(input_names=["x"], output_names=["y"])
    if case.torchscript:
        net = torch.jit.script(model) if case.scripted else model
        dynamic = {"x": axes, "y": axes} if case.dynamic else None
        torch.onnx.export(net, (x,), path, dynamo=False, opset_version=17, dynamic_axes=dynamic, **common)
    else:
        dynamic = (axes,) if case.dynamic else None
        torch.onnx.export(
            model, (x,), path, dynamo=True, opset_version=20, external_data=False, dynamic_shapes=dynamic, **common
        )
    strip_local_metadata(path)


def run(
    model: nn.Module, x: torch.Tensor, labels: torch.Tensor, sites: list[str], keep: list[bool], key: str, untaken: set
) -> dict:
    """Loss and gradients under a mask. `untaken`: parameters without gradient where nothing is dropped."""
    hooks = [model.get_submodule(s).register_forward_hook(detach) for s, k in zip(sites, keep) if not k]
    model.zero_grad(set_to_none=True)
    # The loop operators of PyTorch have no gradient yet: the same steps in Python stand for them.
    y = model.unrolled(x) if hasattr(model, "unrolled") else model(x)
    loss = F.mse_loss(y, labels)
    loss.backward()
    for hook in hooks:
        hook.remove()
    if all(keep):
        untaken |= {name for name, p in model.named_parameters() if p.grad is None}
    dropped = tuple(f"{s}." for s, k in zip(sites, keep) if not k)
    gradients = {
        f"grad{key}/{name}": torch.zeros_like(p) if p.grad is None else p.grad.clone().contiguous()
        for name, p in model.named_parameters()
        if p.grad is not None or (name in untaken and not name.startswith(dropped))
    }
    return {f"loss{key}": loss.detach().clone(), **gradients}


def check(model: nn.Module, path: Path, x: torch.Tensor) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(["y"], {"x": x.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(got, model(x).numpy(), rtol=1e-4, atol=1e-5)


def run_case(case: Case) -> None:
    torch.manual_seed(sum(map(ord, case.name)))
    model = case.build().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    path = HERE / f"{case.name}.onnx"
    export(case, model, torch.randn(*case.batches[0], HIDDEN), path)
    for k, shape in enumerate(case.batches):
        x = torch.randn(*shape, HIDDEN) * 0.7 + (0.4 if k == 0 else -0.4)
        y = model(x).detach()
        labels = (y + torch.randn_like(y)).contiguous()
        check(model, path, x)
        untaken: set[str] = set()
        out = {"in/x": x, "labels": labels, **run(model, x, labels, case.sites, [True] * len(case.sites), "", untaken)}
        for m, keep in enumerate(draw_masks(len(case.sites)) if len(case.sites) > 1 else []):
            out |= {f"keep{m}": torch.tensor(keep)} | run(model, x, labels, case.sites, keep, str(m), untaken)
        save_file(out, HERE / f"{case.name}.{k}.safetensors")
    print(f"{case.name:14} {path.stat().st_size / 1024:5.0f} KB, loss {out['loss']:.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for chosen in CASES:
        if len(sys.argv) == 1 or chosen.name in sys.argv[1:]:
            run_case(chosen)
