"""The synthetic part of benchmarks/posterior.py as curves: divergence against compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from posterior_table import Rows

from bayesgan.data.toy import SYNTHETIC
from bayesgan.files import atomic

STYLES = (("-", 3.0), ("--", 2.2), ("-.", 1.4))  # curves may lie on each other


def picture(path: Path, found: Rows) -> None:
    """Write a panel per synthetic set: the divergence against the budget, with a band of one standard deviation."""
    rows = [row for row in found if row["part"] == "synthetic" and "jsd" in row["mean"]]
    sets = [data for data in SYNTHETIC if any(row["data"] == data for row in rows)]
    figure = Figure(figsize=(5.5 * max(1, len(sets)), 4.2), layout="constrained")
    for axes, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
        mine = [row for row in rows if row["data"] == data]
        for place, method in enumerate(dict.fromkeys(row["method"] for row in mine)):
            rows_of = sorted((r for r in mine if r["method"] == method), key=lambda row: row["budget"])
            curve(axes, method, rows_of, STYLES[place % len(STYLES)])
        axes.axhline(mine[0]["mean"]["jsd_real"], color="grey", linestyle=":", label="real data")
        budgets = sorted({row["budget"] for row in mine})
        axes.set(title=f"{SYNTHETIC[data]} dimensions", xlabel="compute, in iterations of the Bayesian GAN")
        axes.set(ylabel="Jensen-Shannon divergence (nats)", xscale="log", yscale="log", xlim=(budgets[0], budgets[-1]))
        axes.set_xticks(budgets, [f"{budget:,}" for budget in budgets], minor=False)
        axes.minorticks_off()
    names, labels = axes.get_legend_handles_labels()
    figure.legend(names, labels, loc="outside lower center", ncols=len(labels), fontsize="small")
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110)


def curve(axes: Any, method: str, rows: Rows, style: tuple[str, float]) -> None:
    """Draw the curve of one method."""
    budgets = [row["budget"] for row in rows]
    mean, sd = ([row[key].get("jsd", 0.0) for row in rows] for key in ("mean", "sd"))
    (line,) = axes.plot(budgets, mean, marker="o", markersize=3, label=method, linestyle=style[0], linewidth=style[1])
    low, high = ([max(m + sign * s, m / 4) for m, s in zip(mean, sd, strict=True)] for sign in (-1, 1))
    axes.fill_between(budgets, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
