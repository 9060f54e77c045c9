"""Exports the test models of element types: tiny transformers in half, bfloat16 and double precision.

    python test/types/export.py [name ...]        (what test/models/export.py needs)

Writes beside this script, for every model, element type and exporter:
    NAME.onnx          the inference model, weights and arithmetic in that type
    NAME.safetensors   as test/models/export.py writes it, for all branches kept and for one mask
    NAME.json          what test/models/export.py writes, and `dtype`

The reference is computed in float32 (in float64 for double precision) from the weights and buffers as the element
type rounds them: what differs from it is arithmetic, and constants that the exporter rounded.

The TorchScript exporter writes no bfloat16, and of GPT-2 and BERT in float16 no valid ONNX (it folds casts of weights and
leaves LayerNormalization with operands of two types): they are reported and left out.
"""

import copy
import json
import logging
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "models"))
import export as models  # noqa: E402

HERE = Path(__file__).resolve().parent
models.HERE = HERE
models.LAYERS = 1
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}
FAMILIES = {
    "gpt2": ("causal", models.gpt2, models.GPT2_SITES),
    "llama": ("causal", models.llama, models.LLAMA_SITES),
    "bert": ("token", models.bert, models.BERT_SITES),
}


def run(family: str, dtype: str, torchscript: bool) -> None:
    kind, build, sites = FAMILIES[family]
    name = f"{family}_{dtype}" + ("_ts17" if torchscript else "")
    case = models.Case(name, kind, build, sites, torchscript=torchscript, opset=17 if torchscript else 20)
    model = models.build_model(case).to(DTYPES[dtype])
    path = HERE / f"{name}.onnx"
    traced, _ = models.make_batch(case, 2, 12)
    models.export(case, model, traced, path)
    proto = models.strip_local_metadata(path)

    reference = copy.deepcopy(model).to(torch.float64 if dtype == "float64" else torch.float32)
    inputs, labels = models.make_batch(case, 3, 10)
    names = [pattern.format(layer) for layer in range(models.LAYERS) for pattern in sites]
    out = {f"in/{key}": value for key, value in inputs.items()} | {"labels": labels}
    for suffix, keep in (("", [True, True]), ("0", [False, True])):
        out |= models.step(case, reference, names, keep, inputs, labels, suffix)
        if suffix:
            out[f"keep{suffix}"] = torch.tensor(keep)
    save_file(out, HERE / f"{name}.safetensors")
    models.describe(case, names, proto)
    about = HERE / f"{name}.json"
    about.write_text(about.read_text().replace("{\n", f'{{\n  "dtype": {json.dumps(dtype)},\n', 1))
    print(f"{name:24} {len(proto.graph.node):4} nodes, {path.stat().st_size / 1024:.0f} KB, loss {out['loss']:.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for family in FAMILIES:
        for dtype in DTYPES:
            for torchscript in (False, True):
                name = f"{family}_{dtype}" + ("_ts17" if torchscript else "")
                if len(sys.argv) > 1 and name not in sys.argv[1:]:
                    continue
                try:
                    run(family, dtype, torchscript)
                except Exception as error:  # noqa: BLE001  one exporter's failure is no reason to lose the others
                    for file in HERE.glob(f"{name}.*"):
                        file.unlink()
                    print(f"{name:24} {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}")
