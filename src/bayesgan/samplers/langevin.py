"""What every stochastic-gradient sampler shares as a ``torch.optim.Optimizer``: the walk over weights, the noise.

A sampler is an optimizer that adds the right noise: it minimises nothing, it leaves ``exp(-energy / T)``
invariant (up to its discretisation), where the gradients are those of the energy *per datum* and
``T = temperature / num_obs``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from bayesgan.errors import UsageError, nearest
from bayesgan.samplers.noise import Noise, fresh, std

TORCHS = {"params", "param_names", "initial_lr"}  # what torch and its schedulers keep in a parameter group


class Langevin(torch.optim.Optimizer, ABC):
    """Abstract sampler: a subclass says how one tensor moves (``update_``), this class walks over all.

    Args:
        params: weights of any ``nn.Module``, or leaves stacked over particles.
        lr: step size h.
        num_obs: how many data the per-datum energy stands for (N).
        temperature: tempering; 1 samples the posterior, below 1 a colder one, 0 adds no noise.
        seeds: of the noise: one, or one for each particle (then dimension 0 of every tensor is the particle axis);
            None for one that ``torch.manual_seed`` decides.
        options: further options of the sampler.
    """

    positive: ClassVar[tuple[str, ...]] = ("lr", "num_obs")
    not_negative: ClassVar[tuple[str, ...]] = ("temperature",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        num_obs: int,
        temperature: float = 1.0,
        seeds: Sequence[int] | None = None,
        **options: float | str,
    ) -> None:
        super().__init__(params, dict(lr=lr, num_obs=num_obs, temperature=temperature, **options))
        self.noise = Noise((fresh(),) if seeds is None else seeds, self.param_groups[0]["params"][0].device)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add weights, and options of their own; raises a UsageError for what no step could be taken with."""
        name = type(self).__name__
        if unknown := sorted(param_group.keys() - self.defaults.keys() - TORCHS):
            raise UsageError(f"{name}: a parameter group has no {unknown[0]!r}; {nearest(unknown[0], self.defaults)}")
        self.check(self.defaults | param_group)
        super().add_param_group(param_group)
        if any(w.is_complex() for w in self.param_groups[-1]["params"]):
            raise UsageError(f"{name}: complex weights have no noise here; sample torch.view_as_real of them")

    def check(self, options: dict[str, Any]) -> None:
        """Raise a UsageError for options of a parameter group that no step could be taken with."""
        name = type(self).__name__
        for option in self.positive:
            if not options[option] > 0:
                raise UsageError(f"{name}: {option} must be positive, not {options[option]}")
        for option in self.not_negative:
            if not options[option] >= 0:
                raise UsageError(f"{name}: {option} must not be negative, not {options[option]}")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients; ``closure``, if given, computes them first and is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [w for w in group["params"] if w.grad is not None]
            for w in weights:
                self.prepare(w, group)
            for w, xi in zip(weights, self.noise.draw(weights), strict=True):
                self.update_(w, dense(w.grad), xi, self.state[w], group)
        return loss

    def precondition(self, scales: Sequence[Tensor]) -> None:
        """Fix a diagonal preconditioner: weights move as ``theta = scale * phi``, phi is sampled with unit mass.

        A constant ``scale`` leaves the target invariant; one that adapts while sampling would not.
        """
        weights = [w for group in self.param_groups for w in group["params"]]
        for w, scale in zip(weights, scales, strict=True):
            self.state[w]["scale"] = scale

    def prepare(self, w: Tensor, group: dict[str, Any]) -> None:
        """Create the state of one tensor at its first step."""

    def prepare_momentum(self, w: Tensor, group: dict[str, Any]) -> None:
        """Draw the first momentum of a tensor from its stationary distribution, N(0, T): at rest it would be cold."""
        if "momentum" not in self.state[w]:
            self.state[w]["momentum"] = self.noise.draw([w])[0] * noise_std(group)

    @abstractmethod
    def update_(self, w: Tensor, grad: Tensor, xi: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        """Move one tensor in place, given its gradient and standard normal noise ``xi``."""

    def kinetic_temperature(self) -> Tensor | None:
        """Return each particle's mean squared momentum over its target T, ``(K,)``: 1 is right as h -> 0.

        None before the first step, and for a sampler without momenta or without noise. Gradients that vary from
        minibatch to minibatch by a variance V add about ``h V / (2 friction T)``: what they do, noise does not.
        """
        noisy = [group for group in self.param_groups if noise_std(group)]
        momenta = [
            self.state[w]["momentum"] / noise_std(group)
            for group in noisy
            for w in group["params"]
            if "momentum" in self.state[w]
        ]
        if not momenta:
            return None
        particles = len(self.noise.generators)
        return torch.cat([m.reshape(particles, -1) for m in momenta], 1).square().mean(1)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: torch's own part, and the noise streams."""
        state: dict[str, Any] = super().__getstate__()
        return state | {"noise": self.noise}

    def state_dict(self) -> dict[str, Any]:
        """Return the state, noise streams included: a restored sampler continues with identical numbers."""
        return super().state_dict() | {"noise": self.noise.state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.noise.restore(state_dict["noise"])
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})


def dense(grad: Tensor) -> Tensor:
    """Return a gradient with its zeros: noise moves the weights there too."""
    return grad.to_dense() if grad.is_sparse else grad


def scaled(grad: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Return the gradient with respect to phi, where ``theta = scale * phi``."""
    return grad * state["scale"] if "scale" in state else grad


def move_(w: Tensor, shift: Tensor, state: dict[str, Tensor]) -> None:
    """Move weights in place by a ``shift`` of phi, where ``theta = scale * phi``."""
    if "scale" in state:
        w.addcmul_(shift, state["scale"])
    else:
        w.add_(shift)


def noise_std(group: dict[str, Any]) -> float:
    """Return ``sqrt(T)`` of a parameter group."""
    return std(group["temperature"], group["num_obs"])
