"""Exports the models of the field's complaints about training ONNX models, with PyTorch's losses and gradients.

    python test/conformance/field/export.py [name ...]        (what test/models/export.py needs)

Writes beside this script, for every case, NAME.onnx and NAME.safetensors:
    in/<input>, labels, loss, grad/<parameter>                    all branches kept
    out/<output>                                                  where there are several
    keep<k> (one bool per site, in execution order), loss<k>, grad<k>/<parameter>      under mask k
    curve                                                         losses of STEPS steps of AdamW on that batch
Every model is exported by TorchScript, as the complaints had it; gradients are taken without dropout.
"""

import logging
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertModel,
    MobileBertConfig,
    MobileBertForMaskedLM,
    ViTConfig,
    ViTForImageClassification,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "models"))
from export import detach, draw_masks, strip_local_metadata  # noqa: E402

VOCAB, HIDDEN, LAYERS, HEADS, INNER, POSITIONS, CLASSES = 61, 16, 2, 2, 32, 32, 5
STEPS, LEARNING_RATE = 6, 1e-2
Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


class ModulatedConvolution(nn.Module):
    """StyleGAN2's convolution: weights scaled by a style, then brought back to unit norm by a reciprocal root."""

    def __init__(self) -> None:
        super().__init__()
        self.style = nn.Linear(HIDDEN, 4)
        self.weight = nn.Parameter(torch.randn(6, 4, 3, 3))

    def forward(self, image: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        scale = self.style(latent) + 1
        weight = self.weight[None] * scale[:, None, :, None, None]
        norm = torch.sqrt(weight.square().sum((2, 3, 4)) + 1e-8).reciprocal()
        return F.conv2d(image * scale[:, :, None, None], self.weight, padding=1) * norm[:, :, None, None]


class Regression(nn.Module):
    """Linear layers and ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Linear(3, 10)
        self.layer2 = nn.Linear(10, 10)
        self.logits = nn.Linear(10, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(torch.relu(self.layer2(torch.relu(self.layer1(x)))))


class Head(nn.Module):
    """Gives a model positional inputs and outputs: those named, or the first that it has."""

    def __init__(self, net: nn.Module, names: tuple[str, ...], outputs: list[str]) -> None:
        super().__init__()
        self.net = net
        self.names = names
        self.outputs = outputs

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self.net(**dict(zip(self.names, inputs)))
        if self.outputs == ["output"]:
            return (output if isinstance(output, torch.Tensor) else output[0],)
        values = {"logits": output.logits, "attention": output.attentions[0]}
        values |= {f"hidden_{i}": hidden for i, hidden in enumerate(output.hidden_states)}
        return tuple(values[name] for name in self.outputs)


def tokens(batch: int, seq: int) -> dict[str, torch.Tensor]:
    mask = torch.ones(batch, seq, dtype=torch.long)
    mask[-1, -3:] = 0
    return {"input_ids": torch.randint(3, VOCAB, (batch, seq)), "attention_mask": mask}


def masked_lm_batch(batch: int) -> Batch:
    inputs = tokens(batch, 8 + batch)
    return inputs, inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)


def hidden_batch(batch: int) -> Batch:
    return tokens(batch, 8 + batch), torch.randn(batch, 8 + batch, HIDDEN)


def sentence_batch(batch: int) -> Batch:
    return tokens(batch, 8 + batch), torch.randint(0, CLASSES, (batch,))


def picture_batch(batch: int) -> Batch:
    return {"pixel_values": torch.randn(batch, 3, 16, 16)}, torch.randint(0, CLASSES, (batch,))


def generator_batch(batch: int) -> Batch:
    inputs = {"image": torch.randn(batch, 4, 6, 5), "latent": torch.randn(batch, HIDDEN)}
    return inputs, torch.randn(batch, 6, 6, 5)


def regression_batch(batch: int) -> Batch:
    x = torch.randn(batch, 3)
    return {"x": x}, x.sum(1, keepdim=True)


def distilbert() -> nn.Module:
    """Hidden states, with the dropout of 0.1 that its configuration has by default."""
    return DistilBertModel(
        DistilBertConfig(
            vocab_size=VOCAB, dim=HIDDEN, n_layers=LAYERS, n_heads=HEADS, hidden_dim=INNER, max_position_embeddings=POSITIONS
        )
    )


def mobilebert() -> nn.Module:
    return MobileBertForMaskedLM(
        MobileBertConfig(
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            embedding_size=8,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            intra_bottleneck_size=8,
            num_feedforward_networks=2,
            max_position_embeddings=POSITIONS,
        )
    )


def bert() -> nn.Module:
    """A classifier that gives its hidden states and attention weights, too."""
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            max_position_embeddings=POSITIONS,
            num_labels=CLASSES,
            output_hidden_states=True,
            output_attentions=True,
            attn_implementation="eager",
        )
    )


def vit() -> nn.Module:
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            image_size=16,
            patch_size=4,
            num_labels=CLASSES,
        )
    )


@dataclass
class Case:
    """One model and how it is exported. `sites`: modules whose output joins a residual stream, per layer."""

    name: str
    build: Callable[[], nn.Module]
    batch: Callable[[int], Batch]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    sites: list[str] = field(default_factory=list)
    opset: int = 17
    options: dict = field(default_factory=dict)
    traced: bool = False
    outputs: list[str] = field(default_factory=lambda: ["output"])


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


DISTILBERT_SITES = ["transformer.layer.{}.attention", "transformer.layer.{}.ffn"]
# Attention is none: it reads another projection of the stream than the one that it is added to.
MOBILEBERT_SITES = [
    "mobilebert.encoder.layer.{}.ffn.0.output.dense",
    "mobilebert.encoder.layer.{}.output.dense",
    "mobilebert.encoder.layer.{}.output.bottleneck.dense",
]
BERT_SITES = ["bert.encoder.layer.{}.attention.output.dense", "bert.encoder.layer.{}.output.dense"]
VIT_SITES = ["vit.layers.{}.attention", "vit.layers.{}.mlp"]
TRAINING = dict(do_constant_folding=False, training=torch.onnx.TrainingMode.TRAINING)
CASES = [
    Case("distilbert_training", distilbert, hidden_batch, F.mse_loss, DISTILBERT_SITES, options=TRAINING),
    Case("mobilebert", mobilebert, masked_lm_batch, cross_entropy, MOBILEBERT_SITES, options=TRAINING),
    Case(
        "several_outputs",
        bert,
        sentence_batch,
        cross_entropy,
        BERT_SITES,
        outputs=["hidden_0", "hidden_1", "attention", "logits"],
    ),
    Case("vit", vit, picture_batch, cross_entropy, VIT_SITES),
    Case("modulated_convolution", ModulatedConvolution, generator_batch, F.mse_loss),
    Case("regression", Regression, regression_batch, F.mse_loss, opset=10, traced=True),
]


def build_model(case: Case) -> nn.Module:
    """The case's model with distinct values in every parameter, so that no two are alike."""
    torch.manual_seed(sum(map(ord, case.name)))
    model = case.build().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.1 if parameter.dim() > 1 else 0.05))
    return model


