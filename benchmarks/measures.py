"""What evaluating and loading cost, and how far the independent critic is off.

    BAYESGAN_DATA=DIR python benchmarks/measures.py [--samples 10000] [--images 10000] [--seeds 5] [--metrics a,b]

DIR holds MNIST and Fashion-MNIST in their publishers' layout. One run with labels and an encoder, so that nearly every
metric applies, is trained for a few steps (what it makes does not matter here) and evaluated with an empty cache, in a
process of its own, through the command line. Images of the folder are made here. Writes
benchmarks/results/measures.json.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import write_result
from PIL import Image

from bayesgan import presets
from bayesgan.data.batches import Batches
from bayesgan.data.labels import open_data
from bayesgan.data.sets import load
from bayesgan.measures import METRICS
from bayesgan.metrics.wasserstein import critic_distance
from bayesgan.seeds import generator
from bayesgan.store import Store
from bayesgan.training import train

STEPS, REPEATS = 20, 3
SIDE = 64
SHIFTS, POINTS = (0.5, 1.0, 2.0), 40_000
Row = dict[str, Any]


def evaluation(samples: int, metrics: str | None, folder: Path) -> list[Row]:
    """Return minutes and peak memory of evaluating ``metrics``, or all that apply."""
    train(presets.alpha_gan("mnist", 100).lasting(STEPS), folder / "run")
    program = [sys.executable, "-c", "from bayesgan.cli import main; main()"]
    start = time.perf_counter()
    flags = ["-n", str(samples), "--outside", "fashion-mnist", *(["--metrics", metrics] if metrics else [])]
    subprocess.run([*program, "evaluate", str(folder / "run"), *flags], check=True)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    measured = list(Store(folder / "run").json("evaluation.json")["metrics"])
    left_out = sorted(set(METRICS) - set(measured))
    row = {"what": "evaluate", "samples": samples, "metrics": measured, "not_applicable": left_out}
    return [row | {"minutes": round(seconds / 60, 3), "peak_gib": round(peak, 3)}]


def loading(count: int, folder: Path) -> list[Row]:
    """Return seconds until a first batch of MNIST, and of a folder of images, decoded and from the cache."""
    images = folder / "images"
    make_folder(images, count)
    rows: list[Row] = [{"what": "mnist_load_s", "seconds": seconds(first_batch)} for _ in range(REPEATS)]
    rows.append({"what": "folder_load_s", "seconds": seconds(lambda: touched(images))})
    return rows + [
        {"what": "folder_cached_load_s", "seconds": seconds(lambda: touched(images))} for _ in range(REPEATS)
    ]


def first_batch() -> None:
    """Load MNIST and draw what the first step reads."""
    run = presets.dcgan("mnist")
    Batches(run, open_data(run).training, torch.device("cpu"))("discriminator", 0)


def touched(images: Path) -> None:
    """Load a folder and read every image once."""
    load(str(images)).train.images.sum(dtype=np.uint64)


def make_folder(path: Path, count: int) -> None:
    """Write smooth coloured images, in two class folders."""
    rng = np.random.default_rng(0)
    for number in range(count):
        small = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        file = path / f"class{number % 2}" / f"{number:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(file)


def critics(seeds: int) -> list[Row]:
    """Return what the critic finds between two Gaussians that are shifted against each other."""
    rows = []
    for shift in SHIFTS:
        for seed in range(seeds):
            rng = generator(seed, "shifted")
            x, y = (torch.randn(POINTS, 1, generator=rng) for _ in range(2))
            found = critic_distance(x + shift, y, seed=seed).held_out
            error = abs(found - shift) / shift
            rows.append({"what": "critic", "shift": shift, "seed": seed, "found": found, "relative_error": error})
    return rows


def seconds(work: Callable[[], None]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return round(time.perf_counter() - start, 3)


def main() -> None:
    """Run all parts and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=10_000, help="in the folder")
    parser.add_argument("--seeds", type=int, default=5, help="of the critic, for each shift")
    parser.add_argument("--metrics", help="all that apply if left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["BAYESGAN_CACHE"] = str(folder / "cache")
        rows = loading(options.images, folder) + critics(options.seeds)
        rows += evaluation(options.samples, options.metrics, folder)
    for row in rows:
        print(row)
    print(write_result("measures", figures(rows), rows))


def figures(rows: list[Row]) -> dict[str, float]:
    """Return the headline numbers: the worst of the repetitions."""
    (whole,) = (row for row in rows if row["what"] == "evaluate")
    found = {"evaluate_minutes": whole["minutes"], "evaluate_peak_gib": whole["peak_gib"]}
    for name in ("mnist_load_s", "folder_load_s", "folder_cached_load_s"):
        found[name] = max(row["seconds"] for row in rows if row["what"] == name)
    errors = [row["relative_error"] for row in rows if row["what"] == "critic"]
    return found | {"critic_relative_error_max": round(max(errors), 4)}


if __name__ == "__main__":
    main()
