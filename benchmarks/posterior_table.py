"""The rows of benchmarks/posterior.py as figures and as tables in Markdown."""

from __future__ import annotations

import statistics
from itertools import groupby
from typing import Any

from bayesgan.data.toy import SYNTHETIC

RECOMMENDED = "bayesgan-cold"  # what the preset is on images
MEASURES: dict[str, dict[str, str]] = {
    "synthetic": {"jsd": "{:.4f}"},
    "stacked": {"modes": "{:.1f}", "reverse_kl": "{:.3f}"},
    "calibration": {"errors": "{:.1f}", "nll": "{:.4f}", "ece": "{:.4f}", "auroc": "{:.4f}", "auroc_fake": "{:.4f}"},
}
MORE = ("jsd_real", "modes_real", "reverse_kl_real", "auroc_mutual_information", "seconds")
UPWARDS = {"modes", "auroc", "auroc_fake"}
HOW = (
    "means and standard deviations over seeds. `iterations`: as many as cost what the budget, a number of iterations "
    "of the Bayesian GAN, does; `seconds`: processor time of one thread."
)

Rows = list[dict[str, Any]]


def place(row: dict[str, Any]) -> tuple[str, str, int, str]:
    """Return what seeds are averaged over."""
    return row["part"], row["data"], row["budget"], row["method"]


def summaries(rows: Rows) -> Rows:
    """Return a row per part, set, budget and method: means and standard deviations over seeds."""
    places = dict.fromkeys(place(row) for row in rows)
    return [summary(key, [row for row in rows if place(row) == key]) for key in places]


def summary(key: tuple[str, str, int, str], rows: Rows) -> dict[str, Any]:
    """Summarise the seeds of one method; one that diverged has no numbers."""
    part, data, budget, method = key
    columns = {name: [r[name] for r in rows if r.get(name) is not None] for name in (*MEASURES[part], *MORE)}
    columns = {name: values for name, values in columns.items() if values}
    return {
        **{"part": part, "data": data, "budget": budget, "method": method, "steps": rows[0]["steps"]},
        "seeds": len(rows),
        "alone": rows[0]["alone"],
        "mean": {name: round(statistics.mean(values), 6) for name, values in columns.items()},
        "sd": {name: round(statistics.stdev(v), 6) for name, v in columns.items() if len(v) > 1},
        "failed_seeds": {row["seed"]: row["failed"] for row in rows if row["failed"]},
    }


def whole(found: Rows) -> Rows:
    """Return the rows of the largest budget of each set, but for those that one method has alone."""
    shared = [row for row in found if not row["alone"]]
    largest = {row["data"]: max(r["budget"] for r in shared if r["data"] == row["data"]) for row in shared}
    return [row for row in shared if row["budget"] == largest[row["data"]]]


def longest(found: Rows, part: str) -> dict[str, Any] | None:
    """Return the recommended method's row of the largest budget that it finished in a part of one set."""
    measure = next(iter(MEASURES[part]))
    mine = (row for row in found if (row["part"], row["method"]) == (part, RECOMMENDED) and measure in row["mean"])
    return max(mine, key=lambda row: row["budget"], default=None)


def figures(found: Rows) -> dict[str, float]:
    """Return the means over seeds after the whole budget; ``real`` where real data stand for a method.

    Without a method, those of Stacked MNIST are the recommended one's after its largest budget.
    """
    numbers: dict[str, float] = {}
    for row in whole(found):
        name, mean = title(row), row["mean"]
        numbers |= {f"{name}.{row['method']}.{key}": mean[key] for key in MEASURES[row["part"]] if key in mean}
        numbers |= {f"{name}.real.{key}": mean[f"{key}_real"] for key in mean if f"{key}_real" in mean}
    if row := longest(found, "stacked"):
        numbers |= {f"{title(row)}.{key}": row["mean"][key] for key in MEASURES["stacked"] if key in row["mean"]}
        numbers[f"{title(row)}.budget"] = row["budget"]
    return numbers


def title(row: dict[str, Any]) -> str:
    """Return how the result file calls a part and its set."""
    names = {"synthetic": f"synthetic.{SYNTHETIC.get(row['data'])}", "stacked": "stacked_mnist"}
    return names.get(row["part"], row["part"])


def markdown(found: Rows, command: str, machine: dict[str, Any]) -> str:
    """Return a table per part and set, and under it which method is best."""
    lines = ["# Posteriors at equal compute", "", command, "", f"{machine['cpu']}, {machine['cores']} cores; {HOW}"]
    for name, group in groupby(sorted(whole(found), key=title), title):
        rows = [*group]
        beyond = [row for row in found if row["alone"] and row["data"] == rows[0]["data"]]
        lines += ["", *section(name, rows), *(alone(row) for row in beyond)]
    return "\n".join(lines) + "\n"


def section(name: str, rows: Rows) -> list[str]:
    """Return the table of a part and set."""
    columns = {**MEASURES[rows[0]["part"]], "seconds": "{:.0f}"}
    seeds = max(row["seeds"] for row in rows)
    many = f"{seeds} seeds" if seeds > 1 else "one seed"
    lines = [f"## {name}, budget {rows[0]['budget']:,}, {many}", "", f"| method | iterations | {' | '.join(columns)} |"]
    lines += ["| --- |" + " --: |" * (len(columns) + 1)]
    for row in rows:
        cells = [cell(row, key, form) for key, form in columns.items()]
        lines.append(f"| {row['method']} | {row['steps']:,} | {' | '.join(cells)} |")
    return [*lines, "", *(verdict(rows, key, form) for key, form in MEASURES[rows[0]["part"]].items())]


def alone(row: dict[str, Any]) -> str:
    """Return a line of what a method reached in a budget that no other has."""
    columns = {**MEASURES[row["part"]], "seconds": "{:.0f}"}
    numbers = ", ".join(f"{key} {cell(row, key, form)}" for key, form in columns.items())
    return f"- {row['method']} alone, {row['budget']:,} iterations, seeds {row['seeds']}: {numbers}."


def cell(row: dict[str, Any], key: str, form: str) -> str:
    """Return the mean of a measure, and its standard deviation where there are several seeds."""
    if key not in row["mean"]:
        return "-"
    return form.format(row["mean"][key]) + (f" +- {form.format(row['sd'][key])}" if key in row["sd"] else "")


def verdict(rows: Rows, key: str, form: str) -> str:
    """Return which method is best by a measure, which ones are within a standard deviation of it, and real data.

    Methods of one seed have no deviation, and nothing is said of their being near.
    """
    means = {row["method"]: row["mean"][key] for row in rows if key in row["mean"]}
    if not means:
        return f"- {key}: no run has one."
    first = (max if key in UPWARDS else min)(means.values())
    best = [method for method, mean in means.items() if mean == first]
    spread = {row["method"]: row["sd"][key] for row in rows if key in row["sd"]}
    own = max(spread.get(method, 0.0) for method in best)
    near = [m for m, sd in spread.items() if m not in best and abs(means[m] - first) <= max(sd, own)]
    real = next((row["mean"][f"{key}_real"] for row in rows if f"{key}_real" in row["mean"]), None)
    others = f"; within one standard deviation: {', '.join(near)}" if near else ""
    return f"- {key}: best {' and '.join(best)}{others}{'' if real is None else '; real data ' + form.format(real)}."
