"""Images per second of batches from memory and from disk: python benchmarks/streaming.py [--images N] [--steps N].

A made-up set of 64 x 64 colour images is written to a temporary folder; "streamed" gathers each step's rows from a
memory map, as ``--stream`` does. The map's pages are dropped before the cold measurement where the system allows it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from common import write_result

from bayesgan import presets
from bayesgan.data.batches import Batches
from bayesgan.data.labels import Training
from bayesgan.data.rows import CHUNK
from bayesgan.levers import choose_device

SHAPE, ROUNDS = (3, 64, 64), 5


def made_up(path: Path, count: int) -> None:
    """Write ``count`` images of noise."""
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *SHAPE)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, CHUNK):
            file.write(rng.integers(0, 256, (min(CHUNK, count - start), *SHAPE), np.uint8).tobytes())
        file.flush()
        os.fsync(file.fileno())


def forget(path: Path) -> None:
    """Ask the system to drop what it holds of a file in memory."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rate(images: np.ndarray, stream: bool, steps: int, device: torch.device) -> float:
    """Return images per second of the discriminator's batches of a DCGAN."""
    run = replace(presets.dcgan("made-up"), stream=stream, batch=64)
    none = np.zeros(0, np.int64)
    batches = Batches(run, Training("made-up", SHAPE, (), images, none, none), device)
    start = time.perf_counter()
    for step in range(steps):
        batches("discriminator", step)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return steps * run.batch / (time.perf_counter() - start)


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--steps", type=int, default=500)
    given = parser.parse_args()
    device, rows = choose_device("auto"), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        made_up(path, given.images)
        rate(np.load(path, mmap_mode="c"), True, 1, device)  # what is slow only once
        forget(path)
        rows.append(row("streamed, cold", [rate(np.load(path, mmap_mode="c"), True, given.steps, device)]))
        mapped, loaded = np.load(path, mmap_mode="c"), np.load(path)
        # In turn, because other programs may use the machine too.
        pairs = [
            (rate(mapped, True, given.steps, device), rate(loaded, False, given.steps, device)) for _ in range(ROUNDS)
        ]
    for how, rates in zip(("streamed, warm", "in memory"), zip(*pairs, strict=True), strict=True):
        rows.append(row(how, [*rates]))
    figures = {f"{r['how'].replace(', ', '_').replace(' ', '_')}_images_per_second": r["rate"] for r in rows}
    size = given.images * int(np.prod(SHAPE)) / 2**20
    print(write_result("streaming", figures | {"images": given.images, "mebibytes": round(size)}, rows))


def row(how: str, rates: list[float]) -> dict[str, Any]:
    """Print and return one line, the median of what was measured."""
    print(f"{how:15s} {median(rates):10,.0f} images/s")
    return {"how": how, "rate": round(median(rates)), "rates": [round(r) for r in rates]}


if __name__ == "__main__":
    main()
