"""Networks the usual way against this package, in turn in one process: python benchmarks/speed.py [--sizes 28,32,64].

The usual way: modules, an optimiser each, float32, a DataLoader, loops over networks; one DCGAN, ten of them, and a
Bayesian GAN of ten generators and one discriminator. ``bayesgan`` makes 64 fakes for each generator, here and there;
``bayesgan_spread`` 80 for all, 8 each, as the package's preset does; both sample, which is their costlier phase.
``bayesgan_preset`` is the preset with its penalty and all, which the usual way has not. Figures are medians.
"""

from __future__ import annotations

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import speed_ours
import speed_usual
import torch
from common import write_result
from speed_usual import BATCH

from bayesgan.config import Run
from bayesgan.energy import WARM_UP
from bayesgan.levers import choose_device, precision

SHAPES = {28: (1, 28, 28), 32: (3, 32, 32), 64: (3, 64, 64)}
USUAL = {
    "dcgan": speed_usual.dcgan,
    "ten_dcgans": speed_usual.ten_dcgans,
    "bayesgan": speed_usual.bayesgan,
    "bayesgan_spread": partial(speed_usual.bayesgan, fakes=8),
}
IMAGES, MNIST = 2048, 60_000
SIDE = 4096  # of the matrices whose product is the peak


def made_up(size: int) -> np.ndarray:
    """Return images of noise, uint8 ``(N, C, H, W)``."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPES[size]), np.uint8)


def peak(dtype: torch.dtype, device: torch.device) -> float:
    """Return the operations per second of a product of large matrices, the best of five."""
    a, b = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    times = []
    for _ in range(5):
        start = speed_ours.now(device)
        torch.mm(a, b)
        times.append(speed_ours.now(device) - start)
    return 2 * SIDE**3 / min(times)


def memory(run: Run, size: int) -> float:
    """Return the GiB of this process, or of the GPU, at the most in a few iterations."""
    device = choose_device("auto")
    step = speed_ours.stepper(speed_ours.prepare(run, made_up(size), device))
    for _ in range(WARM_UP + 1):
        step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return peak_resident() / 2**20


def peak_resident() -> int:
    """Return the KiB that this process had in memory at most; ``ru_maxrss`` may be its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(size: int, rounds: int, device: torch.device) -> list[dict[str, Any]]:
    """Return a row for each way: the first step and the median of further ones, taken in turn."""
    images = made_up(size)
    floats = torch.from_numpy(images).float() / 127.5 - 1
    steps, rows = {}, {}
    # What a process does only once is nobody's first step.
    speed_usual.dcgan(floats, device)()
    for name, make in USUAL.items():
        start = time.perf_counter()
        steps[f"naive_{name}"] = make(floats, device)
        rows[f"naive_{name}"] = first(steps[f"naive_{name}"], start, device)
    for name, run in speed_ours.contestants().items():
        start = time.perf_counter()
        steps[name] = speed_ours.stepper(speed_ours.prepare(run, images, device))
        rows[name] = first(steps[name], start, device) | {"precision": precision(run, device)}
    for step in steps.values():
        for _ in range(WARM_UP if device.type == "cuda" else 0):  # then graphs are recorded
            step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = speed_ours.now(device)
            step()
            taken[name].append(1000 * (speed_ours.now(device) - start))
    for name, times in taken.items():
        each = median(times)
        rows[name] |= {"ms": round(each, 2), "images_per_second": round(1000 * BATCH / each)}
        rows[name] |= {"over_naive_dcgan": round(each / median(taken["naive_dcgan"]), 3), "times": times}
    return [{"size": size, "way": name, **row} for name, row in rows.items()]


def first(step: Any, start: float, device: torch.device) -> dict[str, float]:
    """Return the seconds from nothing to the end of the first step."""
    step()
    return {"first_step_s": round(speed_ours.now(device) - start, 2)}


