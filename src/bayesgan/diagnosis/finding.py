"""What a finding is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bayesgan.diagnosis.evidence import Evidence


@dataclass(frozen=True)
class Finding:
    """What is wrong, the numbers that say so, and what to try."""

    name: str
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}; try {self.cure}"


Check = Callable[[Evidence], Iterator[Finding]]


def worst(values: Iterable[float]) -> tuple[int, float] | None:
    """Return the place and the value of the largest, None where all are NaN."""
    known = [(value, k) for k, value in enumerate(values) if value == value]
    return (max(known)[1], max(known)[0]) if known else None
