"""Samplers as plain values: frozen dataclasses that build a sampler behind a burn-in; and the union of all specs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bayesgan.errors import UsageError, require
from bayesgan.samplers.burn_in import BurnIn
from bayesgan.samplers.langevin import Langevin
from bayesgan.samplers.optimise import AdamSpec, EMASpec, RMSPropSpec, Setting
from bayesgan.samplers.schedules import Constant, Schedule
from bayesgan.samplers.sghmc import SGHMC, Integrator, spelling
from bayesgan.samplers.sgld import SGLD
from bayesgan.samplers.sgnht import SGNHT

__all__ = [
    "AdamSpec",
    "EMASpec",
    "InferenceSpec",
    "RMSPropSpec",
    "SGHMCSpec",
    "SGLDSpec",
    "SGNHTSpec",
    "SamplerSpec",
    "Setting",
]


@dataclass(frozen=True, kw_only=True)
class SamplerSpec(ABC):
    """What all samplers share: Adam for the burn-in, then a sampler at a temperature, its step size on a schedule.

    ``temperature``: tempering, 1 for the posterior. ``damping``: of the preconditioner that :class:`BurnIn` freezes;
    None for none. The schedules of ``burn_in`` and of the sampler run each over its own part of the run.
    """

    temperature: float = 1.0
    damping: float | None = None
    burn_in: AdamSpec = field(default_factory=AdamSpec)
    schedule: Schedule = field(default_factory=Constant)

    @abstractmethod
    def sampler(self, params: Sequence[Tensor], setting: Setting) -> Langevin:
        """Return the sampler alone."""

    @abstractmethod
    def full_step(self, setting: Setting) -> float:
        """Return the sampler's step size where the schedule's factor is 1."""

    def build(self, params: Sequence[Tensor], setting: Setting) -> torch.optim.Optimizer:
        """Return the sampler behind a burn-in by Adam, or alone where there is none."""
        sampler = self.sampler(params, setting)
        if setting.burn_in:
            return BurnIn(params, self.burn_in.build(params, setting), sampler, setting.burn_in, self.damping)
        if self.damping is not None:
            raise UsageError("damping needs a burn-in to freeze a preconditioner after: set burn_in, or damping=none")
        return sampler

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the scheduled step size of the phase that ``step`` is in."""
        if step < setting.burn_in:
            return self.burn_in.lr * self.burn_in.schedule(step / setting.burn_in)
        return self.full_step(setting) * self.schedule(progress(step, setting))

    def options(self, step: int, setting: Setting) -> dict[str, float]:
        """Return the options of the parameter group at ``step``: where the schedule does not sample, no noise."""
        temperature = self.temperature if self.samples(step, setting) else 0.0
        return {"lr": self.step_size(step, setting), "temperature": temperature}

    def samples(self, step: int, setting: Setting) -> bool:
        """Return whether ``step`` draws from the posterior, so that the bank may keep the weights after it."""
        return step >= setting.burn_in and self.schedule.samples(progress(step, setting))


@dataclass(frozen=True)
class SGLDSpec(SamplerSpec):
    """:class:`SGLD` after a burn-in by Adam."""

    lr: float = 1e-4

    def sampler(self, params: Sequence[Tensor], setting: Setting) -> SGLD:
        """Return :class:`SGLD`."""
        return SGLD(params, self.lr, setting.num_obs, self.temperature, setting.seeds)

    def full_step(self, setting: Setting) -> float:
        """Return ``lr``."""
        return self.lr


@dataclass(frozen=True)
class SGHMCSpec(SamplerSpec):
    """:class:`SGHMC` after a burn-in by Adam; in either spelling, ``lr`` and ``friction`` or ``eta`` and ``alpha``."""

    lr: float | None = None
    friction: float | None = None
    eta: float | None = None
    alpha: float | None = None
    integrator: Integrator = "baoa"

    def sampler(self, params: Sequence[Tensor], setting: Setting) -> SGHMC:
        """Return :class:`SGHMC`."""
        lr, friction = self.resolved(setting)
        return SGHMC(
            params, lr, setting.num_obs, friction, self.temperature, integrator=self.integrator, seeds=setting.seeds
        )

    def full_step(self, setting: Setting) -> float:
        """Return ``lr``, from whichever spelling was given."""
        return self.resolved(setting)[0]

    def resolved(self, setting: Setting) -> tuple[float, float]:
        """Return ``(lr, friction)`` from whichever spelling was given."""
        return spelling(self.lr, self.friction, self.eta, self.alpha, setting.num_obs)


@dataclass(frozen=True)
class SGNHTSpec(SamplerSpec):
    """:class:`SGNHT` after a burn-in by Adam; ``coupling``, the thermostat's rate, is the friction where None."""

    lr: float = 1e-2
    friction: float = 1.0
    coupling: float | None = None

    def __post_init__(self) -> None:
        require(self, "lr", self.lr, self.lr > 0, "above 0")
        require(self, "friction", self.friction, self.friction > 0, "above 0")
        require(self, "coupling", self.coupling or 1.0, self.coupling is None or self.coupling > 0, "above 0, or none")

    def sampler(self, params: Sequence[Tensor], setting: Setting) -> SGNHT:
        """Return :class:`SGNHT`."""
        return SGNHT(
            params, self.lr, setting.num_obs, self.friction, self.coupling, self.temperature, seeds=setting.seeds
        )

    def full_step(self, setting: Setting) -> float:
        """Return ``lr``."""
        return self.lr


InferenceSpec = AdamSpec | RMSPropSpec | EMASpec | SGLDSpec | SGHMCSpec | SGNHTSpec


def progress(step: int, setting: Setting) -> float:
    """Return how much of the sampler's part of the run lies before ``step``, in [0, 1)."""
    return (step - setting.burn_in) / max(1, setting.steps - setting.burn_in)
