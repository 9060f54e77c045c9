"""PyTorch's losses and gradients, with all branches kept and under drop masks."""

import torch
from torch import nn

from architecture import Architecture, Branch
from tasks import TASKS, Tensors

MASKS = 2
"""Random masks of each reference, beside the ones that keep and drop everything."""


def detach(_module: nn.Module, _inputs: tuple, output):
    return (output[0].detach(), *output[1:]) if isinstance(output, tuple) else output.detach()


def step(arch: Architecture, net: nn.Module, keep: list[bool], inputs: Tensors, labels: torch.Tensor) -> Tensors:
    """`loss` and `grad/<parameter>`; dropped branches are cut off the backward pass, absent gradients have no entry."""
    calls: dict[nn.Module, list[bool]] = {}
    for branch, kept in zip(arch.branches, keep):
        calls.setdefault(net.get_submodule(branch.hook), []).append(kept)

    def cut(module: nn.Module, args: tuple, output):
        return output if calls[module].pop(0) else detach(module, args, output)

    hooks = [module.register_forward_hook(cut) for module in calls]
    net.zero_grad(set_to_none=True)
    try:
        loss = TASKS[arch.task].loss(net(**inputs)[0], labels)
        loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
    left = {id(module): kept for module, kept in calls.items() if kept}
    if left:
        raise ValueError(f"{arch.name}: a branch's module was called less often than the table says")
    gradients = {f"grad/{n}": p.grad.clone().contiguous() for n, p in net.named_parameters() if p.grad is not None}
    return {"loss": loss.detach().clone(), **gradients}


def masks(branches: tuple[Branch, ...]) -> list[list[bool]]:
    """All kept, random ones, all dropped."""
    generator = torch.Generator().manual_seed(1)
    drawn = [(torch.rand(len(branches), generator=generator) < 0.5).tolist() for _ in range(MASKS)]
    return [[True] * len(branches), *drawn, [False] * len(branches)]


def reference(arch: Architecture, net: nn.Module, inputs: Tensors, labels: torch.Tensor) -> Tensors:
    """in/<input>, labels, and for mask k: <k>/keep (one bool per branch), <k>/loss, <k>/grad/<parameter>."""
    out = {f"in/{name}": value for name, value in inputs.items()} | {"labels": labels}
    for k, keep in enumerate(masks(arch.branches)):
        out[f"{k}/keep"] = torch.tensor(keep)
        out |= {f"{k}/{name}": value for name, value in step(arch, net, keep, inputs, labels).items()}
    return out
