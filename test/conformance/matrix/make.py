"""Exports the matrix of conformance, and takes PyTorch's references to check it against.

    python test/conformance/matrix/make.py CACHE [architecture ...] [--family NAME] [--cells PATTERN] [--list]
                                       (torch, transformers, onnx, onnxscript, onnxruntime, safetensors)

Writes for every architecture, and skips what is there:
    CACHE/ARCHITECTURE/table.json             task, loss, branches and cells as the table has them
    CACHE/ARCHITECTURE/[VARIANT.]safetensors  a reference, see reference.py
    CACHE/ARCHITECTURE/CELL.onnx              the exported model
    CACHE/ARCHITECTURE/CELL.json              {"failed": message} where the exporter did not manage it, {"refused": message}
                                              where ONNX Runtime does not compute the same from the file, else {}
    CACHE/ARCHITECTURE/log.txt                what the exporters printed
Every architecture has a process of its own; a cell in which it dies is noted, and the process started again.
"""

import argparse
import fnmatch
import json
import logging
import subprocess
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

SECONDS = 900
"""An architecture's process may take this long before the cell it is in counts as failed."""


def find(names: list[str], family: str | None) -> list:
    from architectures import FAMILIES

    every = [a for name, group in FAMILIES.items() if family in (None, name) for a in group]
    unknown = set(names) - {a.name for a in every}
    if unknown:
        sys.exit(f"no such architecture: {', '.join(sorted(unknown))}")
    return [a for a in every if not names or a.name in names]


def drive(cache: Path, arguments: argparse.Namespace) -> None:
    """One process an architecture, until every cell has its outcome."""
    for arch in find(arguments.architecture, arguments.family):
        cells = [c for c in arch.cells if fnmatch.fnmatch(c.name, arguments.cells)]
        directory = cache / arch.name
        while todo := [c for c in cells if not (directory / f"{c.name}.json").exists()]:
            print(f"{arch.name}: {', '.join(c.name for c in todo)}", flush=True)
            command = [sys.executable, __file__, str(cache), arch.name, "--cells", arguments.cells, "--here"]
            describe(arch, directory)
            log = directory / "log.txt"
            died = attempt(command, log)
            if died is None:
                continue
            if not any(directory.glob("*.safetensors")):
                print(f"{arch.name} cannot be built:\n" + "\n".join(log.read_text().splitlines()[-5:]), file=sys.stderr)
                break
            outcome(directory, next(c for c in todo if not (directory / f"{c.name}.json").exists()), failed=died)


def attempt(command: list[str], log: Path) -> str | None:
    """Runs a process; how it died, if it did."""
    try:
        with open(log, "a") as file:
            code = subprocess.run(command, timeout=SECONDS, stdout=file, stderr=file).returncode
        return f"the process ended with code {code}" if code else None
    except subprocess.TimeoutExpired:
        return f"no result in {SECONDS} s"


def outcome(directory: Path, cell, **what: str) -> None:
    (directory / f"{cell.name}.json").write_text(json.dumps(what))


def run(arch, cache: Path, pattern: str) -> None:
    """All cells of one architecture, in this process."""
    import torch
    from safetensors.torch import save_file

    from exporting import check, export
    from reference import reference
    from tasks import IGNORE, TASKS

    task, directory = TASKS[arch.task], cache / arch.name
    net = build(arch)
    for cell in arch.cells:
        if not fnmatch.fnmatch(cell.name, pattern) or (directory / f"{cell.name}.json").exists():
            continue
        static = cell.variant == "static"
        torch.manual_seed(len(cell.variant))
        example, _ = task.batch(cell.variant, 2, 12)
        inputs, labels = task.batch(cell.variant, 2, 12) if static else task.batch(cell.variant, 3, 10)
        saved = directory / (f"{cell.variant}.safetensors" if cell.variant else "plain.safetensors")
        if not saved.exists():
            save_file(reference(arch, net, inputs, labels), saved)
        path = directory / f"{cell.name}.onnx"
        try:
            export(arch, net, cell, example, path)
        except Exception as error:  # noqa: BLE001: whatever the exporter raises is the outcome
            outcome(directory, cell, failed=brief(error))
            continue
        try:
            check(path, cell, net, inputs, labels != IGNORE if labels.dim() == 2 else None)
            outcome(directory, cell)
        except Exception as error:  # noqa: BLE001: the compiler may do without what ONNX Runtime lacks
            outcome(directory, cell, refused=brief(error))


def describe(arch, directory: Path) -> None:
    from architectures import FAMILIES
    from tasks import TASKS

    family = next(name for name, group in FAMILIES.items() if arch in group)
    about = {"family": family, "task": arch.task, "loss": TASKS[arch.task].compile_loss}
    about["folded"] = arch.folded
    about["branches"] = [asdict(b) for b in arch.branches]
    about["cells"] = [asdict(c) | {"name": c.name} for c in arch.cells]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "table.json").write_text(json.dumps(about, indent=2))


def build(arch):
    """The network with distinct values in every parameter, so that no exporter merges two of them."""
    import torch

    torch.manual_seed(sum(map(ord, arch.name)))
    net = arch.model().eval()
    if hasattr(net, "config"):
        net.config.use_cache = False
    with torch.no_grad():
        for parameter in (p for p in net.parameters() if p.requires_grad):
            parameter.add_(torch.randn_like(parameter) * (0.1 if parameter.dim() > 1 else 0.05))
    return net


def brief(error: BaseException) -> str:
    """The innermost message of an exporter's failure, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[:2])}"[:300]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=Path)
    parser.add_argument("architecture", nargs="*")
    parser.add_argument("--family", help="causal, encoder, vision, seq2seq or speech")
    parser.add_argument("--cells", default="*", help="cells to make, such as 'dynamo-*'")
    parser.add_argument("--list", action="store_true", help="write the tables only, and name the architectures")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    if arguments.list:
        for arch in find(arguments.architecture, arguments.family):
            describe(arch, arguments.cache / arch.name)
            print(arch.name)
    elif arguments.here:
        import torch

        torch.set_num_threads(1)
        run(find(arguments.architecture, arguments.family)[0], arguments.cache, arguments.cells)
    else:
        drive(arguments.cache, arguments)


if __name__ == "__main__":
    main()
