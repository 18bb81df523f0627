"""What the settings of the recommended classifier are worth, one changed at a time, on images set aside from training.

    BAYESGAN_DATA=DIR python benchmarks/recipe.py [--sets mnist,digits] [--bases shipped,...] [--changes none,...]
        [--subsets 3] [--labels 100] [--steps N,...] [--jobs 2] [--work runs/recipe] [--add] [--collect]

The supervised network with consistency, which is the discriminator of every system here; errors on 10,000 training
images of MNIST or Fashion-MNIST, 400 of the digits or 5,000 of CIFAR-10 that are set aside; no test image is opened.
Every change sees the same subsets of labels. Finished runs in the work folder are not run again, and one that was
interrupted goes on; with --add, runs of the result file that today's settings would repeat stay in it, asked for or
not. Writes benchmarks/results/recipe.json and recipe.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import common
import recipe_table
import torch
from recipe_changes import BASES, CHANGES
from resumable import add_flags, completed, digest, finished, names

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.errors import Diverged
from bayesgan.evaluate import evaluate
from bayesgan.files import write_json
from bayesgan.machine import machine
from bayesgan.serialise import assigned
from bayesgan.training import train

ASIDE = {"mnist": 10_000, "fashion-mnist": 10_000, "digits": 400, "cifar10": 5000}
STEPS = {"mnist": 4000, "fashion-mnist": 4000, "digits": 800, "cifar10": 3000}
NAMES = ("data", "labels", "steps", "base", "change", "subset")


@dataclass(frozen=True)
class Job:
    """A change to a base, tried on one subset of the labels of a set."""

    data: str
    labels: int
    steps: int
    base: str
    change: str
    subset: int
    work: Path

    @property
    def folder(self) -> Path:
        """Where the row lies, of whatever bases and changes come to these settings."""
        return self.work / f"{self.data}-{self.labels}" / f"{self.subset}-{self.settings}"

    @cached_property
    def settings(self) -> str:
        """A digest of all settings of the run."""
        return digest(self.run())

    @property
    def named(self) -> dict[str, Any]:
        """What a row says of its job."""
        return {key: getattr(self, key) for key in (*NAMES, "settings")}

    @property
    def place(self) -> tuple[int, ...]:
        """Where the row stands in the tables."""
        base, change = list(BASES).index(self.base), list(CHANGES).index(self.change)
        return list(ASIDE).index(self.data), self.labels, self.steps, base, change, self.subset

    @property
    def idle(self) -> bool:
        """Whether the change changes nothing of its base."""
        return self.change != "none" and self.settings == replace(self, change="none").settings

    def run(self) -> Run:
        """Return the run; its seed decides about weights, batches, labels and the images set aside."""
        run = presets.supervised(self.data, self.labels).lasting(self.steps)
        run = assigned(run, (*BASES[self.base], *CHANGES[self.change]))
        return replace(run, seed=self.subset, label_seed=self.subset, validation=ASIDE[self.data])


def perform(job: Job) -> dict[str, Any]:
    """Train and measure on one thread; a run that was interrupted goes on."""
    torch.set_num_threads(1)
    here = machine()
    row = job.named | {"device": here["gpu"] or here["cpu"]}
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
    """Return all runs, one subset after the other, without changes that change nothing of their base."""
    subsets = range(options.subsets)
    runs = product(subsets, options.sets, options.labels, options.steps, options.bases, options.changes)
    jobs = [Job(data, n, t or STEPS[data], base, change, s, options.work) for s, data, n, t, base, change in runs]
    jobs += kept(options.work) if options.add else []
    return [*{(job.base, job.settings): job for job in reversed(jobs) if not job.idle}.values()][::-1]


def kept(work: Path) -> list[Job]:
    """Return the runs of the result file that today's settings would repeat, and say which they would not."""
    result = common.result_path("recipe")
    rows = json.loads(result.read_text())["rows"] if result.exists() else []
    jobs = []
    for row in (row for row in rows if "settings" in row):
        known = row.get("base") in BASES and row["change"] in CHANGES and row["data"] in ASIDE
        job = Job(**{key: row[key] for key in NAMES}, work=work) if known else None
        if job and job.settings == row["settings"]:
            jobs.append(job)
        else:
            print("not kept, its settings are others today:", row)
    return jobs


def main() -> None:
    """Run what is not finished, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names, default=["mnist", "digits"])
    parser.add_argument("--bases", type=names, default=["shipped"])
    parser.add_argument("--changes", type=names, default=[*CHANGES])
    parser.add_argument("--labels", type=numbers, default=[100])
    parser.add_argument("--subsets", type=int, default=3)
    how = "for all sets; 4,000 on MNIST and Fashion-MNIST, 3,000 on CIFAR-10 and 800 on the digits if left out"
    parser.add_argument("--steps", type=numbers, default=[None], help=how)
    add_flags(parser, "recipe")
    options = parser.parse_args()
    jobs = planned(options)
    distinct = [*{job.settings: job for job in jobs}.values()]
    if completed(perform, distinct, common.result_path("recipe"), options):
        done = [job for job in sorted(jobs, key=lambda job: job.place) if finished(job) is not None]
        common.publish("recipe", [(finished(job) or {}) | job.named for job in done], recipe_table)


if __name__ == "__main__":
    main()
