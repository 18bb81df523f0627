"""Values whose gradients are computed from their inputs alone: what lay between is forgotten, and computed again.

:func:`torch.utils.checkpoint.checkpoint` does the same with saved-tensor hooks, which ``torch.func`` refuses, and
penalties on gradients are written with ``torch.func``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils import _pytree as pytree


def recomputed(fn: Callable[..., Tensor], *args: Any) -> Tensor:
    """Return ``fn(*args)``, differentiable once by the tensors in ``args`` (nested in dicts as they may be)."""
    leaves, spec = pytree.tree_flatten(args)
    out: Tensor = Recomputed.apply(lambda *flat: fn(*pytree.tree_unflatten(flat, spec)), *leaves)  # type: ignore[no-untyped-call]
    return out


class Recomputed(torch.autograd.Function):
    """A function of tensors that keeps them and nothing else."""

    @staticmethod
    def forward(ctx: Any, fn: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Compute, and forget."""
        ctx.fn = fn
        ctx.save_for_backward(*inputs)
        ctx.autocast = {
            kind: (torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda")
        }
        return fn(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Compute once more, this time for the gradients."""
        kind = grad.device.type
        enabled, dtype = ctx.autocast[kind]
        needed = ctx.needs_input_grad[1:]
        inputs = [t.detach().requires_grad_(n) for t, n in zip(ctx.saved_tensors, needed, strict=True)]
        with torch.enable_grad(), torch.autocast(kind, dtype, enabled):
            value = ctx.fn(*inputs)
        wanted = [t for t in inputs if t.requires_grad]
        found = iter(torch.autograd.grad(value, wanted, grad, allow_unused=True))
        return (None, *(next(found) if n else None for n in needed))
