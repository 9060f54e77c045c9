"""Trains test models in PyTorch by a whole recipe, for the runtime to reproduce step by step.

    python test/parity/recipe.py        (what test/models/export.py needs)

Two hundred steps: two micro-batches each, weighted by their counted labels; masks for every micro-batch; AdamW that decays
matrices alone; the global norm clipped; warm-up and cosine. recipe-NAME.json holds settings, masks, losses and norms,
recipe-NAME.safetensors the weights after the last step, recipe.bin (uint16) the tokens of all micro-batches.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
from export import CASES, LAYERS, VOCAB, Case, build_model, detach  # noqa: E402

MODELS = ["gpt2", "llama_ts17"]
STEPS, ACCUMULATE, BATCH, SEQ = 200, 2, 4, 12
LEARNING_RATE, WEIGHT_DECAY, WARMUP, CLIP, RATE = 3e-3, 0.1, 20, 0.9, 0.5
IGNORED = -100


def make_tokens() -> torch.Tensor:
    """Random walks over the vocabulary, without the padding token."""
    generator = torch.Generator().manual_seed(2)
    strides = torch.randint(1, 4, (STEPS, ACCUMULATE, BATCH, SEQ), generator=generator)
    starts = torch.randint(0, VOCAB, (STEPS, ACCUMULATE, BATCH, 1), generator=generator)
    return 1 + (starts + strides.cumsum(-1)) % (VOCAB - 1)


def labels_of(ids: torch.Tensor, step: int, part: int) -> torch.Tensor:
    """Labels, of which some do not count: a share that differs from micro-batch to micro-batch."""
    return torch.where(ids % 7 < (step + 3 * part) % 5, IGNORED, ids)


def learning_rate(step: int) -> float:
    if step < WARMUP:
        return LEARNING_RATE * (step + 1) / WARMUP
    return LEARNING_RATE * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


def train(case: Case, tokens: torch.Tensor, masks: torch.Tensor):
    model = build_model(case)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups)
    sites = [pattern.format(layer) for layer in range(LAYERS) for pattern in case.sites]
    losses, norms = [], []
    for step in range(STEPS):
        labels = [labels_of(ids, step, part) for part, ids in enumerate(tokens[step])]
        counted = sum(int((l[:, 1:] != IGNORED).sum()) for l in labels)
        total = 0.0
        for part, ids in enumerate(tokens[step]):
            hooks = [
                model.get_submodule(s).register_forward_hook(detach)
                for s, keep in zip(sites, masks[step, part])
                if not keep
            ]
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            logits = model(**{name: inputs[name] for name in case.inputs})[0]
            loss = torch.nn.functional.cross_entropy(
                logits[:, :-1].reshape(-1, VOCAB), labels[part][:, 1:].reshape(-1), reduction="sum"
            )
            (loss / counted).backward()
            total += loss.item() / counted
            for hook in hooks:
                hook.remove()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(total)
    return model, losses, norms


def main() -> None:
    tokens = make_tokens()
    tokens.numpy().astype("uint16").tofile(HERE / "recipe.bin")
    for case in (case for case in CASES if case.name in MODELS):
        generator = torch.Generator().manual_seed(3)
        masks = torch.rand((STEPS, ACCUMULATE, LAYERS * len(case.sites)), generator=generator) >= RATE
        model, losses, norms = train(case, tokens, masks)
        about = {
            "steps": STEPS,
            "accumulate": ACCUMULATE,
            "batch": BATCH,
            "seq": SEQ,
            "learningRate": LEARNING_RATE,
            "weightDecay": WEIGHT_DECAY,
            "warmup": WARMUP,
            "clip": CLIP,
            "masks": [" ".join("".join(str(int(k)) for k in mask) for mask in step) for step in masks],
            "losses": [round(x, 6) for x in losses],
            "norms": [round(x, 6) for x in norms],
        }
        (HERE / f"recipe-{case.name}.json").write_text(json.dumps(about, indent=1) + "\n")
        weights = {name: p.detach().clone().contiguous() for name, p in model.named_parameters()}
        save_file(weights, HERE / f"recipe-{case.name}.safetensors")
        clipped = sum(n > CLIP for n in norms)
        print(f"{case.name}: {losses[0]:.4f} to {losses[-1]:.4f}, clipped in {clipped} of {STEPS} steps")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    main()
