"""What the settings of the recommended classifier are worth, one changed at a time, on images set aside from training.

    BAYESGAN_DATA=DIR python benchmarks/recipe.py [--sets mnist,digits] [--changes shipped,...] [--subsets 3]
        [--labels 100] [--steps N,...] [--jobs 2] [--work runs/recipe] [--add] [--collect]

The supervised network with consistency, which is the discriminator of every system here; errors on 10,000 training
images of MNIST or Fashion-MNIST, 400 of the digits or 5,000 of CIFAR-10 that are set aside; no test image is opened. Every change sees
the same subsets of labels. Finished runs in the work folder are not run again, with --add those of the result file
neither, and a run that was interrupted goes on. Writes benchmarks/results/recipe.json and recipe.md.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import common
import recipe_table
import torch
from resumable import add_flags, completed, digest, finished, names

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.errors import Diverged
from bayesgan.evaluate import evaluate
from bayesgan.serialise import assigned
from bayesgan.store import write_json
from bayesgan.training import train

ASIDE = {"mnist": 10_000, "fashion-mnist": 10_000, "digits": 400, "cifar10": 5000}
STEPS = {"mnist": 4000, "fashion-mnist": 4000, "digits": 800, "cifar10": 3000}
READERS = ("discriminator", "teacher")
CHANGES: dict[str, tuple[str, ...]] = {
    "shipped": (),
    "warps the same at every size": ("augment.side=none",),
    "warps without scale and shear": ("augment.scale=0", "augment.shear=0"),
    "larger shifts": ("augment.shift=0.12", "augment.elastic=0.075"),
    "smaller shifts": ("augment.shift=0.05", "augment.elastic=0.03"),
    "no warps": ("augment=none",),
    "wider warps": ("augment.rotation=15", "augment.scale=0.15", "augment.shear=0.2"),
    "no cutout": ("augment.cutout=0",),
    "larger cutout": ("augment.cutout=0.6",),
    "teacher's view weaker": ("augment.weak=0.25",),
    "teacher's view as strong": ("augment.weak=1.0",),
    "twice the labelled images a step": ("labelled_batch=64",),
    "consistency weight 1": ("objective.consistency.weight=1.0",),
    "consistency weight 2": ("objective.consistency.weight=2.0",),
    "consistency weight 5": ("objective.consistency.weight=5.0",),
    "consistency weight 10": ("objective.consistency.weight=10.0",),
    "targets not sharpened": ("objective.consistency.temperature=1.0",),
    "targets sharpened": ("objective.consistency.temperature=0.5",),
    "targets sharper": ("objective.consistency.temperature=0.3",),
    "targets not balanced": ("objective.consistency.balance=1000.0",),
    "teacher's decay 0.98": ("players.teacher.inference.decay=0.98",),
    "teacher's decay 0.95": ("players.teacher.inference.decay=0.95",),
    "teacher's decay 0.9": ("players.teacher.inference.decay=0.9",),
    "teacher's decay 0.8": ("players.teacher.inference.decay=0.8",),
    "teacher's power 4": ("players.teacher.inference.power=4",),
    "teacher's power 12": ("players.teacher.inference.power=12",),
    "larger shifts and teacher's power 12": (
        "augment.shift=0.12",
        "augment.elastic=0.075",
        "players.teacher.inference.power=12",
    ),
    "larger steps": ("players.discriminator.inference.lr=0.006",),
    "half the step size": ("players.discriminator.inference.lr=0.002",),
    "four starts": ("starts.chains=4",),
    "four starts and teacher's power 12": ("starts.chains=4", "players.teacher.inference.power=12"),
    "four chains": ("players.discriminator.particles=4",),
    "two convolutions a stage": tuple(f"players.{name}.network.depth=2" for name in READERS),
    "ResNet": tuple(f"players.{name}.network.kind=ResNet" for name in READERS),
}
FASTER = "teacher's decay 0.95"
BESIDE = ("warps the same at every size", "wider warps", "no cutout", "larger cutout")
BESIDE += ("teacher's view weaker", "teacher's view as strong", "twice the labelled images a step")
BESIDE += ("consistency weight 2", "consistency weight 10", "targets sharper")
BESIDE += ("half the step size", "larger steps", "four starts", "four chains")
CHANGES |= {f"{name} and {FASTER}": (*CHANGES[name], *CHANGES[FASTER]) for name in BESIDE}


@dataclass(frozen=True)
class Job:
    """A change, tried on one subset of the labels of a set."""

    data: str
    labels: int
    change: str
    subset: int
    steps: int | None
    work: Path

    @property
    def folder(self) -> Path:
        """Where the row lies."""
        name = f"{self.change.replace(' ', '-')}-{self.subset}-{self.settings[:8]}"
        return self.work / f"{self.data}-{self.labels}" / name

    @property
    def settings(self) -> str:
        """A digest of all settings of the run."""
        return digest(self.run())

    def run(self) -> Run:
        """Return the run; its seed decides about weights, batches, labels and the images set aside."""
        run = presets.supervised(self.data, self.labels).lasting(self.steps or STEPS[self.data])
        run = assigned(run, CHANGES[self.change])
        return replace(run, seed=self.subset, label_seed=self.subset, validation=ASIDE[self.data])


def perform(job: Job) -> dict[str, Any]:
    """Train and measure on one thread; a run that was interrupted goes on."""
    torch.set_num_threads(1)
    keys = ("data", "labels", "change", "subset", "settings")
    row: dict[str, Any] = {key: getattr(job, key) for key in keys} | {"steps": job.run().steps}
    folder = job.folder / "run"
    resumed = (folder / "checkpoint.pt").exists()
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        train(job.run(), folder, resume=resumed)
        metrics = evaluate(folder, ["error", "nll", "ece"], part="validation")["metrics"]
        row |= {"failed": None, **{name: round(metrics[name]["value"], 6) for name in ("error", "nll", "ece")}}
    except Diverged as error:
        row["failed"] = str(error)
    shutil.rmtree(folder, ignore_errors=True)
    write_json(job.folder / "row.json", row)
    return row


def numbers(text: str) -> list[int]:
    """Return a comma-separated list of whole numbers."""
    return [int(n) for n in text.split(",")]


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one subset after the other, without changes that change nothing on their set."""
    subsets = range(options.subsets)
    runs = product(subsets, options.sets, options.labels, options.changes, options.steps)
    distinct: dict[str, Job] = {}
    for subset, data, labels, change, steps in runs:
        job = Job(data, labels, change, subset, steps, options.work)
        distinct.setdefault(job.settings, job)
    return [*distinct.values()]


def main() -> None:
    """Run what is not finished, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names, default=["mnist", "digits"])
    parser.add_argument("--changes", type=names, default=[*CHANGES])
    parser.add_argument("--labels", type=numbers, default=[100])
    parser.add_argument("--subsets", type=int, default=3)
    how = "for all sets; 4,000 on MNIST and Fashion-MNIST, 3,000 on CIFAR-10 and 800 on the digits if left out"
    parser.add_argument("--steps", type=numbers, default=[None], help=how)
    add_flags(parser, "recipe")
    options = parser.parse_args()
    if done := completed(perform, planned(options), common.RESULTS / "recipe.json", options):
        rows = [finished(job) or {} for job in done]
        common.publish("recipe", rows, recipe_table)


if __name__ == "__main__":
    main()
