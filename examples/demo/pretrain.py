"""Pretrains the demo's small GPT on moby-dick.txt and exports it to gpt-moby.onnx.

    python examples/demo/pretrain.py [--steps N] [--threads N]        (torch, transformers, onnx, onnxscript)

The model is transformers' GPT-2: 4 layers, hidden 160, 5 heads, context 128, and one token per byte (vocabulary 256).
The last tenth of a text is its validation part, here as in the demo.
"""

import argparse
import logging
import math
import time
import warnings
from pathlib import Path

import onnx
import torch
from transformers import GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
CONTEXT = 128
BATCH = 8
WARMUP = 100
PEAK_LR, FINAL_LR = 2e-3, 1e-4


def load_text(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The text's bytes as tokens, split into training and validation part."""
    tokens = torch.frombuffer(bytearray((HERE / name).read_bytes()), dtype=torch.uint8).long()
    split = len(tokens) * 9 // 10
    return tokens[:split], tokens[split:]


def build_model() -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=256,
        n_positions=CONTEXT,
        n_embd=160,
        n_layer=4,
        n_head=5,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    config.use_cache = False
    return GPT2LMHeadModel(config)


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine."""
    if step < WARMUP:
        return PEAK_LR * (step + 1) / WARMUP
    progress = (step - WARMUP) / max(1, steps - WARMUP)
    return FINAL_LR + (PEAK_LR - FINAL_LR) * 0.5 * (1 + math.cos(math.pi * progress))


def build_optimizer(model: GPT2LMHeadModel) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


def pretrain(model: GPT2LMHeadModel, train: torch.Tensor, steps: int, generator: torch.Generator) -> None:
    optimizer = build_optimizer(model)
    model.train()
    start = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        offsets = torch.randint(len(train) - CONTEXT, (BATCH,), generator=generator)
        tokens = torch.stack([train[o : o + CONTEXT] for o in offsets.tolist()])
        loss = model(input_ids=tokens, labels=tokens).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            print(f"step {step + 1:5} loss {loss.item():.3f} {time.monotonic() - start:.0f} s", flush=True)


@torch.no_grad()
def validate(model: GPT2LMHeadModel, tokens: torch.Tensor) -> float:
    """Mean loss over consecutive windows of the whole validation part."""
    model.eval()
    windows = tokens[: len(tokens) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    losses = [model(input_ids=chunk, labels=chunk).loss * len(chunk) for chunk in windows.split(32)]
    return float(sum(losses) / len(windows))


def export(model: GPT2LMHeadModel, path: Path) -> None:
    """Writes the inference model, without the exporter's stack traces: they name local files."""
    model.eval()
    example = {"input_ids": torch.randint(256, (2, 16))}
    axes = {"input_ids": {0: "batch", 1: "seq"}}
    program = torch.onnx.export(
        model,
        (),
        kwargs=example,
        dynamo=True,
        opset_version=20,
        dynamic_shapes=axes,
        input_names=["input_ids"],
        output_names=["logits"],
        verbose=False,
    )
    proto = program.model_proto
    for node in proto.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(proto, path)
    onnx.checker.check_model(path, full_check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "gpt-moby.onnx")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    train, held_out = load_text("moby-dick.txt")
    _, other = load_text("devils-dictionary.txt")
    model = build_model()
    pretrain(model, train, options.steps, torch.Generator().manual_seed(0))
    export(model, options.out)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {options.out.stat().st_size} bytes")
    print(f"validation loss: moby-dick {validate(model, held_out):.4f}, devils-dictionary {validate(model, other):.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    main()
