"""What an iteration of every system costs: interleaved in one process on one thread, by its processor time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from bayesgan import presets
from bayesgan.build import initialise
from bayesgan.data.batches import Batches
from bayesgan.data.labels import open_data
from bayesgan.data.toy import CENTRES
from bayesgan.iteration import iterate

REPEATS = {True: 100, False: 5}  # on points, on images


def seconds_per_1000_steps(systems: Sequence[str], data: str) -> dict[str, tuple[float, float]]:
    """Return the median over iterations of the burn-in and their standard deviation, for 1,000 iterations."""
    torch.set_num_threads(1)
    cpu, parts = torch.device("cpu"), {}
    for system in systems:
        run = replace(presets.PRESETS[system](data), precision="32")
        training = open_data(run).training
        run = run.resolved(len(training.images))
        parts[system] = run, initialise(run, training, cpu), Batches(run, training, cpu)
    taken: dict[str, list[float]] = {system: [] for system in systems}
    for _ in range(1 + REPEATS[data in CENTRES]):
        for system, (run, state, batches) in parts.items():
            start = time.process_time()
            iterate(run, state, batches)
            state.step += 1
            taken[system].append(1000 * (time.process_time() - start))
    # The first iteration allocates.
    return {s: (statistics.median(times[1:]), statistics.stdev(times[1:])) for s, times in taken.items()}
