"""Did a chain leave the point where its burn-in ended? A test in the space of functions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import kendalltau
from torch import Tensor

LEVEL, GROWTH = 0.01, 1.1
FEWEST, MOST = 10, 10


@dataclass(frozen=True)
class Departure:
    """What the later half of a bank says: ``p_value`` of no trend in its distance from the burn-in point, and the
    factor by which the squared distance grew from the first to the second half of that half."""

    p_value: float
    growth: float

    @property
    def left(self) -> bool:
        """Whether the chain has forgotten its start: the distance no longer grows, or too little to matter."""
        return self.p_value >= LEVEL or self.growth < GROWTH


def departure(distance_S: Tensor) -> Departure | None:
    """Test whether draws still move away from the burn-in point; ``distance_S``: squared distances, oldest first.

    Null hypothesis: the later half of the draws no longer knows where the burn-in ended, so that their distances from
    it come in no order. It is rejected at 1 % by Mann's trend test (Mann 1945: Kendall's tau of distance and time, one
    sided, exact) on ten draws at most, evenly apart, since neighbours are alike in a chain at rest too; and only where
    the squared distance also grew by 10 %. A walk whose steps are tiny beside the posterior's width moves away in
    proportion to time, a descent faster still; a chain at rest does neither. Draws that never moved at all are rejected
    too. None with fewer than 10 draws: five ordered distances are the fewest that tell.

    A chain in a narrow valley that it cannot leave looks as if at rest: the test asks whether the chain is still on
    its way, not whether it has seen everything.
    """
    if len(distance_S) < FEWEST:
        return None
    if not distance_S.any():
        return Departure(0.0, float("inf"))
    later = distance_S[-(len(distance_S) // 2) :].double().cpu()
    half = len(later) // 2
    some = later[torch.linspace(0, len(later) - 1, min(MOST, len(later))).round().long()]
    test = kendalltau(range(len(some)), some.numpy(), alternative="greater")
    return Departure(float(test.pvalue), (later[-half:].mean() / later[:half].mean()).item())
