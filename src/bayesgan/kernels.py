"""Which kernels a lifted network runs in mixed precision; in float32 they are torch's own.

Everywhere: all inputs of a convolution are cast (autocast forgets biases that vmap runs over, which torch then
refuses), and group norm, a sum of many numbers, stays in float32. On a CPU, as measured (``docs/measurements.md``),
its matrix units want the channels last in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Kernels(TorchFunctionMode):
    """While it is active, convolutions and group norms run by the rules of this file."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the rule for ``func``, or ``func`` itself."""
        return RULES.get(func, func)(*args, **(kwargs or {}))


def kernels(device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which networks run on ``device`` at the precision that autocast asks for."""
    return Kernels() if torch.is_autocast_enabled(device.type) else nullcontext()


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return ``torch.nn.functional.conv2d``."""
    bias = bias if bias is None else reduced(bias)
    return F.conv2d(laid_out(reduced(x)), laid_out(reduced(weight)), bias, stride, padding, dilation, groups)


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Return ``torch.nn.functional.conv_transpose2d``."""
    bias = bias if bias is None else reduced(bias)
    x, weight = laid_out(reduced(x)), laid_out(reduced(weight))
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return ``torch.nn.functional.group_norm`` in float32, which vmap and channels that come last allow."""
    n, channels, *size = x.shape
    x = laid_out(x.float()) if x.ndim == 4 else x.float().contiguous()
    with torch.autocast(x.device.type, enabled=False):
        out = torch.native_group_norm(x, weight, bias, n, channels, math.prod(size), num_groups, eps)[0]
    return reduced(out)


RULES: dict[Any, Callable[..., Tensor]] = {
    F.conv2d: conv2d,
    F.conv_transpose2d: conv_transpose2d,
    F.group_norm: group_norm,
}


def reduced(x: Tensor) -> Tensor:
    """Return a float32 tensor in the precision that autocast asks for, another one as it is."""
    return x.to(torch.get_autocast_dtype(x.device.type)) if x.dtype == torch.float32 else x


def laid_out(x: Tensor) -> Tensor:
    """Return images as a device wants them in memory: a CPU the channels last, a GPU one image after the other."""
    return channels_last(x) if x.device.type == "cpu" else x.contiguous()


def channels_last(x: Tensor) -> Tensor:
    """Return images ``(..., C, H, W)`` of which memory holds all channels of a pixel side by side."""
    x = x.movedim(-3, -1).contiguous().movedim(-1, -3)
    if x.shape[-3] > 1 or x.ndim != 4:
        return x
    # One channel can be read either way, and torch would take it for the usual one.
    n, c, h, w = x.shape
    return x.as_strided((n, c, h, w), (h * w, 1, w, 1))
