"""The PyTorch side of bench/gpt2.ts: exports the model that both rivals train, and trains it.

    python bench/gpt2.py export FILE.onnx [--layers N ...]
    python bench/gpt2.py work [--layers N ...] [--threads N] [--optimizer]    (JSON lines on standard input and output)

The rival is eager PyTorch with SDPA and the official DropBP layer: a dropped branch's output is detached.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

SHAPE = {"layers": 12, "hidden": 768, "heads": 12, "vocab": 50257, "seq": 512, "batch": 1}


def build_model(options: argparse.Namespace) -> GPT2LMHeadModel:
    """Random weights, the same ones for the same options, no two parameters equal."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=options.vocab,
        n_positions=max(options.seq, 32),
        n_embd=options.hidden,
        n_layer=options.layers,
        n_head=options.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    config.use_cache = False
    model = GPT2LMHeadModel._from_config(config, attn_implementation="sdpa")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def export(model: GPT2LMHeadModel, file: Path) -> None:
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


class DropBP:
    """A forward hook on a branch that detaches its output while the branch is dropped."""

    def __init__(self, branch: torch.nn.Module) -> None:
        self.keep = True
        branch.register_forward_hook(self)

    def __call__(self, _branch, _inputs, output):
        if self.keep:
            return output
        return (output[0].detach(), *output[1:]) if isinstance(output, tuple) else output.detach()


class Worker:
    def __init__(self, options: argparse.Namespace) -> None:
        self.model = build_model(options).train()
        self.sites = [DropBP(branch) for block in self.model.transformer.h for branch in (block.attn, block.mlp)]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True) if options.optimizer else None

    def step(self, ids: list[list[int]], keep: list[bool]) -> dict:
        tokens = torch.tensor(ids)
        for site, kept in zip(self.sites, keep, strict=True):
            site.keep = kept
        self.model.zero_grad(set_to_none=True)
        start = time.perf_counter()
        loss = self.model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        if self.optimizer:
            self.optimizer.step()
        return {"ms": (time.perf_counter() - start) * 1e3, "loss": loss.item()}


def memory() -> dict:
    """Resident bytes now, and at most since the last reset."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"rss": int(fields["VmRSS"].split()[0]) * 1024, "peak": int(fields["VmHWM"].split()[0]) * 1024}


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def work(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    worker = Worker(options)
    for line in sys.stdin:
        request = json.loads(line)
        if request["op"] == "reset":
            reset_peak()
        reply = worker.step(request["ids"], request["keep"]) if request["op"] == "step" else memory()
        print(json.dumps(reply), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["export", "work", "versions"])
    parser.add_argument("file", type=Path, nargs="?")
    for name, default in SHAPE.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--optimizer", action="store_true")
    options = parser.parse_args()
    if options.action == "versions":
        print(json.dumps({"torch": torch.__version__, "mkldnn": torch.backends.mkldnn.is_available()}))
    elif options.action == "export":
        export(build_model(options), options.file)
    else:
        work(options)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    main()
