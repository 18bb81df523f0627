"""What a player's settings say of its noise."""

from __future__ import annotations

import math
from statistics import mean

from bayesgan.config import Run
from bayesgan.samplers.schedules import Schedule
from bayesgan.samplers.specs import SamplerSpec

# Of a schedule that are looked at: a prime, far more than a run has cycles, so that all phases are seen.
POINTS = 2**16 + 1


def sampling(inference: object) -> SamplerSpec | None:
    """Return the settings of a sampler, None for those of an optimiser."""
    return inference if isinstance(inference, SamplerSpec) else None


def falling(schedule: Schedule) -> bool:
    """Return whether the steps of the last quarter of the draws are smaller than those of the quarter before.

    There a walk slows down, which looks like a chain that has arrived.
    """
    points = (k / POINTS for k in range(POINTS))
    factors = [schedule(point) for point in points if schedule.samples(point)]
    third, last = factors[len(factors) // 2 : len(factors) * 3 // 4], factors[len(factors) * 3 // 4 :]
    return mean(last) < 0.99 * mean(third)


def largest_noise(run: Run, player: str) -> float:
    """Return the root mean square that the noise of one step adds to a weight at the start of sampling, at most.

    Overdamped noise, ``sqrt(2 h T)``, is the most; momenta bring ``h sqrt(T)``. A preconditioner scales it by
    ``damping^(-1/2)`` at most.
    """
    setting, settings = run.setting(player, {}), sampling(run.players[player].inference)
    assert settings is not None
    h = settings.step_size(setting.burn_in, setting)
    std, scale = math.sqrt(settings.temperature / setting.num_obs), math.sqrt(1 / (settings.damping or 1.0))
    return scale * std * (h if hasattr(settings, "friction") else math.sqrt(2 * h))
