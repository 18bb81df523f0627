"""What a diagnosis rests on: numbers of a run, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from bayesgan.config import Run
from bayesgan.metrics.departure import Departure


@dataclass(frozen=True)
class Chain:
    """A player that is sampled; numbers that could not be had are NaN, tuples have a number per particle or none.

    ``temperature``: the tempering asked for. ``draws``: weight samples. ``noise``: what a step's noise adds to a weight
    at most, root mean square, and ``rounding``: half the spacing of float32 at its size. ``kinetic``: temperature of
    the momenta over their target, mean over the later half of the sampling. ``moved``: distance from the burn-in point
    over its norm, at the end. Of function values, named in ``values``: ``rhat`` of each particle by itself, ``limit``
    of it; ``rhat_all`` and ``limit_all`` across particles, where they sample one posterior; ``size``: effective
    draws, summed over particles; ``spread`` over the draws of one particle, and ``spread_all``; ``departure`` from the
    burn-in point. Of class probabilities also ``variation``, the total variation between two draws, and
    ``information``, the mutual information of class and weights in nats.
    """

    player: str
    temperature: float
    draws: int
    particles: int
    noise: float
    rounding: float
    kinetic: tuple[float, ...]
    moved: tuple[float, ...]
    values: str
    rhat: tuple[float, ...]
    limit: float
    rhat_all: float
    limit_all: float
    size: float
    spread: float
    spread_all: float
    departure: Departure | None
    variation: float | None = None
    information: float | None = None


@dataclass(frozen=True)
class Scores:
    """Mean P(real) by the bank of discriminators, of training images and of samples."""

    real: float
    fake: float


@dataclass(frozen=True)
class Variety:
    """How different the images of the newest generators are, where training images have 1.

    ``particles``: of each particle. ``together``: of the particles' images in one heap. ``apart``: images that two
    particles make of one code, at most; None for one particle.
    """

    particles: tuple[float, ...]
    together: float
    apart: float | None


@dataclass(frozen=True)
class Energy:
    """A player's energy in the later half of training, or while sampling.

    ``broken``: particle and step of the first value that is not finite. ``rise``: of each particle, the mean of the
    last quarter of these rows less that of the quarter before, in standard deviations of a row; ``share``: the same
    over the size of the latter. Both are empty for few rows.
    """

    player: str
    broken: tuple[int, int] | None
    rise: tuple[float, ...] = ()
    share: tuple[float, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All of it: the run, the last step logged, how many weight samples, and what was measured of whom.

    ``starts``: the classifier's energy per datum in every chain that was tried, None where it diverged; empty for one.
    """

    run: Run
    step: int
    bank: int
    chains: tuple[Chain, ...]
    scores: Scores | None
    variety: Variety | None
    energies: tuple[Energy, ...]
    starts: tuple[float | None, ...] = ()
