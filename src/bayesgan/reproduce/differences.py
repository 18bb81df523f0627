"""What a system has over the supervised network on the same subsets of labels.

Subsets differ more than systems do: means over different subsets say little of a difference.
"""

from __future__ import annotations

from collections.abc import Iterable

from bayesgan.reproduce.cells import Row
from bayesgan.reproduce.lines import NAMES, Line, summarised
from bayesgan.reproduce.spreading import SPREADING

BASELINE = "supervised"
MEASURES = ("errors", "error", "nll", "ece")


def differences(rows: Iterable[Row]) -> list[Line]:
    """Return a line per system, column and number of labels: means of what it has more than the baseline."""
    sound = [row for row in rows if row["system"] != SPREADING and not row["failed"]]
    baselines = {place(row): row for row in sound if row["system"] == BASELINE}
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in sound:
        if row["system"] != BASELINE and place(row) in baselines:
            groups.setdefault((row["system"], *place(row)[:2]), []).append(less(row, baselines[place(row)]))
    found = [summarised(*key, group) for key, group in groups.items()]
    return sorted(found, key=lambda line: line.labels)


def place(row: Row) -> tuple[str, int, int]:
    """Return what a row and its baseline have in common."""
    return row["column"], row["labels"], row["seed"]


def less(row: Row, baseline: Row) -> Row:
    """Return a row of differences."""
    names = {key: value for key, value in row.items() if key in NAMES}
    return names | {key: row[key] - baseline[key] for key in MEASURES if key in row and key in baseline}


def difference_figures(found: Iterable[Line]) -> dict[str, float]:
    """Return ``SYSTEM.COLUMN.LABELS.against_supervised.MEASURE`` with its ``.sd``, and ``.seeds``."""
    numbers: dict[str, float] = {}
    for line in found:
        name = f"{line.system}.{line.column}.{line.labels}.against_{BASELINE}"
        numbers |= {f"{name}.{key}": round(value, 5) for key, value in line.mean.items()}
        numbers |= {f"{name}.{key}.sd": round(value, 5) for key, value in line.sd.items()}
        numbers[f"{name}.seeds"] = line.seeds
    return numbers
