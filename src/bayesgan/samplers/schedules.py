"""Step-size schedules: frozen dataclasses whose call maps progress in [0, 1] to a factor of the step size."""

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


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 down to ``floor``."""

    floor: float = 0.0

    def __call__(self, progress: float) -> float:
        """Return the factor at ``progress``."""
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


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


Schedule = Constant | Cosine | Polynomial
