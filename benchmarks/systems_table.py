"""The rows of benchmarks/systems.py as figures, as a table in Markdown and as a picture."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from bayesgan.data.toy import CENTRES
from bayesgan.files import atomic
from bayesgan.images import grid, scatter

MEASURES = ("modes", "diversity", "critic_distance", "reconstruction_error", "seconds_per_1000_steps")
FORMS = dict(zip(MEASURES, ("{:.1f}", "{:.3f}", "{:.3f}", "{:.4f}", "{:.1f}"), strict=True))
REFERENCES = ("diversity_real", "critic_distance_real", "reconstruction_error_mean_image")
PER_SET, PER_LINE, SCALE = 12, 6, 2
MARGIN, LABEL, HEAD = 12, 170, 34

Rows = list[dict[str, Any]]


def summaries(rows: Rows, systems: Sequence[str], sets: Sequence[str]) -> Rows:
    """Return a row per system and set: means and standard deviations over seeds, failed seeds, references."""
    found = []
    for data in sets:
        for system in systems:
            mine = [row for row in rows if (row["system"], row["data"]) == (system, data)]
            if mine:
                found.append({"system": system, "data": data, "seeds": len(mine), **summary(mine)})
    return found


def summary(rows: Rows) -> dict[str, Any]:
    """Summarise the seeds of one system on one set; one that diverged found no mode, and has no other number."""
    rows = [{**row, "modes": row.get("modes") or 0} for row in rows]
    columns = {key: [row[key] for row in rows if row.get(key) is not None] for key in (*MEASURES, *REFERENCES)}
    columns = {key: values for key, values in columns.items() if values}
    spread = {key: statistics.stdev(v) if len(v) > 1 else 0.0 for key, v in columns.items() if key in MEASURES}
    failed = {row["seed"]: row["failed"] for row in rows if row["failed"]}
    return {
        "mean": {key: round(statistics.mean(values), 5) for key, values in columns.items()},
        "sd": {key: round(value, 5) for key, value in spread.items()},
        "failed_seeds": failed,
        "modes_of": next((row["modes_of"] for row in rows if "modes_of" in row), None),
    }


def figures(found: Rows) -> dict[str, float]:
    """Return ``SYSTEM.SET.MEASURE`` means over seeds, and ``real.SET.MEASURE`` of the data themselves."""
    numbers: dict[str, float] = {}
    for row in found:
        name = f"{row['system']}.{row['data']}"
        numbers |= {f"{name}.{key}": value for key, value in row["mean"].items() if key in MEASURES}
        numbers[f"{name}.failed_seeds"] = len(row["failed_seeds"])
        real = {key: row["mean"][f"{key}_real"] for key in MEASURES if f"{key}_real" in row["mean"]}
        numbers |= {f"real.{row['data']}.{key}": value for key, value in real.items()}
    return numbers


def markdown(found: Rows, steps: dict[str, int], command: str, machine: dict[str, Any]) -> str:
    """Return a table per set."""
    lines = ["# Systems at an equal number of iterations", "", f"`{command}`", ""]
    lines += [f"{machine['cpu']}, {machine['cores']} cores; means and standard deviations over seeds, no labels."]
    for data in dict.fromkeys(row["data"] for row in found):
        mine = [row for row in found if row["data"] == data]
        shown = [key for key in MEASURES if any(key in row["mean"] for row in mine)]
        lines += ["", f"## {data}, {steps[data]:,} iterations", "", references(mine), ""]
        names = [key.replace("_", " ") for key in shown]
        lines += [f"| system | {' | '.join(names)} | failed seeds |", f"| --- |{' --: |' * (len(shown) + 1)}"]
        for row in mine:
            cells = [cell(row, key) for key in shown]
            lines.append(f"| {row['system']} | {' | '.join(cells)} | {len(row['failed_seeds'])} of {row['seeds']} |")
        failed = [(row["system"], seed, why) for row in mine for seed, why in row["failed_seeds"].items()]
        lines += ["", *(f"- {system}, seed {seed}: {why}" for system, seed, why in failed)] if failed else []
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], key: str) -> str:
    """Return the mean of a measure, and its standard deviation where there are several seeds."""
    if key not in row["mean"]:
        return "-"
    spread = f" +- {FORMS[key].format(row['sd'][key])}" if row["seeds"] > 1 else ""
    return FORMS[key].format(row["mean"][key]) + spread


def references(rows: Rows) -> str:
    """Return what the numbers of a set are to be held against."""
    known = {key: value for row in rows for key, value in row["mean"].items() if key in REFERENCES}
    names = ("real diversity", "real against real critic", "error of the mean image")
    parts = [f"{name} {known[key]:.3f}" for key, name in zip(REFERENCES, names, strict=True) if key in known]
    modes = [f"{row['modes_of']} modes" for row in rows if row["modes_of"]][:1]
    return "To hold against: " + ", ".join(modes + parts) + "."


def picture(path: Path, folders: dict[tuple[str, str], Path], systems: Sequence[str], sets: Sequence[str]) -> None:
    """Write samples of every system (rows) on every set (columns): twelve images, or a scatter plot of points."""
    tiles = {key: tile(folder, key[1] in CENTRES) for key, folder in folders.items()}
    sizes = [[tiles[s, d].size for s in systems if (s, d) in tiles] or [(0, 0)] for d in sets]
    widths, height = [max(size[0] for size in some) for some in sizes], max(s[1] for some in sizes for s in some)
    total = LABEL + sum(width + MARGIN for width in widths), HEAD + len(systems) * (height + MARGIN)
    sheet = Image.new("RGB", total, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for row, system in enumerate(systems):
        top, left = HEAD + row * (height + MARGIN), LABEL
        pen.text((LABEL - MARGIN, top + height / 2), system, "black", font, anchor="rm")
        for data, width in zip(sets, widths, strict=True):
            pen.text((left, HEAD - MARGIN), data, "black", font, anchor="ls")
            if (system, data) in tiles:
                sheet.paste(tiles[system, data], (left, top + (height - tiles[system, data].height) // 2))
            left += width + MARGIN
    with atomic(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def tile(folder: Path, points: bool) -> Image.Image:
    """Return the samples of one run, or a note where it left none."""
    side = SCALE * 59
    if not (folder / "samples.npz").exists():
        blank = Image.new("RGB", (side, side), "#f3f4f6")
        ImageDraw.Draw(blank).text((side / 2, side / 2), "diverged", "#b91c1c", ImageFont.load_default(14), anchor="mm")
        return blank
    samples = torch.from_numpy(np.load(folder / "samples.npz")["samples"])
    if points:
        plot = Image.fromarray(scatter(samples, side).squeeze(-1)).convert("RGB")
        ImageDraw.Draw(plot).rectangle((0, 0, side - 1, side - 1), outline="#c7c9d9")
        return plot
    cells = grid(samples[:PER_SET], PER_LINE).repeat(SCALE, 0).repeat(SCALE, 1)
    return Image.fromarray(cells.squeeze(-1) if cells.shape[-1] == 1 else cells).convert("RGB")
