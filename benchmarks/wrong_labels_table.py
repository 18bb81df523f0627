"""The rows of benchmarks/wrong_labels.py as figures and as tables in Markdown."""

from __future__ import annotations

from typing import Any

from common import moments

COLUMNS = {
    "error": ("error, %", "{:.2f}"),
    "against_descent": ("against T = 0", "{:+.2f}"),
    "last_error": ("last sample's error", "{:.2f}"),
    "nll": ("NLL", "{:.3f}"),
    "last_nll": ("last sample's NLL", "{:.3f}"),
    "ece": ("ECE", "{:.3f}"),
    "rhat": ("R-hat", "{:.2f}"),
    "size": ("effective draws", "{:.0f}"),
}
DESCENT = "temperature 0"
HOW = (
    "means over splits; +- is one standard deviation, in the column against T = 0 that of the differences on the same "
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
    sound = [row for row in rows if not row["failed"]]
    descents = {(*place(row)[:3], row["split"]): row["error"] for row in sound if row["method"] == DESCENT}
    places = dict.fromkeys(map(place, rows))
    return [summary(key, [numbers(r, descents) for r in sound if place(r) == key]) for key in places]


def numbers(row: dict[str, Any], descents: dict[Any, float]) -> dict[str, float]:
    """Return the numbers of one run by column: what was measured, how it mixed, and what descent leaves to gain."""
    found = row | row["mixing"].get("discriminator", {})
    if (other := descents.get((*place(row)[:3], row["split"]))) is not None:
        found["against_descent"] = row["error"] - other
    return {name: found[name] for name in COLUMNS if name in found}


def summary(key: Place, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Summarise the splits of one method; runs that diverged are not among them."""
    found: dict[str, Any] = dict(zip(("labels", "likelihood", "noise", "method"), key, strict=True))
    columns = {name: [run[name] for run in runs if name in run] for name in COLUMNS}
    return found | {"splits": len(runs)} | moments(columns)


def figures(found: Rows) -> dict[str, float]:
    """Return the numbers of the summaries, as ``LABELS.LIKELIHOOD.PERCENT.METHOD.MEASURE``."""
    keys = [f"{name}{sd}" for name in COLUMNS for sd in ("", "_sd")]
    return {f"{named(row)}.{key}": row[key] for row in found for key in keys if row[key] is not None}


def named(row: dict[str, Any]) -> str:
    """Return how the result file calls a row of a table."""
    labels, likelihood, noise, method = place(row)
    return f"{labels}.{likelihood}.{100 * noise:.0f}.{method.replace(' ', '_')}"


def markdown(found: Rows, command: str, machine: dict[str, Any]) -> str:
    """Return a table per likelihood and share of wrong labels."""
    lines = ["# Wrong labels on the digits", "", f"`{command}`", "", f"{machine['cpu']}; {HOW}"]
    titles = [title for title, _ in COLUMNS.values()]
    for labels, likelihood, noise in dict.fromkeys(place(row)[:3] for row in found):
        lines += ["", f"## {likelihood}: {labels} labels, {100 * noise:.0f} % of them wrong", ""]
        lines += [f"| method | splits | {' | '.join(titles)} |", "| --- |" + " --: |" * (len(titles) + 1)]
        for row in (row for row in found if place(row)[:3] == (labels, likelihood, noise)):
            cells = [cell(row, name, form) for name, (_, form) in COLUMNS.items()]
            lines.append(f"| {row['method']} | {row['splits']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], name: str, form: str) -> str:
    """Return a mean with its standard deviation where there is one."""
    if row[name] is None:
        return "-"
    deviation = row[f"{name}_sd"]
    return form.format(row[name]) + ("" if deviation is None else f" +- {form.replace('+', '').format(deviation)}")
