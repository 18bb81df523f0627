"""How a player's weights move, as plain values: frozen dataclasses that build a ``torch.optim.Optimizer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bayesgan.errors import UsageError, require
from bayesgan.samplers.burn_in import BurnIn
from bayesgan.samplers.ema import EMA
from bayesgan.samplers.langevin import Langevin
from bayesgan.samplers.schedules import Constant, Schedule
from bayesgan.samplers.sghmc import SGHMC, Integrator, spelling
from bayesgan.samplers.sgld import SGLD


@dataclass(frozen=True)
class Setting:
    """What a spec needs to know of its run: sizes, one noise seed per particle, and the other players' weights."""

    num_obs: int
    burn_in: int
    steps: int
    seeds: Sequence[int]
    weights: Mapping[str, Sequence[Tensor]]


@dataclass(frozen=True)
class AdamSpec:
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

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size."""
        return self.lr * self.schedule(step / setting.steps)


@dataclass(frozen=True)
class RMSPropSpec:
    """RMSProp: the optimiser of the WGAN paper."""

    lr: float = 5e-5
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        require(self, "lr", self.lr, self.lr > 0, "above 0")

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.RMSprop:
        """Return ``torch.optim.RMSprop``."""
        return torch.optim.RMSprop(params, self.lr)

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size."""
        return self.lr * self.schedule(step / setting.steps)


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


@dataclass(frozen=True)
class SGLDSpec:
    """SGLD after a burn-in by Adam; see ``BurnIn`` for ``damping``, None for no preconditioner."""

    lr: float = 1e-4
    temperature: float = 1.0
    damping: float | None = None
    burn_in: AdamSpec = field(default_factory=AdamSpec)
    schedule: Schedule = field(default_factory=Constant)

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.Optimizer:
        """Return Adam for the burn-in, then :class:`SGLD`."""
        sampler = SGLD(params, self.lr, setting.num_obs, self.temperature, setting.seeds)
        return after_burn_in(params, self.burn_in, sampler, setting, self.damping)

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size of the phase that ``step`` is in."""
        return phase_step_size(self.burn_in, self.lr, self.schedule, step, setting)


@dataclass(frozen=True)
class SGHMCSpec:
    """SGHMC after a burn-in by Adam; see :class:`SGHMC` for both spellings and ``BurnIn`` for ``damping``."""

    lr: float | None = None
    friction: float | None = None
    eta: float | None = None
    alpha: float | None = None
    temperature: float = 1.0
    integrator: Integrator = "baoa"
    damping: float | None = None
    burn_in: AdamSpec = field(default_factory=AdamSpec)
    schedule: Schedule = field(default_factory=Constant)

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.Optimizer:
        """Return Adam for the burn-in, then :class:`SGHMC`."""
        lr, friction = self.resolved(setting)
        sampler = SGHMC(
            params,
            lr,
            num_obs=setting.num_obs,
            friction=friction,
            temperature=self.temperature,
            integrator=self.integrator,
            seeds=setting.seeds,
        )
        return after_burn_in(params, self.burn_in, sampler, setting, self.damping)

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size of the phase that ``step`` is in."""
        return phase_step_size(self.burn_in, self.resolved(setting)[0], self.schedule, step, setting)

    def resolved(self, setting: Setting) -> tuple[float, float]:
        """Return ``(lr, friction)`` from whichever spelling was given."""
        return spelling(self.lr, self.friction, self.eta, self.alpha, setting.num_obs)


InferenceSpec = AdamSpec | RMSPropSpec | EMASpec | SGLDSpec | SGHMCSpec


def after_burn_in(
    params: Sequence[Tensor], burn_in: AdamSpec, sampler: Langevin, setting: Setting, damping: float | None
) -> torch.optim.Optimizer:
    """Return the sampler behind a burn-in by Adam, or alone where there is none."""
    if setting.burn_in == 0:
        if damping is not None:
            raise UsageError("damping needs a burn-in to freeze a preconditioner after: set burn_in, or damping=none")
        return sampler
    return BurnIn(params, burn_in.build(params, setting), sampler, setting.burn_in, damping)


def phase_step_size(burn_in: AdamSpec, lr: float, schedule: Schedule, step: int, setting: Setting) -> float:
    """Return the step size at ``step``: the burn-in's schedule runs over the burn-in, the sampler's over the rest."""
    if step < setting.burn_in:
        return burn_in.lr * burn_in.schedule(step / setting.burn_in)
    return lr * schedule((step - setting.burn_in) / max(1, setting.steps - setting.burn_in))
