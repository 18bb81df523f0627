"""Step-size schedules: frozen dataclasses whose call maps progress in [0, 1] to a factor of the step size.

``samples(progress)`` says whether a step there draws from the posterior. One that does not is taken without noise,
and what it leads to stays out of the bank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bayesgan.errors import require


@dataclass(frozen=True)
class Constant:
    """Factor 1 throughout."""

    def __call__(self, progress: float) -> float:
        """Return 1."""
        return 1.0

    def samples(self, progress: float) -> bool:
        """Return True: every step samples."""
        return True


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 down to ``floor``."""

    floor: float = 0.0

    def __post_init__(self) -> None:
        require(self, "floor", self.floor, 0 <= self.floor <= 1, "from 0 to 1")

    def __call__(self, progress: float) -> float:
        """Return the factor at ``progress``."""
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))

    def samples(self, progress: float) -> bool:
        """Return True: every step samples."""
        return True


@dataclass(frozen=True)
class Polynomial:
    """``(1 + progress / offset)^-power``: the decaying steps under which SGLD converges (Welling and Teh 2011)."""

    power: float = 0.55
    offset: float = 0.1

    def __post_init__(self) -> None:
        require(self, "offset", self.offset, self.offset > 0, "above 0")

    def __call__(self, progress: float) -> float:
        """Return the factor at ``progress``."""
        return float((1 + progress / self.offset) ** -self.power)

    def samples(self, progress: float) -> bool:
        """Return True: every step samples."""
        return True


@dataclass(frozen=True)
class Cyclical:
    """Cosine restarts, each cycle in two stages (Zhang et al. 2020, arXiv 1902.03932, equation 1 and Algorithm 1).

    A cycle starts with large steps that descend without noise to another mode; after its first share ``exploration``
    (the paper's beta) it samples there with small ones. ``cycles`` (M) divide the run evenly; the factor at the share
    r of a cycle is ``(1 + cos(pi r)) / 2``, above ``floor``.
    """

    cycles: int = 4
    exploration: float = 0.8
    floor: float = 0.0

    def __post_init__(self) -> None:
        require(self, "cycles", self.cycles, self.cycles >= 1, "1 or more")
        require(self, "exploration", self.exploration, 0 <= self.exploration < 1, "0 or more, below 1")
        require(self, "floor", self.floor, 0 <= self.floor < 1, "0 or more, below 1")

    def __call__(self, progress: float) -> float:
        """Return the factor at ``progress``."""
        return Cosine(self.floor)(self.share(progress))

    def samples(self, progress: float) -> bool:
        """Return whether ``progress`` lies in the sampling stage of its cycle."""
        return self.share(progress) >= self.exploration

    def share(self, progress: float) -> float:
        """Return how far the cycle at ``progress`` has come, in [0, 1)."""
        # Rounded, because 1/49 of 49 cycles must be the start of the second and not the end of the first.
        return round(progress * self.cycles % 1.0, 9) % 1.0


Schedule = Constant | Cosine | Polynomial | Cyclical
