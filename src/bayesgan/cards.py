"""What the report shows of one run: samples, what an auto-encoder does to test images, and what a classifier doubts."""

from __future__ import annotations

from typing import Any

import torch

from bayesgan import figures
from bayesgan.data.batches import to_float
from bayesgan.data.toy import CENTRES, centres
from bayesgan.doctor import FILE
from bayesgan.images import plane
from bayesgan.predict import moments
from bayesgan.store import Store
from bayesgan.subject import Subject

PER_PARTICLE, PER_CLASS, CLASSES = 12, 10, 10
FACE = 6  # samples on a side of the small grid, where runs are shown next to each other
RECONSTRUCTED, PATHS, STEPS = 16, 4, 8


def pictures(s: Subject) -> dict[str, Any]:
    """Return the sample grid and one row per generator particle, or the cloud of points; nothing without samples."""
    if not s.generates:
        return {}
    chains = range(s.posterior.chains("generator"))
    if s.pictorial:
        rows = [figures.image_grid(s.posterior.sample(PER_PARTICLE, 1, k), PER_PARTICLE) for k in chains]
        small = figures.image_grid(s.samples[: FACE**2], FACE)
        # Alone on the page, without rows per particle, per class or of paths beside it, the grid may be wide.
        alone = len(chains) == 1 and not s.conditional and not s.auto_encodes
        grid = figures.image_grid(s.samples, 16 if alone else 8)
        return {"samples": grid, "alone": alone, "face": small, "rows": rows}
    middle = torch.from_numpy(centres(s.data.name)) if s.data.name in CENTRES else None
    draws = [s.posterior.sample(2500), *(s.posterior.sample(500, 1, k) for k in chains)]
    whole, *clouds = [figures.cloud(plane(points, s.data.name), middle) for points in draws]
    return {"cloud": whole, "clouds": clouds}


def per_class(s: Subject) -> dict[str, Any]:
    """Return a row of samples for each of the first ten classes of a conditional run of images."""
    if not (s.generates and s.pictorial and s.conditional):
        return {}
    names = s.posterior.classes[:CLASSES]
    # One seed for all: a column is one code under every class.
    rows = [figures.image_grid(s.posterior.sample(PER_CLASS, 1, classes=[name]), PER_CLASS) for name in names]
    return {"per_class": list(zip(names, rows, strict=True)), "more_classes": len(s.posterior.classes) - len(names)}


def auto_encoding(s: Subject) -> dict[str, Any]:
    """Return test images above their reconstructions and the networks' disagreement, and paths between images."""
    if not (s.auto_encodes and s.pictorial):
        return {}
    x, classes = s.tested(RECONSTRUCTED)
    mean, std = moments(s.posterior.reconstruct_each(x, classes))
    rows = [("test images", figures.image_grid(x, len(x))), ("reconstructed", figures.image_grid(mean, len(x)))]
    members, most = len(s.posterior.bank) * s.posterior.chains("encoder"), max(std.max().item(), 1e-12)
    if members > 1:
        rows.append(("standard deviation", figures.image_grid(2 * std / most - 1, len(x))))
    shown = {"reconstructions": rows, "most_std": most, "encoders": members}
    return shown | {"between": between(s)}


def between(s: Subject) -> str | None:
    """Return rows of image, eight steps, image, for pairs of test images; None where there is no pair."""
    x, classes = s.tested(2 * PATHS)
    count = len(x) // 2
    if not count:
        return None
    ends = (None, None) if classes is None else (classes[:count], classes[count : 2 * count])
    a, b = x[:count], x[count : 2 * count]
    paths = s.posterior.interpolate(a, b, STEPS, *ends)
    return figures.image_grid(torch.cat([a[:, None], paths, b[:, None]], 1).flatten(0, 1), STEPS + 2)


def diagnosis(s: Subject) -> dict[str, Any]:
    """Return what the doctor said of the same bank, if it was asked."""
    store = Store(s.folder)
    if not (store.path / FILE).exists():
        return {}
    said = store.json(FILE, "findings", "notes", "lines", "bank")
    return {"diagnosis": said} if said["bank"] == len(s.posterior.bank) else {}


def classification(s: Subject, result: dict[str, Any]) -> dict[str, Any]:
    """Return the reliability diagram and the most uncertain test images."""
    if "reliability" not in result:
        return {}
    shown = []
    for row in result["most_uncertain"] if s.pictorial else []:
        x = to_float(torch.from_numpy(s.test.images[row["index"]]))
        shown.append({**row, "image": figures.image(x), "wrong": row["guess"] != row["truth"]})
    return {"reliability": figures.reliability_diagram(result["reliability"]), "uncertain": shown}
