"""The rows of benchmarks/recipe.py as figures and as tables in Markdown."""

from __future__ import annotations

from typing import Any

from common import moments

MEASURES = ("error", "nll", "ece")
HOW = (
    "errors on training images that are set aside, means over subsets of labels; +- is one standard deviation, in the "
    "column against no change that of the differences on the same subsets. Four starts take 1.75 times the time, "
    "four chains four times. With --add, what earlier commands measured is here too."
)

Rows = list[dict[str, Any]]


def summaries(rows: Rows) -> Rows:
    """Return means and deviations over subsets, and the gain over no change, by set, labels, steps, base and change."""
    unchanged = {(*place(row)[:4], row["subset"]): row for row in rows if row["change"] == "none"}
    return [summary(key, rows, unchanged) for key in dict.fromkeys(map(place, rows))]


def place(row: dict[str, Any]) -> tuple[str, int, int, str, str]:
    """Return what subsets are averaged over."""
    return row["data"], row["labels"], row["steps"], row["base"], row["change"]


def summary(key: tuple[str, int, int, str, str], rows: Rows, unchanged: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Summarise the subsets of one change; a run that diverged has no numbers."""
    mine = [row for row in rows if place(row) == key and not row["failed"]]
    pairs = [(row, unchanged.get((*key[:4], row["subset"]), {"failed": "missing"})) for row in mine]
    gains = [row["error"] - other["error"] for row, other in pairs if not other["failed"]]
    columns = {name: [row[name] for row in mine] for name in MEASURES} | {"against_none": gains}
    names = ("data", "labels", "steps", "base", "change")
    devices = sorted({row["device"] for row in mine})
    found: dict[str, Any] = dict(zip(names, key, strict=True)) | {"subsets": len(mine), "devices": devices}
    return found | moments(columns)


def figures(found: Rows) -> dict[str, float]:
    """Return the numbers of the summaries by set, labels, iterations, base, change and measure."""
    named = {"{}.{}.{}.{}.{}".format(*place(row)).replace(" ", "_"): row for row in found}
    return {f"{name}.{key}": v for name, row in named.items() for key, v in row.items() if isinstance(v, float)}


def markdown(found: Rows, command: str, _: dict[str, Any]) -> str:
    """Return a table per set, number of labels and of iterations, and base; rows say on which machine they ran."""
    devices = ", ".join(sorted({device for row in found for device in row["devices"]}))
    lines = ["# The recommended classifier, one setting changed", "", f"`{command}`", "", f"{devices}; {HOW}"]
    for data, labels, steps, base in dict.fromkeys(place(row)[:4] for row in found):
        lines += ["", f"## {data}, {labels:,} labels, {steps:,} iterations: {base}", ""]
        lines += ["| change | subsets | error, % | against no change | NLL | ECE, % |", "| --- |" + " --: |" * 5]
        for row in (row for row in found if place(row)[:4] == (data, labels, steps, base)):
            cells = [cell(row, "error"), cell(row, "against_none"), cell(row, "nll", 3), cell(row, "ece", 2, 100)]
            lines.append(f"| {row['change']} | {row['subsets']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], key: str, digits: int = 2, scale: float = 1.0) -> str:
    """Return a mean with its standard deviation where there is one."""
    if row[key] is None:
        return "-"
    deviation = row[f"{key}_sd"]
    return f"{scale * row[key]:.{digits}f}" + ("" if deviation is None else f" +- {scale * deviation:.{digits}f}")
