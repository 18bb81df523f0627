"""From the flags of a command to the cells of a table; what is wrong with them is said before hours are spent."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from bayesgan.check import check
from bayesgan.errors import DataError, UsageError
from bayesgan.measures.classes import outside_images
from bayesgan.reproduce import published
from bayesgan.reproduce.ablations import ABLATIONS
from bayesgan.reproduce.cells import COLUMNS, PRESET, Cell, Job, Terms
from bayesgan.reproduce.options import Options, names, numbers
from bayesgan.reproduce.spreading import Spreading

OUTSIDE = {"mnist": "fashion-mnist", "fashion-mnist": "mnist"}  # what a classifier of a set should not be sure about


@dataclass(frozen=True)
class Plan:
    """What is to be done: the cells of a table, seed by seed, so that what is there early says something early."""

    terms: Terms
    labels: tuple[int, ...]
    seeds: tuple[int, ...]
    systems: tuple[str, ...]
    columns: tuple[str, ...]
    ablations: tuple[str, ...]

    def jobs(self) -> list[Job]:
        """Return all cells, the baseline beside them, and the ablations of the best Bayesian GAN."""
        return [job for seed in self.seeds for labels in self.labels for job in self.of(labels, seed)]

    def of(self, labels: int, seed: int) -> list[Job]:
        """Return those of one subset of labels."""
        cells = [Cell(self.terms, s, column, labels, seed) for column in self.columns for s in self.systems]
        cells += [Cell(self.terms, "bayesgan", "best", labels, seed, name) for name in self.ablations]
        return [Spreading(self.terms, labels, seed), *cells]


def planned(options: Options) -> Plan:
    """Return the plan of a command, held against the data. Raises UsageError and DataError."""
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: expected at least 1")
    if options.columns == "none":
        raise UsageError(f"--columns none: expected {', '.join(COLUMNS)}, or all")
    if options.result is not None and options.result.suffix != ".json":
        raise UsageError(f"--result {options.result}: expected a .json file; .md and .png are written beside it")
    plan = Plan(
        terms(options),
        labels(options),
        numbers("seeds", options.seeds),
        names("systems", options.systems, PRESET),
        names("columns", options.columns, COLUMNS),
        names("ablations", options.ablations, ABLATIONS),
    )
    fits(plan)
    return plan


def terms(options: Options) -> Terms:
    """Return what the flags say of all cells."""
    outside = OUTSIDE.get(options.data) if options.outside is None else options.outside
    folder = None if options.data_dir is None else str(options.data_dir)
    outside = None if outside == "none" else outside
    return Terms(options.data, options.steps, options.validation, outside, options.device, folder)


def labels(options: Options) -> tuple[int, ...]:
    """Return the numbers of labels, the paper's where none are given."""
    found = numbers("labels", options.labels) if options.labels else published.labels_of(options.data)
    if not found:
        others = ", ".join(published.TABLE)
        raise UsageError(f"give --labels: the paper's table has none for {options.data}, but for {others}")
    if 0 in found:
        raise UsageError("--labels 0: expected at least one label of each class")
    return found


def fits(plan: Plan) -> None:
    """Raise what is wrong with data, labels and settings, before hours are spent."""
    for count in plan.labels:
        prepared = plan.terms.prepared(count, plan.seeds[0])
        data = prepared.training
        if len(data.shape) != 3:
            raise UsageError(f"--data {data.name}: the table is one of images, and {data.name} has points")
        if (prepared.validation or prepared.test).open().labels is None:
            raise DataError(f"the test images of {data.name} have no labels to count errors by")
        for job in plan.of(count, plan.seeds[0]):
            if isinstance(job, Cell):
                check(job.run.resolved(len(data.images)), data)
    if plan.terms.outside:
        outside_images(plan.terms.outside, plan.terms.data_dir, data.shape)


def writable(path: Path) -> None:
    """Raise a DataError where a file cannot be written, as far as can be told without writing it."""
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
        raise DataError(f"cannot write {path}: choose another --result")


def command(options: Options, plan: Plan) -> str:
    """Return the command that makes the table, without what changes no number."""
    said = {"data": options.data, "labels": ",".join(map(str, plan.labels)), "seeds": options.seeds}
    plain = Options()
    for name in ("systems", "columns", "ablations", "steps", "validation", "outside"):
        if getattr(options, name) != getattr(plain, name):
            said[name] = str(getattr(options, name))
    flags = [part for name, value in said.items() for part in (f"--{name}", value)]
    return shlex.join(["bayesgan", "reproduce", "semi-supervised", *flags])
