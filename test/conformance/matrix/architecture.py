"""What an architecture of the matrix is: how to build it, its residual branches, and the cells it is exported in."""

from dataclasses import dataclass, replace
from typing import Callable

from torch import nn

VOCAB, HIDDEN, LAYERS, HEADS, INNER, POSITIONS, CLASSES, IMAGE, PATCH = 97, 32, 2, 4, 64, 64, 5, 32, 8
MELS, FRAMES = 8, 40


@dataclass(frozen=True)
class Branch:
    """One residual branch: its kind in the manifest, the site's name, and the module that PyTorch detaches.

    A site is called after the module directly below the one that adds, on the way to the branch's last product;
    `hook` is the module whose output is added: the same, but for a norm that follows. A module that is applied
    several times stands here as often, in execution order.
    """

    kind: str
    name: str
    hook: str


@dataclass(frozen=True)
class Cell:
    """One export: exporter (`dynamo` or `torchscript`), opset, and a variant from exporting.VARIANTS ("" is the plain one)."""

    exporter: str
    opset: int
    variant: str = ""

    @property
    def name(self) -> str:
        return f"{self.exporter}-{self.opset}" + (f"-{self.variant}" if self.variant else "")


BOTH = (Cell("dynamo", 20), Cell("torchscript", 17))
UNFOLDED = Cell("torchscript", 17, "unfolded")
"""For models with parameters that TorchScript folds into constants: tables that it looks positions up in, say."""
OPSETS = (
    Cell("torchscript", 13, "eager"),
    *(Cell("torchscript", opset) for opset in (14, 15, 16, 18, 19, 20)),
    *(Cell("dynamo", opset) for opset in (18, 19, 21, 22, 23)),
)
"""The opsets that the exporters write, beside those of BOTH; below 14 TorchScript has no fused attention."""


def variants(*names: str) -> tuple[Cell, ...]:
    """Both exporters in each of the variants."""
    return tuple(replace(cell, variant=name) for name in names for cell in BOTH)


@dataclass(frozen=True)
class Architecture:
    """One row of the table.

    `task` names a task of tasks.TASKS (inputs, outputs, loss); `model` builds the randomly initialised network;
    `branches` are all its residual branches in execution order; `optimizer` is the model type that ONNX Runtime's
    transformer optimizer knows it by (variant `fused`); `folded` are parameters that an exporter computes constants
    from, so that the file has them no more.
    """

    name: str
    task: str
    model: Callable[[], nn.Module]
    branches: tuple[Branch, ...]
    cells: tuple[Cell, ...] = BOTH
    optimizer: str = "gpt2"
    folded: tuple[str, ...] = ()


def branch(kind: str, name: str, hook: str | None = None) -> Branch:
    return Branch(kind, name, hook or name)


def stack(*layer: Branch, layers: int = LAYERS) -> tuple[Branch, ...]:
    """The branches of `layers` equal blocks; `{}` in a name stands for the block's number."""
    return tuple(
        Branch(b.kind, b.name.format(number), b.hook.format(number)) for number in range(layers) for b in layer
    )
