"""One run of benchmarks/systems.py: train a system, measure it, and leave a row and its samples in the work folder."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from resumable import digest

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.data.toy import CENTRES
from bayesgan.errors import Diverged
from bayesgan.files import write_json
from bayesgan.images import save_images
from bayesgan.measures import METRICS
from bayesgan.subject import Subject, open_subject
from bayesgan.training import train

SAMPLES, SHOWN = 2500, {True: 2500, False: 100}  # drawn; kept, of points and of images
MEASURES = {"modes": "modes", "diversity": "diversity", "critic": "critic_distance"}
MEASURES |= {"reconstruction": "reconstruction_error"}


@dataclass(frozen=True)
class Job:
    """Which system is trained on what, how long, by which seed; ``work``: the folder of all rows."""

    system: str
    data: str
    seed: int
    steps: int
    work: Path

    @property
    def folder(self) -> Path:
        """Where the row lies."""
        return self.work / f"{self.data}-{self.steps}" / f"{self.system}-{self.seed}"

    def run(self) -> Run:
        """Return the recommended run of the system, without labels; in float32, on whatever machine."""
        run = presets.PRESETS[self.system](self.data).lasting(self.steps)
        return replace(run, seed=self.seed, precision="32")

    @property
    def settings(self) -> str:
        """A digest of all settings of the run."""
        return digest(self.run())


def perform(job: Job) -> dict[str, Any]:
    """Train and measure; a run that fails says why."""
    torch.set_num_threads(1)
    shutil.rmtree(job.folder, ignore_errors=True)
    row: dict[str, Any] = {"system": job.system, "data": job.data, "seed": job.seed, "steps": job.steps}
    try:
        train(job.run(), job.folder / "run")
        row |= measured(open_subject(job.folder / "run", SAMPLES, 0), job)
        row["failed"] = failure(row)
    except Diverged as error:
        row["failed"] = str(error)
    # The banks of all runs together would fill the disk.
    shutil.rmtree(job.folder / "run", ignore_errors=True)
    write_json(job.folder / "row.json", row | {"settings": job.settings})
    return row


def measured(s: Subject, job: Job) -> dict[str, Any]:
    """Return what was measured of a trained run, and save its samples."""
    save_images(job.folder / "samples.png", s.samples[: SHOWN[job.data in CENTRES]])
    np.savez_compressed(job.folder / "samples.npz", samples=s.samples[: SHOWN[job.data in CENTRES]].numpy())
    row: dict[str, Any] = {}
    for metric, name in MEASURES.items():
        if METRICS[metric].applies(s):
            entry = METRICS[metric].measure(s)
            row |= {name: entry.pop("value"), **{f"{name}_{key}": v for key, v in entry.items() if key != "protocol"}}
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}


def failure(row: dict[str, Any]) -> str | None:
    """Return why a run failed: a number that is none, or less than half of the modes; None where it did not."""
    broken = [key for key, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    if broken:
        row |= dict.fromkeys(broken)
        return f"not finite: {', '.join(broken)}"
    return f"found {row['modes']} of {row['modes_of']} modes" if 2 * row["modes"] < row["modes_of"] else None
