"""Fakes spread over the generators against as many for each: python benchmarks/fakes.py [--sets ring,mnist] [--jobs 2].

The Bayesian GAN, recommended settings but for the fakes, no labels: ``spread`` shares one budget of codes out among its
ten generators, ``each`` gives every one the whole budget, ten times the work. Modes, and the distance that an
independent critic finds between samples and test images; means over seeds, with the standard deviation of a seed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from common import write_result

from bayesgan import presets
from bayesgan.evaluate import evaluate
from bayesgan.training import train

WAYS = {"spread": True, "each": False}
BUDGET = {"ring": 128, "mnist": 64}  # codes of a step
STEPS = {"ring": 4000, "mnist": 300}
MEASURES = ("modes", "quality", "distance", "seconds")


def one_run(data: str, way: str, seed: int, steps: int) -> dict[str, Any]:
    """Train and measure on one thread."""
    torch.set_num_threads(1)
    budget = {"noise_batch": BUDGET[data], "spread": WAYS[way]}
    run = replace(presets.bayesgan(data).lasting(steps), seed=seed, **budget)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(run, Path(folder) / "run")
        seconds = time.perf_counter() - start
        metrics = evaluate(Path(folder) / "run", ["modes", "critic"])["metrics"]
    modes = metrics["modes"]
    found = {"modes": modes["value"], "of": modes["of"], "quality": modes.get("quality")}
    more = {"distance": metrics["critic"]["value"], "seconds": round(seconds, 1)}
    return {"data": data, "way": way, "seed": seed, "steps": steps, **found, **more}


def rows(jobs: list[tuple[str, str, int, int]], at_once: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of all jobs as they are finished."""
    with ProcessPoolExecutor(at_once, get_context("spawn"), max_tasks_per_child=1) as pool:
        pending = [pool.submit(one_run, *job) for job in jobs]
        try:
            for done in as_completed(pending):
                print(done.result(), flush=True)
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def figures(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return means over seeds, and standard deviations of a seed."""
    values: dict[str, float] = {}
    for data, way in dict.fromkeys((row["data"], row["way"]) for row in found):
        mine = [row for row in found if (row["data"], row["way"]) == (data, way)]
        for measure in MEASURES:
            numbers = [row[measure] for row in mine if row[measure] is not None]
            if numbers:
                values[f"{data}.{way}.{measure}"] = round(statistics.mean(numbers), 4)
            if len(numbers) > 1:
                values[f"{data}.{way}.{measure}_sd"] = round(statistics.stdev(numbers), 4)
    return values


def main() -> None:
    """Run all seeds and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="ring,mnist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    jobs = [
        (data, way, seed, given.steps or STEPS[data])
        for data in given.sets.split(",")
        for seed in range(given.seeds)
        for way in WAYS
    ]
    found = sorted(
        rows(jobs, given.jobs), key=lambda row: jobs.index((row["data"], row["way"], row["seed"], row["steps"]))
    )
    print(write_result("fakes", figures(found), found))


if __name__ == "__main__":
    main()
