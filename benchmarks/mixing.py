"""Whether the chains of a run mixed: what a row of a benchmark keeps of it before the run folder goes."""

from __future__ import annotations

import math
from pathlib import Path

from bayesgan.diagnosis.evidence import Chain
from bayesgan.diagnosis.gather import gather


def mixing(folder: Path) -> dict[str, dict[str, float]]:
    """Return what was found of every player that is sampled, ``{}`` where none is; what could not be told is left out.

    ``rhat`` of the worst particle, ``limit`` that independent draws keep below; ``size``: effective draws, of ``draws``
    in all; ``left``: whether it left the burn-in point; ``moved``: the mean distance from there over the norm of the
    weights. See docs/diagnosis.md.
    """
    return {chain.player: numbers(chain) for chain in gather(folder).chains}


def numbers(chain: Chain) -> dict[str, float]:
    """Return the numbers of one player."""
    found = {
        "rhat": max(chain.rhat),
        "limit": chain.limit,
        "size": chain.size,
        "draws": chain.draws * chain.particles,
        "left": math.nan if chain.departure is None else chain.departure.left,
        "moved": sum(chain.moved) / max(1, len(chain.moved)),
    }
    return {name: round(value, 4) for name, value in found.items() if math.isfinite(value)}
