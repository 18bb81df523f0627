"""Lines as a picture: errors against the number of labels, a panel per column, a line with error bars per system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, ScalarFormatter

from bayesgan.figures import ACCENT, INK, SOFT, WARM, canvas
from bayesgan.files import atomic
from bayesgan.reproduce import published
from bayesgan.reproduce.lines import Line
from bayesgan.reproduce.spreading import SPREADING
from bayesgan.reproduce.table import TITLES, Page, labels_of

COLOURS = {"supervised": INK, "dcgan": WARM, "w_dcgan": "#be185d", "dcgan_10": "#0f766e", "bayesgan": ACCENT}
COLOURS |= {SPREADING: "#9ca3af"}
DASHED: dict[str, Any] = {"color": ACCENT, "ls": "--", "lw": 1, "label": "Bayesian GAN, the paper"}
APART = 0.015  # of a decade: error bars at the same number of labels stand beside each other


def picture(path: Path, found: Sequence[Line], page: Page) -> None:
    """Write the picture as a PNG."""
    figure, panes = canvas(4.4 * len(page.columns) + 2, 3.8, len(page.columns))
    for axes, column in zip(panes, page.columns, strict=True):
        draw(axes, [line for line in found if line.column == column], page)
        axes.set_title({"published": "as published", "best": "best"}[column], fontsize=10, loc="left")
        axes.sharey(panes[0])
    panes[0].set_ylabel("errors" if page.unit == "errors" else "error, %")
    # A system may have been run in one column alone.
    entries = {name: mark for axes in panes for mark, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend([*entries.values()], [*entries], frameon=False, fontsize=8, loc="outside right upper")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=160)


def draw(axes: Axes, found: Sequence[Line], page: Page) -> None:
    """Draw one column: means and two standard deviations, and the paper's Bayesian GAN as a dashed line."""
    shown = [system for system in COLOURS if any(line.system == system for line in found)]
    for place, system in enumerate(shown):
        mine = [line for line in found if line.system == system and page.unit in line.mean]
        x = [line.labels * 10 ** (APART * (place - (len(shown) - 1) / 2)) for line in mine]
        y, bars = [line.mean[page.unit] for line in mine], [2 * line.sd.get(page.unit, 0.0) for line in mine]
        # On a logarithmic axis a bar that reaches 0 has no lower end.
        low = [min(bar, 0.9 * value) for value, bar in zip(y, bars, strict=True)]
        if mine:
            axes.errorbar(
                x, y, [low, bars], color=COLOURS[system], marker="o", ms=3, lw=1, capsize=2, label=TITLES[system]
            )
    theirs = {n: number for n in labels_of(found) if (number := published.paper(page.data, n, "bayesgan"))}
    if theirs:
        axes.plot([*theirs], [n.mean for n in theirs.values()], **DASHED)
    axes.set(xscale="log", yscale="log", xlabel="labels", xticks=labels_of(found))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=SOFT, lw=0.5)