def figures(size: int, rows: list[dict[str, Any]], rounds: int, device: torch.device) -> dict[str, float]:
    """Return the headline numbers of a size, and add what they are made of to ``rows``."""
    ms = {row["way"]: row["ms"] for row in rows}
    contestants, images = speed_ours.contestants(), made_up(size)
    every = contestants["bayesgan"]
    peaks = {"32": peak(torch.float32, device), "bf16": peak(torch.bfloat16, device)}
    for row in rows:
        if row["way"] in contestants:
            run = contestants[row["way"]]
            row["gradient_error"] = speed_ours.gradient_error(run, images, device)
            row["gradient_error_32"] = speed_ours.gradient_error(replace(run, precision="32"), images, device)
            if row["way"] != "bayesgan_preset":  # its penalty has derivatives that the counter does not know
                row["operations"] = speed_ours.operations(run, images, device)
                row["peak_fraction"] = row["operations"] / (row["ms"] / 1000) / peaks[row["precision"]]
    found = {f"{size}.{name}": value for name, value in ratios(ms).items()}
    for way, mark in (("bayesgan", ""), ("bayesgan_spread", "_spread")):
        parts = speed_ours.prepare(contestants[way], images, device)
        speed_ours.stepper(parts)()
        share = speed_ours.shares(parts, max(3, rounds // 2))
        rows.append({"size": size, "way": f"parts of {way}", **share})
        found[f"{size}.sampler_over_backward{mark}"] = share["sampler_ms"] / share["backward_ms"]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        found[f"{size}.peak_memory_gib"] = pool.submit(memory, every, size).result()
        found[f"{size}.peak_memory_chunked_gib"] = pool.submit(memory, replace(every, chunk_size=1), size).result()
    rows.append({"size": size, "way": "products of large matrices", "operations_per_second": peaks})
    by = {row["way"]: row for row in rows}
    measured = [row for row in rows if "gradient_error" in row]
    return found | {
        f"{size}.peak_fraction": by["bayesgan"]["peak_fraction"],
        f"{size}.dcgan_peak_fraction": by["dcgan"]["peak_fraction"],
        f"{size}.gradient_error": max(row["gradient_error"] for row in measured),
        f"{size}.gradient_error_32": max(row["gradient_error_32"] for row in measured),
    }


def ratios(ms: dict[str, float]) -> dict[str, float]:
    """Return ours over the usual way: at equal fakes, and the spread ones against one DCGAN."""
    return {
        "bayesgan_over_naive_bayesgan": ms["bayesgan"] / ms["naive_bayesgan"],
        "bayesgan_spread_over_naive_bayesgan_spread": ms["bayesgan_spread"] / ms["naive_bayesgan_spread"],
        "bayesgan_spread_over_naive_bayesgan": ms["bayesgan_spread"] / ms["naive_bayesgan"],
        "bayesgan_over_naive_dcgan": ms["bayesgan_spread"] / ms["naive_dcgan"],
        "bayesgan_equal_fakes_over_naive_dcgan": ms["bayesgan"] / ms["naive_dcgan"],
        "bayesgan_preset_over_naive_dcgan": ms["bayesgan_preset"] / ms["naive_dcgan"],
        "naive_bayesgan_over_naive_dcgan": ms["naive_bayesgan"] / ms["naive_dcgan"],
        "ensemble_over_naive_ten_dcgans": ms["ensemble"] / ms["naive_ten_dcgans"],
        "dcgan_over_naive_dcgan": ms["dcgan"] / ms["naive_dcgan"],
    }


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SHAPES)))
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    device, found, rows = choose_device("auto"), dict[str, float](), list[dict[str, Any]]()
    for size in map(int, given.sizes.split(",")):
        of_size = measured(size, max(1, given.rounds * 28 // size), device)
        found |= figures(size, of_size, given.rounds, device)
        rows += of_size
        for row in of_size:
            print(f"{size:3d} {row['way']:28s} " + "  ".join(f"{k} {v}" for k, v in row.items() if k in SHOWN))
        if size == 28:
            epoch = next(row["ms"] for row in of_size if row["way"] == "bayesgan_preset") / 1000 * (MNIST / BATCH)
            found["mnist_epoch_s"] = epoch
    # Four digits that count: errors of float32 are smaller than four decimals show.
    print(write_result("speed", {key: float(f"{value:.4g}") for key, value in found.items()}, rows))


SHOWN = (
    "ms",
    "over_naive_dcgan",
    "first_step_s",
    "precision",
    "peak_fraction",
    "gradient_error",
    "sampler_ms",
    "backward_ms",
)

if __name__ == "__main__":
    main()
