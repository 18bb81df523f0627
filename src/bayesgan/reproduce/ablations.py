"""What the recommended Bayesian GAN is made of: functions that change one part, a run in and a run out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from bayesgan.config import Run, Starts
from bayesgan.objectives import Supervised


def without_generators(run: Run) -> Run:
    """Return the run of the discriminator alone: the same labels, consistency and sampler, no adversarial term."""
    objective: Any = run.objective
    players = {name: p for name, p in run.players.items() if run.role(name) != "generator"}
    return replace(run, objective=Supervised(objective.consistency), players=players)


def without_consistency(run: Run) -> Run:
    """Return the run without the consistency term, and without the teacher that it alone asks."""
    objective: Any = run.objective
    players = {name: p for name, p in run.players.items() if name != "teacher"}
    return replace(run, objective=replace(objective, consistency=None), players=players)


def without_augmentation(run: Run) -> Run:
    """Return the run whose images are seen as they are; consistency then is with the teacher alone."""
    return replace(run, augment=None)


def at_zero_temperature(run: Run) -> Run:
    """Return the run whose samplers inject no noise: momentum descent after the burn-in, and a bank all the same."""
    return run.tempered(0.0)


def with_discriminators(run: Run, count: int) -> Run:
    """Return the run with J_d = ``count`` discriminators."""
    alone = replace(run.players["discriminator"], particles=count)
    return replace(run, players=run.players | {"discriminator": alone})


def with_starts(run: Run) -> Run:
    """Return the run whose chain is the best of four after a quarter of the iterations."""
    return replace(run, starts=Starts())


def in_float32(run: Run) -> Run:
    """Return the run in single precision, also where a machine would choose bfloat16."""
    return replace(run, precision="32")


ABLATIONS: dict[str, Callable[[Run], Run]] = {
    "without_generators": without_generators,
    "without_consistency": without_consistency,
    "without_augmentation": without_augmentation,
    "zero_temperature": at_zero_temperature,
    **{f"discriminators_{count}": partial(with_discriminators, count=count) for count in (1, 2, 4)},
    "four_starts": with_starts,
    "float32": in_float32,
}
