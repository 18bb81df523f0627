"""One run of benchmarks/posterior.py: train a method, measure it, and leave a row in the work folder."""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import torch
from mixing import mixing
from posterior_methods import METHODS, operations
from resumable import digest

from bayesgan.config import Run
from bayesgan.data.toy import mixed
from bayesgan.errors import Diverged
from bayesgan.evaluate import evaluate
from bayesgan.files import write_json
from bayesgan.images import save_images
from bayesgan.metrics.divergence import plane_divergence
from bayesgan.predict import Posterior
from bayesgan.serialise import assigned
from bayesgan.training import train

SHOWN = 100


@dataclass(frozen=True)
class Part:
    """A question: the data it is asked on, what is measured on how many samples, and for how long.

    ``steps``: iterations of the Bayesian GAN. ``shares`` of that budget: each is a run of its own, whose burn-in and
    schedules fit its length. ``changes``: settings ``KEY=VALUE`` of all methods. ``beyond``: how many times the budget
    the recommended method has once more, by itself.
    """

    sets: tuple[str, ...]
    steps: int
    samples: int
    metrics: tuple[str, ...] = ()
    shares: tuple[float, ...] = (1.0,)
    labels: int | None = None
    outside: str | None = None
    changes: tuple[str, ...] = ()
    beyond: int = 1


SCORES = ("error", "nll", "ece", "outside")
PARTS = {
    "synthetic": Part(("synthetic", "synthetic-500"), 1000, 10_000, shares=(1 / 8, 1 / 4, 1 / 2, 1)),
    # On images set aside one DCGAN left modes out by the presets' game, and none by this one.
    "stacked": Part(("stacked-mnist",), 4000, 26_000, ("modes",), changes=("objective.kind=Relativistic",), beyond=4),
    "calibration": Part(("mnist",), 2000, 2500, SCORES, labels=100, outside="fashion-mnist"),
}


@dataclass(frozen=True)
class Job:
    """Which method is trained on what by which seed, for ``steps`` of its own or ``budget`` of the Bayesian GAN's.

    ``validation``: training images to set aside and measure on instead of the test images. ``changes``: settings
    ``KEY=VALUE`` on top of the preset's. ``alone``: other methods have no such budget.
    """

    part: str
    data: str
    method: str
    seed: int
    budget: int
    steps: int
    work: Path
    validation: int = 0
    changes: tuple[str, ...] = ()
    alone: bool = False

    @property
    def folder(self) -> Path:
        """Where the row lies; another setting has another folder, so that what lies there can be resumed."""
        return self.work / f"{self.data}-{self.budget}" / f"{self.method}-{self.seed}-{self.settings[:8]}"

    def run(self) -> Run:
        """Return the run: its seed decides about weights, batches and labels alike."""
        part = PARTS[self.part]
        run = assigned(METHODS[self.method].run(self.data, part.labels), part.changes).lasting(self.steps)
        run = replace(run, seed=self.seed, label_seed=self.seed, validation=self.validation)
        return assigned(run, self.changes)

    @property
    def settings(self) -> str:
        """A digest of all settings of the run, and of the number of samples."""
        return digest(self.run(), PARTS[self.part].samples)


def perform(job: Job) -> dict[str, Any]:
    """Train and measure; a run that fails says why, and one that was interrupted goes on."""
    torch.set_num_threads(1)
    row: dict[str, Any] = {key: getattr(job, key) for key in ("part", "data", "method", "seed", "budget", "steps")}
    part = PARTS[job.part]
    row["operations"] = job.steps * operations(
        METHODS[job.method].preset, job.data, part.labels, (*part.changes, *job.changes)
    )
    folder, start = job.folder / "run", time.process_time()
    resumed = (folder / "checkpoint.pt").exists()
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        train(job.run(), folder, resume=resumed, progress=parent_process() is None and sys.stderr.isatty())
        # Of a run that was interrupted, the first part's seconds are gone.
        row |= {"seconds": None if resumed else round(time.process_time() - start, 1), "failed": None}
        row |= {**measured(job, folder), "mixing": mixing(folder)}
    except Diverged as error:
        row["failed"] = str(error)
    # The banks of all runs together would fill the disk.
    shutil.rmtree(folder, ignore_errors=True)
    write_json(job.folder / "row.json", row | {"settings": job.settings})
    return row


def measured(job: Job, folder: Path) -> dict[str, Any]:
    """Return what was measured of a trained run; of images, save some samples."""
    part, where = PARTS[job.part], "validation" if job.validation else "test"
    if job.part == "synthetic":
        row = divergence(job.data, where, Posterior.load(folder).sample(part.samples))
    else:
        save_images(job.folder / "samples.png", Posterior.load(folder).sample(SHOWN))
        found = evaluate(folder, part.metrics, part.samples, part=where, outside=part.outside)["metrics"]
        row = numbers({name: found[name] for name in part.metrics})
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}


def divergence(data: str, where: str, samples: torch.Tensor) -> dict[str, float]:
    """Return the divergence of samples from as many new points of the known distribution, and of others of these.

    The set's own test points are too few: chance alone would be larger than what the methods differ by.
    """
    words = (f"posterior benchmark, {where}", "posterior benchmark, beside it")
    real, beside = (torch.from_numpy(mixed(data, word, len(samples)).images) for word in words)
    return {"jsd": plane_divergence(real, samples), "jsd_real": plane_divergence(real, beside)}


def numbers(found: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of an evaluation under the names of the result file."""
    row: dict[str, Any] = {name: entry["value"] for name, entry in found.items()}
    if "modes" in found:
        modes = found["modes"]
        real = {"modes_real": modes["real"], "reverse_kl_real": modes["reverse_kl_real"]}
        return {"modes": modes["value"], "reverse_kl": modes["reverse_kl"], **real}
    doubt = row.pop("outside")
    count = found["error"]["protocol"]["n_real"]
    row = {"errors": round(row.pop("error") * count / 100), **row, "auroc": doubt.pop("entropy")}
    return row | {f"auroc_{name}": value for name, value in doubt.items()}
