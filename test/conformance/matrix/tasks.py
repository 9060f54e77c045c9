"""What a model is fed, what of its outputs is exported, and the loss that PyTorch's reference takes of them."""

from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F
from torch import nn

from architecture import CLASSES, FRAMES, HEADS, HIDDEN, IMAGE, MELS, VOCAB

IGNORE, PADDED = -100, 3
FIRST_TOKEN = 3
"""Tokens below are special in some configurations (padding, start, end)."""

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Task:
    """`batch(variant, size, length)` gives inputs and labels; `axes` names the dynamic dimensions of each input;
    `loss` is what PyTorch minimises, `compile_loss` what --loss is told."""

    compile_loss: str
    batch: Callable[[str, int, int], tuple[Tensors, torch.Tensor]]
    axes: dict[str, dict[int, str]]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORE)


def next_token(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits[:, :-1], labels[:, 1:])


def tokens(size: int, length: int) -> torch.Tensor:
    return torch.randint(FIRST_TOKEN, VOCAB, (size, length))


def text(variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    """Tokens whose last row is padded; every counted token is its own label."""
    ids, mask = tokens(size, length), torch.ones(size, length, dtype=torch.long)
    labels = ids.clone()
    if variant == "left":
        # Padded rows see nothing, and exporters differ on them: no label may read one.
        mask[-1, :PADDED] = 0
        labels[-1, : PADDED + 1] = IGNORE
    else:
        mask[-1, -PADDED:] = 0
        labels[-1, -PADDED:] = IGNORE
    inputs = {"input_ids": ids, "attention_mask": mask}
    if variant == "positions":
        inputs["position_ids"] = torch.arange(2, length + 2).expand(size, length).contiguous()
    return inputs, labels


def text_class(variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    return text(variant, size, length)[0], torch.randint(0, CLASSES, (size,))


def image(_variant: str, size: int, _length: int) -> tuple[Tensors, torch.Tensor]:
    return {"pixel_values": torch.randn(size, 3, IMAGE, IMAGE)}, torch.randint(0, CLASSES, (size,))


def text_to_text(variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    inputs, _ = text(variant, size, length)
    inputs["decoder_input_ids"], labels = tokens(size, length - PADDED), tokens(size, length - PADDED)
    labels[0, -2:] = IGNORE
    return inputs, labels


def pairs(variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    """As many texts as pictures; each picture belongs to one of the texts."""
    inputs, _ = text(variant, size, length)
    inputs["input_ids"][:, -1] = VOCAB - 1  # the highest token ends a text, and its place is read
    return inputs | {"pixel_values": torch.randn(size, 3, IMAGE, IMAGE)}, torch.randperm(size)


def pairs_apart(variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    """Each picture belongs to the text of its place, and to no other."""
    return pairs(variant, size, length)[0], torch.eye(size)


def speech(_variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    labels = tokens(size, length)
    labels[0, -2:] = IGNORE
    return {"input_features": torch.randn(size, MELS, FRAMES), "decoder_input_ids": tokens(size, length)}, labels


def waves(_variant: str, size: int, length: int) -> tuple[Tensors, torch.Tensor]:
    return {"input_values": torch.randn(size, 40 * length)}, torch.randint(0, CLASSES, (size,))


TEXT = {0: "batch", 1: "seq"}
DECODER = {0: "batch", 1: "decoder_seq"}
TEXT_AXES = {"input_ids": TEXT, "attention_mask": TEXT, "position_ids": TEXT}

TASKS = {
    "causal": Task("causal-lm", text, TEXT_AXES, next_token),
    "token": Task("token", text, TEXT_AXES, cross_entropy),
    "text-class": Task("class", text_class, TEXT_AXES, cross_entropy),
    "image": Task("class", image, {"pixel_values": {0: "batch"}}, cross_entropy),
    "pairs": Task("class", pairs, TEXT_AXES | {"pixel_values": {0: "batch"}}, cross_entropy),
    "pairs-apart": Task(
        "bce",
        pairs_apart,
        TEXT_AXES | {"pixel_values": {0: "batch"}},
        F.binary_cross_entropy_with_logits,
    ),
    "speech": Task("token", speech, {"input_features": {0: "batch"}, "decoder_input_ids": DECODER}, cross_entropy),
    "waves": Task("class", waves, {"input_values": {0: "batch", 1: "samples"}}, cross_entropy),
    "seq2seq": Task(
        "token", text_to_text, TEXT_AXES | {"decoder_input_ids": {0: "batch", 1: "decoder_seq"}}, cross_entropy
    ),
}
