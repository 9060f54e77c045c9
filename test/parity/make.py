"""Trains test models in PyTorch and writes the loss curves that the runtime has to reproduce.

    python test/parity/make.py        (what test/models/export.py needs)

For every model NAME.json: batch, seq, learningRate, weightDecay, one string of 0 (dropped) and 1 (kept) per step, and the
loss of every step. tokens.bin (uint16) holds the batches one after the other, the same for all models.
"""

import json
import sys
import warnings
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
from export import CASES, LAYERS, VOCAB, Case, build_model, detach, loss_of  # noqa: E402

MODELS = ["gpt2", "llama_ts17", "parallel"]
STEPS, BATCH, SEQ = 50, 4, 12
LEARNING_RATE, WEIGHT_DECAY, RATE = 3e-3, 0.1, 0.5
ALL_DROPPED = 7
FIRST_TOKEN = 1


def make_tokens() -> torch.Tensor:
    """Random walks over the vocabulary: something to learn. Without the padding token, whose embedding PyTorch freezes."""
    generator = torch.Generator().manual_seed(0)
    strides = torch.randint(1, 4, (STEPS, BATCH, SEQ), generator=generator)
    starts = torch.randint(0, VOCAB, (STEPS, BATCH, 1), generator=generator)
    return FIRST_TOKEN + (starts + strides.cumsum(-1)) % (VOCAB - FIRST_TOKEN)


def make_masks(sites: int) -> torch.Tensor:
    masks = torch.rand((STEPS, sites), generator=torch.Generator().manual_seed(1)) >= RATE
    masks[ALL_DROPPED] = False
    return masks


def train(case: Case, tokens: torch.Tensor, masks: torch.Tensor) -> list[float]:
    """AdamW with its defaults; what a step leaves without gradient, it leaves alone."""
    model = build_model(case)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    sites = [pattern.format(layer) for layer in range(LAYERS) for pattern in case.sites]
    losses = []
    for ids, keep in zip(tokens, masks):
        hooks = [model.get_submodule(s).register_forward_hook(detach) for s, k in zip(sites, keep) if not k]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        loss = loss_of(case, model(**{name: inputs[name] for name in case.inputs})[0], ids)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for hook in hooks:
            hook.remove()
        losses.append(loss.item())
    return losses


def main() -> None:
    tokens = make_tokens()
    tokens.numpy().astype("uint16").tofile(HERE / "tokens.bin")
    for case in (case for case in CASES if case.name in MODELS):
        masks = make_masks(LAYERS * len(case.sites))
        losses = train(case, tokens, masks)
        about = {
            "batch": BATCH,
            "seq": SEQ,
            "learningRate": LEARNING_RATE,
            "weightDecay": WEIGHT_DECAY,
            "masks": ["".join(str(int(keep)) for keep in mask) for mask in masks],
            "losses": [round(loss, 6) for loss in losses],
        }
        (HERE / f"{case.name}.json").write_text(json.dumps(about, indent=2) + "\n")
        print(f"{case.name}: {losses[0]:.4f} to {losses[-1]:.4f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    main()
