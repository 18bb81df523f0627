"""The rows of benchmarks/noise.py as figures and as tables in Markdown."""

from __future__ import annotations

import statistics
from typing import Any

MEASURES = {"error": "{:.2f}", "against_point": "{:+.2f}", "last_error": "{:.2f}"}
MEASURES |= {"nll": "{:.3f}", "last_nll": "{:.3f}", "ece": "{:.3f}"}
TITLES = ("error, %", "against point", "last sample's", "NLL", "last sample's", "ECE")
HOW = (
    "means over splits; +- is one standard deviation, in the column against point that of the differences on the same "
    "splits. Errors are counted on test images with their true classes; a network that has rightly learned how often "
    "labels are wrong is less sure than these deserve, so NLL and ECE compare methods of a table, not tables."
)

Rows = list[dict[str, Any]]
Place = tuple[int, str, float, str]


def place(row: dict[str, Any]) -> Place:
    """Return what splits are averaged over."""
    return row["labels"], row["likelihood"], row["noise"], row["method"]


def summaries(rows: Rows) -> Rows:
    """Return, per likelihood, share of wrong labels and method, means and deviations over splits."""
    points = {(*place(row)[:3], row["split"]): row["error"] for row in rows if row["method"] == "point"}
    return [summary(key, [r for r in rows if place(r) == key], points) for key in dict.fromkeys(map(place, rows))]


def summary(key: Place, rows: Rows, points: dict[Any, float]) -> dict[str, Any]:
    """Summarise the splits of one method; a run that diverged has no numbers."""
    good = [row for row in rows if not row["failed"]]
    pairs = [(row["error"], points.get((*key[:3], row["split"]))) for row in good]
    columns = {name: [row[name] for row in good] for name in MEASURES if name != "against_point"}
    columns["against_point"] = [error - other for error, other in pairs if other is not None]
    found: dict[str, Any] = dict(zip(("labels", "likelihood", "noise", "method"), key, strict=True))
    found |= {"splits": len(good), "failed": len(rows) - len(good)}
    for name, values in columns.items():
        found[name] = round(statistics.mean(values), 6) if values else None
        found[f"{name}_sd"] = round(statistics.stdev(values), 6) if len(values) > 1 else None
    return found


def figures(found: Rows) -> dict[str, float]:
    """Return the numbers of the summaries, as ``LABELS.LIKELIHOOD.PERCENT.METHOD.MEASURE``."""
    keys = [f"{name}{sd}" for name in MEASURES for sd in ("", "_sd")]
    return {f"{named(row)}.{key}": row[key] for row in found for key in keys if row[key] is not None}


def named(row: dict[str, Any]) -> str:
    """Return how the result file calls a row of a table."""
    labels, likelihood, noise, method = place(row)
    return f"{labels}.{likelihood}.{100 * noise:.0f}.{method.replace(' ', '_')}"


def markdown(found: Rows, command: str, machine: dict[str, Any]) -> str:
    """Return a table per likelihood and share of wrong labels."""
    lines = ["# Wrong labels on the digits", "", f"`{command}`", "", f"{machine['cpu']}; {HOW}"]
    for labels, likelihood, noise in dict.fromkeys(place(row)[:3] for row in found):
        lines += ["", f"## {likelihood}: {labels} labels, {100 * noise:.0f} % of them wrong", ""]
        lines += [f"| method | splits | {' | '.join(TITLES)} |", "| --- |" + " --: |" * (len(TITLES) + 1)]
        for row in (row for row in found if place(row)[:3] == (labels, likelihood, noise)):
            cells = [cell(row, name, form) for name, form in MEASURES.items()]
            lines.append(f"| {row['method']} | {row['splits']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], name: str, form: str) -> str:
    """Return a mean with its standard deviation where there is one."""
    if row[name] is None:
        return "-"
    deviation = row[f"{name}_sd"]
    return form.format(row[name]) + ("" if deviation is None else f" +- {form.replace('+', '').format(deviation)}")
