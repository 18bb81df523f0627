"""Burn-in: descend with Adam first, then hand the weights and a frozen preconditioner to a sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.samplers.langevin import Langevin

OPTIONS = ("lr", "temperature")


class BurnIn(torch.optim.Optimizer):
    """Adam for ``steps`` steps, then the sampler; one ``lr`` and ``temperature`` for whichever is at work.

    ``lr`` is Adam's at first and becomes the sampler's own at the hand-over; set it before a step to have another.
    With ``damping``, Adam's second moments become the sampler's scales at the hand-over and stay as they are:
    ``scale^2 = 1 / (sqrt(v) + damping)``. An adapting preconditioner would not leave the target invariant.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        adam: torch.optim.Adam,
        sampler: Langevin,
        steps: int,
        damping: float | None,
    ) -> None:
        if damping is not None and damping <= 0:
            raise UsageError(f"damping = {damping}: expected more than 0, or none for no preconditioner")
        if damping is not None and not steps:
            raise UsageError(f"damping = {damping}: without a burn-in there are no second moments; give steps, or none")
        for name, optimiser in (("adam", adam), ("sampler", sampler)):
            if (count := len(optimiser.param_groups)) > 1:
                raise UsageError(f"BurnIn: {name} has {count} parameter groups, expected one")
        first = adam if steps else sampler
        temperature = sampler.param_groups[0]["temperature"]
        super().__init__(params, {"lr": first.param_groups[0]["lr"], "temperature": temperature})
        self.adam, self.sampler, self.steps, self.damping = adam, sampler, steps, damping
        self.count = 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of the optimizer at work."""
        if self.count == self.steps and self.damping is not None:
            self.sampler.precondition(frozen_scales(self.adam, self.damping))
        active = self.adam if self.count < self.steps else self.sampler
        (mine,), (theirs,) = self.param_groups, active.param_groups
        theirs.update({name: mine[name] for name in OPTIONS if name in theirs})
        loss = active.step(closure)
        self.count += 1
        if self.count == self.steps:
            mine["lr"] = self.sampler.param_groups[0]["lr"]
        return loss

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: torch's own part, and both optimizers."""
        state: dict[str, Any] = super().__getstate__()
        return state | {name: getattr(self, name) for name in ("adam", "sampler", "steps", "damping", "count")}

    def state_dict(self) -> dict[str, Any]:
        """Return both optimizers' states, the number of steps taken, and the options of the next one."""
        options = {name: self.param_groups[0][name] for name in OPTIONS}
        both = {"adam": self.adam.state_dict(), "sampler": self.sampler.state_dict()}
        return {"count": self.count, **both, "options": options}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.count = state_dict["count"]
        self.adam.load_state_dict(state_dict["adam"])
        self.sampler.load_state_dict(state_dict["sampler"])
        self.param_groups[0].update(state_dict.get("options", {}))  # versions before this one kept none


def frozen_scales(adam: torch.optim.Adam, damping: float) -> list[Tensor]:
    """Return ``(sqrt(v) + damping)^(-1/2)`` from Adam's bias-corrected second moments v, one per weight."""
    (group,) = adam.param_groups
    scales = []
    for w in group["params"]:
        state = adam.state[w]
        if not state:  # it never had a gradient, and will not move
            scales.append(torch.ones_like(w))
            continue
        v = state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))
        scales.append((v.sqrt() + damping).rsqrt())
    return scales
