"""Whether a posterior helps against wrong labels: the digits, some labels replaced by another class, means over splits.

    python benchmarks/wrong_labels.py [--labels 100] [--noise 0,0.3] [--splits 5] [--steps 400] [--methods point,...]
        [--likelihoods labels,consistency] [--jobs 2] [--work runs/wrong_labels] [--add] [--collect]

The supervised network as shipped, and the same sampled by SGHMC in the second half of the run, at temperature 0 (which
is descent, and what the others are held against), 0.1 and 1; and, at four times the cost, four networks as shipped and
four chains at 0.1. Twice over: by the likelihood of the labels alone, which is that of as many data as there are
labels, so that temperature 1 is the posterior; and with consistency, as shipped.
Each split draws its own 500 test images, whose classes stay as they are, its labels, and which of these are wrong.
Finished runs in the work folder are not run again, with --add those of the result file neither. Writes
benchmarks/results/wrong_labels.json and wrong_labels.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
import wrong_labels_table
from mixing import mixing
from resumable import add_flags, completed, digest, finished, names

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.data.labels import prepare
from bayesgan.data.sets import load
from bayesgan.errors import Diverged
from bayesgan.files import write_json
from bayesgan.objectives import Supervised
from bayesgan.presets.common import sampler
from bayesgan.reproduce.scores import measured
from bayesgan.seeds import derive
from bayesgan.training import train

DATA = "digits"
KEPT = 40  # weight samples


def point(run: Run, networks: int = 1) -> Run:
    """Return the run of so many networks: the last weights of Adam answer."""
    player = replace(run.players["discriminator"], particles=networks)
    return replace(run, players=run.players | {"discriminator": player})


def sampled(run: Run, temperature: float, chains: int = 1) -> Run:
    """Return the run whose discriminator is sampled in its second half, as the presets sample theirs."""
    player = sampler(run.players["discriminator"], points=False, published=False)
    half = run.steps // 2
    run = replace(run, players=run.players | {"discriminator": player}, burn_in=half, thin=max(1, half // KEPT))
    return point(run.tempered(temperature), chains)


METHODS: dict[str, Callable[[Run], Run]] = {
    "point": point,
    "temperature 0": partial(sampled, temperature=0.0),
    "temperature 0.1": partial(sampled, temperature=0.1),
    "temperature 1": partial(sampled, temperature=1.0),
    "four points": partial(point, networks=4),
    "four chains": partial(sampled, temperature=0.1, chains=4),
}


def of_labels(run: Run, labels: int) -> Run:
    """Return the run of the labels alone, which then are all data that there are."""
    player = replace(run.players["discriminator"], num_obs=labels)
    return replace(run, objective=Supervised(), players={"discriminator": player})


def with_consistency(run: Run, labels: int) -> Run:
    """Return the run as it is shipped."""
    return run


LIKELIHOODS: dict[str, Callable[[Run, int], Run]] = {"labels": of_labels, "consistency": with_consistency}


@dataclass(frozen=True)
class Job:
    """A method with one likelihood on one split, a share ``noise`` of whose labels is wrong."""

    likelihood: str
    noise: float
    method: str
    labels: int
    split: int
    steps: int
    work: Path

    @property
    def folder(self) -> Path:
        """Where the row lies."""
        name = f"{self.method.replace(' ', '-')}-{self.split}-{self.settings[:8]}"
        return self.work / f"{self.labels}-{self.likelihood}-{self.noise:g}" / name

    @property
    def settings(self) -> str:
        """A digest of all settings of the run and of its data."""
        return digest(self.run(), f"{self.noise:g}")

    def run(self) -> Run:
        """Return the run on the digits as they are; the split decides about weights and batches too."""
        run = LIKELIHOODS[self.likelihood](presets.supervised(DATA, self.labels).lasting(self.steps), self.labels)
        return replace(METHODS[self.method](run), seed=self.split, label_seed=self.split)


def noisy(job: Job, path: Path) -> None:
    """Write the job's digits as an npz: its test part, and its labelled images, the wrong ones in another class."""
    data = load(DATA)
    prepared = prepare(data, job.labels, job.split)
    training, test = prepared.training, prepared.test.open()
    rng = np.random.default_rng(derive("noise", job.split))
    # The same images are wrong, in the same way, at every share that is large enough.
    wrong = rng.permutation(len(training.labels)) < job.noise * len(training.labels)
    other = (training.labels + rng.integers(1, len(data.classes), len(training.labels))) % len(data.classes)
    y = np.full(len(training.images), -1)
    y[training.labelled] = np.where(wrong, other, training.labels)
    parts: dict[str, Any] = {"x_train": training.images, "x_test": test.images, "y_test": test.labels}
    np.savez(path, y_train=y, **parts)


def perform(job: Job) -> dict[str, Any]:
    """Train and measure on one thread."""
    torch.set_num_threads(1)
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    data, folder = job.folder / "digits.npz", job.folder / "run"
    noisy(job, data)
    row: dict[str, Any] = {key: getattr(job, key) for key in ("labels", "likelihood", "noise", "method", "split")}
    try:
        train(replace(job.run(), data=str(data), labels="all"), folder)
        row |= {"failed": None, **measured(folder, "test", None), "mixing": mixing(folder)}
    except Diverged as error:
        row["failed"] = str(error)
    shutil.rmtree(folder, ignore_errors=True)
    data.unlink()
    write_json(job.folder / "row.json", row | {"steps": job.steps, "settings": job.settings})
    return row


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one split after the other."""
    return [
        Job(likelihood, float(noise), method, options.labels, split, options.steps, options.work)
        for split in range(options.splits)
        for likelihood in options.likelihoods
        for noise in options.noise
        for method in options.methods
    ]


def main() -> None:
    """Run what is not finished, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--noise", type=names, default=["0", "0.3"])
    parser.add_argument("--likelihoods", type=names, default=[*LIKELIHOODS])
    parser.add_argument("--methods", type=names, default=[*METHODS])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    add_flags(parser, "wrong_labels")
    options = parser.parse_args()
    if done := completed(perform, planned(options), common.result_path("wrong_labels"), options):
        rows = [finished(job) or {} for job in done]
        common.publish("wrong_labels", rows, wrong_labels_table)


if __name__ == "__main__":
    main()
