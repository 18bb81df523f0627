"""Rows of single seeds to lines of a table: means and standard deviations, and how many seeds there were."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bayesgan.reproduce.cells import COLUMNS, Row
from bayesgan.reproduce.spreading import SPREADING

NAMES = (
    *("system", "column", "labels", "seed", "settings", "steps", "failed", "images", "networks"),
    *("preset", "outside", "device", "precision"),
)
LAST, LAST_SAMPLE = "last_", "last_sample"


@dataclass(frozen=True)
class Line:
    """What the seeds of one system say, in one column, with one number of labels: ``mean`` and ``sd`` by measure.

    ``sd`` lacks what only one seed has. ``count``: of how many seeds a mean is. ``seeds``: how many there are.
    ``failed``: those of them that diverged, and are in no mean, with the reason.
    """

    system: str
    column: str
    labels: int
    mean: dict[str, float]
    sd: dict[str, float]
    count: dict[str, int]
    seeds: int
    failed: dict[int, str]


def lines(rows: Iterable[Row], columns: Sequence[str]) -> list[Line]:
    """Return the lines of all rows in the order of labels; a baseline stands in each of the ``columns``."""
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        for column in columns if row["system"] == SPREADING else [row["column"]]:
            groups.setdefault((row["system"], column, row["labels"]), []).append(row)
            if (row["system"], column) == ("bayesgan", "best"):
                groups.setdefault((LAST_SAMPLE, column, row["labels"]), []).append(last_sample(row))
    found = [summarised(*key, group) for key, group in groups.items()]
    return sorted(found, key=lambda line: (line.labels, [*COLUMNS].index(line.column)))


def last_sample(row: Row) -> Row:
    """Return the row of the last weight sample alone: an ablation that needs no run of its own."""
    last = {key.removeprefix(LAST): value for key, value in row.items() if key.startswith(LAST)}
    return {key: row[key] for key in NAMES if key in row} | last


def summarised(system: str, column: str, labels: int, rows: Sequence[Row]) -> Line:
    """Return the line of rows of several seeds."""
    sound = [row for row in rows if not row["failed"]]
    values = {key: [row[key] for row in sound if key in row] for row in sound for key in row if key not in NAMES}
    mean = {key: statistics.mean(some) for key, some in values.items()}
    sd = {key: statistics.stdev(some) for key, some in values.items() if len(some) > 1}
    count = {key: len(some) for key, some in values.items()}
    failed = {row["seed"]: row["failed"] for row in rows if row["failed"]}
    return Line(system, column, labels, mean, sd, count, len(rows), failed)


def figures(found: Iterable[Line]) -> dict[str, float]:
    """Return ``SYSTEM.COLUMN.LABELS.MEASURE`` with its ``.sd``, ``.seeds`` and ``.failed`` of each line.

    The Bayesian GAN's numbers that say more than errors stand once more without its name: ``best.100.ece``.
    """
    numbers: dict[str, float] = {}
    for line in found:
        name = f"{line.column}.{line.labels}"
        for key, value in line.mean.items():
            numbers[f"{line.system}.{name}.{key}"] = round(value, 5)
        numbers |= {f"{line.system}.{name}.{key}.sd": round(value, 5) for key, value in line.sd.items()}
        numbers |= {f"{line.system}.{name}.seeds": line.seeds, f"{line.system}.{name}.failed": len(line.failed)}
        if line.system == "bayesgan":
            numbers |= {f"{name}.{key}": round(value, 5) for key, value in line.mean.items() if "error" not in key}
    return {key: value for key, value in numbers.items() if math.isfinite(value)}
