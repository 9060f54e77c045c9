"""Exports the test models in training mode: tiny transformers whose Dropout nodes drop one element in ten.

    python test/dropout/export.py        (what test/models/export.py needs)

Writes NAME.onnx beside this script, by both exporters, without constant folding where the exporter can be told, and
NAME.safetensors with a batch (in/<input>, labels) and the loss of the same weights in evaluation mode.
"""

import logging
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import DistilBertConfig, DistilBertForMaskedLM

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "models"))
import export as models  # noqa: E402

HERE = Path(__file__).resolve().parent
models.LAYERS = 1


def distilbert() -> torch.nn.Module:
    return DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=models.VOCAB,
            dim=models.HIDDEN,
            n_layers=models.LAYERS,
            n_heads=models.HEADS,
            hidden_dim=models.INNER,
            max_position_embeddings=models.POSITIONS,
        )
    )


FAMILIES = {"gpt2": ("causal", models.gpt2), "bert": ("token", models.bert), "distilbert": ("token", distilbert)}


def run(family: str, torchscript: bool) -> None:
    kind, build = FAMILIES[family]
    name = f"{family}_ts17" if torchscript else family
    case = models.Case(name, kind, build, [], torchscript=torchscript)
    model = models.build_model(case)
    # Attention written out: the dynamo exporter loses the dropout inside the fused one.
    model.config._attn_implementation = "eager"
    inputs, labels = models.make_batch(case, 3, 10)
    with torch.no_grad():
        loss = models.loss_of(case, model(**inputs)[0], labels)
    traced, _ = models.make_batch(case, 2, 12)
    path = HERE / f"{name}.onnx"
    model.train()
    axes = {0: "batch", 1: "seq"}
    common = dict(input_names=list(traced), output_names=["logits"])
    if torchscript:
        torch.onnx.export(
            models.LogitsOnly(model).train(),
            tuple(traced.values()),
            path,
            dynamo=False,
            opset_version=17,
            dynamic_axes={key: axes for key in [*traced, "logits"]},
            training=torch.onnx.TrainingMode.TRAINING,
            do_constant_folding=False,
            **common,
        )
    else:
        shapes = {key: axes for key in traced}
        torch.onnx.export(
            model, (), path, kwargs=traced, dynamo=True, opset_version=20, dynamic_shapes=shapes, verbose=False,
            external_data=False, **common,
        )  # fmt: skip
    models.strip_local_metadata(path)
    out = {f"in/{key}": value for key, value in inputs.items()} | {"labels": labels, "loss": loss.clone()}
    save_file(out, HERE / f"{name}.safetensors")
    print(f"{name:16} loss {loss:.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for family in FAMILIES:
        for torchscript in (False, True):
            run(family, torchscript)
