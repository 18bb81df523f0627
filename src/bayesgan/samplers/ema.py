"""A player that follows another: its weights are a running average of that player's weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class EMA(torch.optim.Optimizer):
    """Exponential moving average as an optimizer: each step moves ``params`` towards ``source``.

    The decay at step t is ``min(decay, (1 - 1 / (t + 1))^(1 + power))``: with power 0 the first steps average plainly,
    so that the start is forgotten (Tarvainen and Valpola 2017, arXiv 1703.01780); a larger power weighs step i of t
    by ``(i / t)^power``, a horizon of ``t / (1 + power)`` steps however long a run is (Karras et al. 2024, arXiv
    2312.02696, section 3.1). It needs no gradient and never calls the closure.
    """

    def __init__(self, params: Sequence[Tensor], source: Sequence[Tensor], decay: float, power: float = 0.0) -> None:
        super().__init__(params, {"lr": 1.0, "decay": decay, "power": power, "count": 0})
        self.source = list(source)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: torch's own part, and whom it follows."""
        state: dict[str, Any] = super().__getstate__()
        return state | {"source": self.source}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every tensor towards its source."""
        (group,) = self.param_groups
        group["count"] += 1
        decay = min(group["decay"], (1 - 1 / (group["count"] + 1)) ** (1 + group["power"]))
        torch._foreach_lerp_(group["params"], self.source, 1 - decay)
