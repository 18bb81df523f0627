"""Optimisers as plain values, and what every spec is told of its run.

A spec builds a ``torch.optim.Optimizer`` (``build``), says with which ``options`` it takes a step, ``step_size`` among
them, and whether the bank may keep the weights after it (``samples``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bayesgan.errors import require
from bayesgan.samplers.ema import EMA
from bayesgan.samplers.schedules import Constant, Schedule


@dataclass(frozen=True)
class Setting:
    """What a spec needs to know of its run: sizes, one noise seed per particle, and the other players' weights."""

    num_obs: int
    burn_in: int
    steps: int
    seeds: Sequence[int]
    weights: Mapping[str, Sequence[Tensor]]


class Scheduled(ABC):
    """Abstract spec of an optimiser: a step size ``lr`` on a ``schedule`` over the whole run."""

    lr: float
    schedule: Schedule

    @abstractmethod
    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.Optimizer:
        """Return the optimiser."""

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size."""
        return self.lr * self.schedule(step / setting.steps)

    def options(self, step: int, setting: Setting) -> dict[str, float]:
        """Return the options of the parameter group at ``step``."""
        return {"lr": self.step_size(step, setting)}

    def samples(self, step: int, setting: Setting) -> bool:
        """Return whether the bank may keep the weights after ``step``: with cycles, at their ends (snapshots)."""
        return self.schedule.samples(step / setting.steps)


@dataclass(frozen=True)
class AdamSpec(Scheduled):
    """Adam: the mode of the posterior, or a burn-in."""

    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        require(self, "lr", self.lr, self.lr > 0, "above 0")
        require(self, "beta1", self.beta1, 0 <= self.beta1 < 1, "0 or more, below 1")
        require(self, "beta2", self.beta2, 0 <= self.beta2 < 1, "0 or more, below 1")

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.Adam:
        """Return ``torch.optim.Adam``."""
        return torch.optim.Adam(params, self.lr, (self.beta1, self.beta2))


@dataclass(frozen=True)
class RMSPropSpec(Scheduled):
    """RMSProp: the optimiser of the WGAN paper."""

    lr: float = 5e-5
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        require(self, "lr", self.lr, self.lr > 0, "above 0")

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.RMSprop:
        """Return ``torch.optim.RMSprop``."""
        return torch.optim.RMSprop(params, self.lr)


@dataclass(frozen=True)
class EMASpec:
    """A running average of another player's weights: a teacher, or an averaged generator; see :class:`EMA`."""

    of: str = "discriminator"
    decay: float = 0.99
    power: float = 0.0

    def __post_init__(self) -> None:
        require(self, "decay", self.decay, 0 <= self.decay < 1, "0 or more, below 1")
        require(self, "power", self.power, self.power >= 0, "0 or more")

    def build(self, params: Sequence[Tensor], setting: Setting) -> EMA:
        """Return an :class:`EMA` of the player ``of``."""
        return EMA(params, setting.weights[self.of], self.decay, self.power)

    def step_size(self, step: int, setting: Setting) -> float:
        """Return 1: an average has no step size."""
        return 1.0

    def options(self, step: int, setting: Setting) -> dict[str, float]:
        """Return the options of the parameter group at ``step``."""
        return {"lr": self.step_size(step, setting)}

    def samples(self, step: int, setting: Setting) -> bool:
        """Return True: an average may be kept at any time."""
        return True
