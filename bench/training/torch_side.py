"""PyTorch's side of the benchmark.

    python torch_side.py versions
    python torch_side.py export --file FILE.onnx --model gpt2 --mode full --vocab 50257
    python torch_side.py work --model gpt2 --mode lora --vocab 50257 [--attention eager] [--drop no-grad] [--compile] [--bf16]

The worker reads requests as JSON lines from standard input and answers in the same way; see bench/rival.ts.
"""

import argparse
import json
import logging
import sys
import time
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path


def memory() -> dict:
    """Resident bytes now, and at most since the last reset."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"rss": int(fields["VmRSS"].split()[0]) * 1024, "peak": int(fields["VmHWM"].split()[0]) * 1024}


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


class Detaching:
    """The official DropBP layer around a branch: a dropped branch's output is detached."""

    def __init__(self, branch) -> None:
        self.keep = True
        self.forward = branch.forward
        branch.forward = self

    def __call__(self, *inputs, **named):
        output = self.forward(*inputs, **named)
        if self.keep:
            return output
        return (output[0].detach(), *output[1:]) if isinstance(output, tuple) else output.detach()


class WithoutGradients(Detaching):
    """A dropped branch's forward is run under no_grad, so that nothing of it is kept for the backward."""

    def __call__(self, *inputs, **named):
        if self.keep:
            return self.forward(*inputs, **named)
        with torch.no_grad():
            return self.forward(*inputs, **named)


class Worker:
    def __init__(self, options: argparse.Namespace) -> None:
        torch.set_num_threads(options.threads)
        self.empty = memory()["rss"]
        self.bf16 = options.bf16
        self.model = models.build(options.model, options.mode, options.size, options.vocab, options.attention).train()
        drop = WithoutGradients if options.drop == "no-grad" else Detaching
        self.sites = [drop(branch) for branch in models.branches(options.model, self.model)]
        if options.compile:
            self.compile(models.blocks(options.model, self.model))
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in self.parameters if p.dim() > 1], "weight_decay": 0.01},
                {"params": [p for p in self.parameters if p.dim() <= 1], "weight_decay": 0.0},
            ],
            lr=options.learning_rate,
            fused=True,
        )
        self.clip_norm = options.clip_norm

    def compile(self, blocks) -> None:
        """Block by block, as each has four kinds of mask, and the whole model one for each mask ever drawn."""
        import torch._dynamo
        import torch._inductor.config

        # Kinds of mask, each with and without a gradient for the block's input.
        torch._dynamo.config.recompile_limit = 64
        torch._inductor.config.compile_threads = 1
        for block in blocks:
            block.compile(dynamic=False)
        self.model.loss_function = torch.compile(self.model.loss_function, dynamic=False)

    def backward(self, tokens, keep: list[bool]):
        for site, kept in zip(self.sites, keep, strict=True):
            site.keep = kept
        self.model.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            loss = self.model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        return loss

    def hello(self) -> dict:
        return {"empty": self.empty}

    def prepare(self, requests: list[dict]) -> dict:
        """Has everything compiled that the masks need; nothing is trained."""
        start = time.perf_counter()
        for request in requests:
            self.backward(torch.tensor(request["ids"]), request["keep"])
        return {"seconds": time.perf_counter() - start}

    def step(self, ids: list[list[int]], keep: list[bool]) -> dict:
        tokens = torch.tensor(ids)
        start = time.perf_counter()
        loss = self.backward(tokens, keep)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimizer.step()
        value = loss.item()
        return {"ms": (time.perf_counter() - start) * 1e3, "loss": value}

    def reset(self) -> dict:
        reset_peak()
        return memory()

    def memory(self) -> dict:
        return memory()

    def serve(self) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            operation = getattr(self, request.pop("op"))
            print(json.dumps(operation(**request)), flush=True)


def versions() -> dict:
    packages = ("torch", "transformers", "peft", "onnx", "onnxscript")
    return {"python": sys.version.split()[0], **{name: version(name) for name in packages}}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["versions", "export", "work"])
    parser.add_argument("--file", type=Path)
    parser.add_argument("--model", default="gpt2")
    parser.add_argument("--mode", choices=["full", "lora"], default="full")
    parser.add_argument("--size", choices=["full", "tiny"], default="full")
    parser.add_argument("--vocab", type=int, default=50257)
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--drop", choices=["detach", "no-grad"], default="detach")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--clip-norm", type=float, default=1.0)
    return parser.parse_args()


def main(options: argparse.Namespace) -> None:
    if options.action == "versions":
        print(json.dumps(versions()))
    elif options.action == "export":
        model = models.build(options.model, options.mode, options.size, options.vocab)
        models.export(options.model, model, options.file)
    else:
        Worker(options).serve()


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    given = arguments()
    try:
        if given.action != "versions":
            import models
            import torch
        main(given)
    except Exception as error:
        # The last line is what the benchmark reports.
        traceback.print_exc()
        print(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}", file=sys.stderr)
        sys.exit(1)
