"""The report's figures: matplotlib drawings as inline SVG, pictures as data URLs."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from bayesgan.images import grid, to_uint8

INK, ACCENT, SOFT, WARM = "#1f2937", "#4f46e5", "#c7c9d9", "#d97706"
PLAYER_COLOURS = {"discriminator": ACCENT, "generator": WARM, "encoder": "#0f766e", "code_discriminator": "#be185d"}
STYLE: dict[Any, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9, "text.color": INK}


def data_url(picture: np.ndarray) -> str:
    """Return a uint8 picture ``(H, W, C)`` as a PNG data URL."""
    buffer = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def image_grid(images: Tensor, columns: int) -> str:
    """Return images ``(N, C, H, W)`` in [-1, 1] as one picture."""
    return data_url(grid(images, columns))


def image(x: Tensor) -> str:
    """Return one image ``(C, H, W)`` in [-1, 1]."""
    return data_url(to_uint8(x))


def canvas(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure without frames, and its axes from left to right."""
    figure = Figure(figsize=(width, height), layout="constrained")
    panes = list(figure.subplots(1, panels, squeeze=False)[0])
    for axes in panes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(SOFT)
        axes.tick_params(colors=INK, length=0)
    return figure, panes


def svg(figure: Figure) -> str:
    """Return a figure as an ``<svg>`` element."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def curves(rows: Sequence[Mapping[str, Any]], burn_in: int) -> str:
    """Return log posteriors per datum against the iteration: a panel per player, a line per particle."""
    players = [name for name in PLAYER_COLOURS if rows and name in rows[0]["energy"]]
    figure, panes = canvas(9.6, 2.6, max(1, len(players)))
    steps = [row["step"] for row in rows]
    for axes, player in zip(panes, players, strict=False):
        lines = -np.array([row["energy"][player] for row in rows])
        axes.plot(steps, lines, color=PLAYER_COLOURS[player], lw=0.8, alpha=max(0.3, 1 / lines.shape[1] ** 0.5))
        axes.set_title(player.replace("_", " "), fontsize=9, loc="left")
        # The first few values are of random weights and would flatten all others.
        settled = lines[len(lines) // 20 :]
        if len(settled := settled[np.isfinite(settled)]):
            low, high = np.quantile(settled, [0.002, 0.998])
            axes.set_ylim(low - 0.08 * (high - low) - 1e-6, high + 0.08 * (high - low) + 1e-6)
        axes.set_xlabel("iteration")
        axes.margins(x=0)
        if burn_in:
            axes.axvspan(0, burn_in, color=SOFT, alpha=0.25, lw=0)
    return svg(figure)


def error_bars(errors: Mapping[str, float], mine: Sequence[str]) -> str:
    """Return a bar of test error in percent for each name; those of ``mine`` stand out."""
    names = sorted(errors, key=lambda name: -errors[name])
    figure, (axes,) = canvas(7.2, 0.6 + 0.36 * len(names))
    values = [errors[name] for name in names]
    axes.barh(names, values, color=[ACCENT if name in mine else SOFT for name in names], height=0.62)
    for i, value in enumerate(values):
        axes.text(value, i, f"  {value:.2f} %", va="center")
    axes.set_xlabel("test error, % (same labels, same test images)")
    axes.margins(x=0.14)
    axes.set_xlim(left=0)
    return svg(figure)


def reliability_diagram(bins: Mapping[str, Sequence[float]]) -> str:
    """Return accuracy against confidence, a point per bin, its area the share of images."""
    figure, (axes,) = canvas(3.4, 3.2)
    count, confidence, accuracy = (np.array(bins[key]) for key in ("count", "confidence", "accuracy"))
    full = count > 0
    axes.plot([0, 1], [0, 1], color=SOFT, lw=1)
    axes.vlines(
        confidence[full], np.minimum(accuracy, confidence)[full], np.maximum(accuracy, confidence)[full], color=WARM
    )
    axes.scatter(
        confidence[full], accuracy[full], s=12 + 240 * count[full] / count.sum(), color=ACCENT, alpha=0.75, lw=0
    )
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.03), ylim=(0, 1.03), aspect="equal")
    return svg(figure)


def cloud(points: Tensor, centres: Tensor | None) -> str:
    """Return samples ``(N, 2)`` as a scatter plot, the true modes as rings."""
    figure, (axes,) = canvas(4.2, 4.2)
    # Thousands of marks would make a page of megabytes: the dots alone are drawn as pixels.
    axes.scatter(points[:, 0], points[:, 1], s=4, color=ACCENT, alpha=0.35, lw=0, rasterized=True)
    if centres is not None:
        axes.scatter(centres[:, 0], centres[:, 1], s=120, facecolors="none", edgecolors=WARM, lw=1)
    axes.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    return svg(figure)
