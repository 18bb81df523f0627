"""What a player's settings say of its noise."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

from bayesgan.config import Run
from bayesgan.samplers.specs import Setting


@runtime_checkable
class Sampling(Protocol):
    """The settings of a sampler: an optimiser's have no temperature."""

    @property
    def temperature(self) -> float:
        """The tempering."""
        ...

    @property
    def damping(self) -> float | None:
        """Of the preconditioner."""
        ...

    def step_size(self, step: int, setting: Setting) -> float:
        """Return the step size."""
        ...


def sampling(inference: object) -> Sampling | None:
    """Return the settings of a sampler, None for those of an optimiser."""
    return inference if isinstance(inference, Sampling) else None


def largest_noise(run: Run, player: str) -> float:
    """Return the root mean square that the noise of one step adds to a weight at the start of sampling, at most.

    Overdamped noise, ``sqrt(2 h T)``, is the most; momenta bring ``h sqrt(T)``. A preconditioner scales it by
    ``damping^(-1/2)`` at most.
    """
    spec = run.players[player]
    settings = sampling(spec.inference)
    assert settings is not None and spec.num_obs is not None
    burn_in = run.burn_in * spec.steps
    h = settings.step_size(burn_in, Setting(spec.num_obs, burn_in, run.steps * spec.steps, (), {}))
    std, scale = math.sqrt(settings.temperature / spec.num_obs), math.sqrt(1 / (settings.damping or 1.0))
    return scale * std * (h if hasattr(settings, "friction") else math.sqrt(2 * h))
