"""The rows of benchmarks/recipe.py as figures and as tables in Markdown."""

from __future__ import annotations

from typing import Any

from common import moments

MEASURES = ("error", "nll", "ece")
HOW = (
    "errors on training images that are set aside, means over subsets of labels; +- is one standard deviation, in the "
    "column against shipped that of the differences on the same subsets. Four starts take 1.75 times the time, "
    "four chains four times."
)

Rows = list[dict[str, Any]]


def summaries(rows: Rows) -> Rows:
    """Return, per set, labels, iterations and change, means and deviations over subsets, and the gain over shipped."""
    shipped = {(*place(row)[:3], row["subset"]): row for row in rows if row["change"] == "shipped"}
    return [summary(key, rows, shipped) for key in dict.fromkeys(map(place, rows))]


def place(row: dict[str, Any]) -> tuple[str, int, int, str]:
    """Return what subsets are averaged over."""
    return row["data"], row["labels"], row["steps"], row["change"]


def summary(key: tuple[str, int, int, str], rows: Rows, shipped: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Summarise the subsets of one change; a run that diverged has no numbers."""
    mine = [row for row in rows if place(row) == key and not row["failed"]]
    pairs = [(row, shipped.get((*key[:3], row["subset"]), {"failed": "missing"})) for row in mine]
    gains = [row["error"] - other["error"] for row, other in pairs if not other["failed"]]
    columns = {name: [row[name] for row in mine] for name in MEASURES} | {"against_shipped": gains}
    found: dict[str, Any] = dict(zip(("data", "labels", "steps", "change"), key, strict=True)) | {"subsets": len(mine)}
    return found | moments(columns)


def figures(found: Rows) -> dict[str, float]:
    """Return the numbers of the summaries by set, labels, iterations, change and measure."""
    named = {"{}.{}.{}.{}".format(*place(row)).replace(" ", "_"): row for row in found}
    return {f"{name}.{key}": v for name, row in named.items() for key, v in row.items() if isinstance(v, float)}


def markdown(found: Rows, command: str, machine: dict[str, Any]) -> str:
    """Return a table per set, number of labels and of iterations."""
    lines = ["# The recommended classifier, one setting changed", "", f"`{command}`", "", f"{machine['cpu']}; {HOW}"]
    for data, labels, steps in dict.fromkeys(place(row)[:3] for row in found):
        lines += ["", f"## {data}, {labels} labels, {steps:,} iterations", ""]
        lines += ["| change | subsets | error, % | against shipped | NLL | ECE, % |", "| --- |" + " --: |" * 5]
        for row in (row for row in found if place(row)[:3] == (data, labels, steps)):
            cells = [cell(row, "error"), cell(row, "against_shipped"), cell(row, "nll", 3), cell(row, "ece", 2, 100)]
            lines.append(f"| {row['change']} | {row['subsets']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], key: str, digits: int = 2, scale: float = 1.0) -> str:
    """Return a mean with its standard deviation where there is one."""
    if row[key] is None:
        return "-"
    deviation = row[f"{key}_sd"]
    return f"{scale * row[key]:.{digits}f}" + ("" if deviation is None else f" +- {scale * deviation:.{digits}f}")