def export(case: Case, head: nn.Module, inputs: dict[str, torch.Tensor], path: Path) -> None:
    dynamic = {name: {0: "batch", 1: "seq"} if value.dtype == torch.long else {0: "batch"} for name, value in inputs.items()}
    dynamic |= {name: {0: "batch"} for name in case.outputs}
    args = tuple(inputs.values())
    module = torch.jit.trace(head, args) if case.traced else head
    torch.onnx.export(
        module,
        args,
        path,
        dynamo=False,
        input_names=list(inputs),
        output_names=case.outputs,
        dynamic_axes=dynamic,
        opset_version=case.opset,
        **case.options,
    )
    strip_local_metadata(path)


def backward(case: Case, head: nn.Module, batch: Batch, keep: list[bool], suffix: str) -> dict[str, torch.Tensor]:
    """Loss and gradients with the dropped branches detached from the backward pass."""
    inputs, labels = batch
    sites = [pattern.format(layer) for layer in range(LAYERS) for pattern in case.sites]
    hooks = [head.net.get_submodule(s).register_forward_hook(detach) for s, k in zip(sites, keep) if not k]
    head.zero_grad(set_to_none=True)
    loss = case.loss(head(*inputs.values())[-1], labels)
    loss.backward()
    for hook in hooks:
        hook.remove()
    gradients = {
        f"grad{suffix}/{name}": p.grad.clone().contiguous()
        for name, p in head.net.named_parameters()
        if p.grad is not None
    }
    return {f"loss{suffix}": loss.detach().clone(), **gradients}


def train(case: Case, head: nn.Module, batch: Batch) -> torch.Tensor:
    """Losses of a few steps of AdamW with its defaults."""
    optimizer = torch.optim.AdamW(head.parameters(), lr=LEARNING_RATE)
    losses = []
    for _ in range(STEPS):
        losses.append(backward(case, head, batch, [True] * (LAYERS * len(case.sites)), "")["loss"])
        optimizer.step()
    return torch.stack(losses)


def run_case(case: Case) -> None:
    torch.manual_seed(0)
    traced, batch = case.batch(2), case.batch(3)
    head = Head(build_model(case), tuple(traced[0]), case.outputs).eval()
    export(case, head, traced[0], HERE / f"{case.name}.onnx")
    head.eval()
    count = LAYERS * len(case.sites)
    out = {f"in/{name}": value for name, value in batch[0].items()} | {"labels": batch[1]}
    out |= backward(case, head, batch, [True] * count, "")
    with torch.no_grad():
        results = head(*batch[0].values())
    out |= {f"out/{name}": value.contiguous() for name, value in zip(case.outputs, results) if name != "output"}
    for k, keep in enumerate(draw_masks(count) if count else []):
        out |= {f"keep{k}": torch.tensor(keep)} | backward(case, head, batch, keep, str(k))
    out["curve"] = train(case, head, batch)
    save_file(out, HERE / f"{case.name}.safetensors")
    size = (HERE / f"{case.name}.onnx").stat().st_size
    print(f"{case.name:24} {size / 1024:4.0f} KB, loss {out['loss']:.4f} to {out['curve'][-1]:.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for chosen in CASES:
        if len(sys.argv) == 1 or chosen.name in sys.argv[1:]:
            run_case(chosen)
