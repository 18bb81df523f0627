"""The cells of a table: which run each is, under which digest its row is kept, and what is measured of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from bayesgan.config import Run
from bayesgan.data.labels import Prepared, prepare
from bayesgan.data.sets import load
from bayesgan.errors import Diverged
from bayesgan.levers import choose_device, precision
from bayesgan.machine import machine
from bayesgan.presets import PRESETS
from bayesgan.reproduce.ablations import ABLATIONS
from bayesgan.reproduce.scores import measured, part
from bayesgan.seeds import derive
from bayesgan.serialise import to_config
from bayesgan.store import Store
from bayesgan.training import train
from bayesgan.types import Config

Row = dict[str, Any]
"""What was measured of one cell, as plain values."""

PRESET = {"supervised": "supervised", "dcgan": "dcgan", "w_dcgan": "wgan", "dcgan_10": "ensemble"}
PRESET |= {"bayesgan": "bayesgan"}
COLUMNS = {"published": True, "best": False}  # the papers' settings, or what this package recommends


@dataclass(frozen=True)
class Terms:
    """What all cells of a table share; ``validation``: images set aside to measure on in the place of test images."""

    data: str
    steps: int | None = None
    validation: int = 0
    outside: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data_dir: str | None = None

    def prepared(self, labels: int, seed: int) -> Prepared:
        """Return the data with the labels of one subset."""
        return prepare(load(self.data, self.data_dir), labels, seed, self.validation)


class Job(Protocol):
    """A cell, or a baseline beside it: what it is called, what its row depends on, and the work."""

    @property
    def named(self) -> Row:
        """System, column, number of labels and seed."""
        ...

    @property
    def settings(self) -> str:
        """A digest of all that the row depends on."""
        ...

    @property
    def folder(self) -> str:
        """The name of its run folder: a run goes on on the kind of device that it began on."""
        ...

    @property
    def cost(self) -> int:
        """Roughly in proportion to the time that a run takes; 0 for what is no run."""
        ...

    def work(self, folder: Path) -> Row:
        """Do the work, in a folder of its own, and return what was measured."""
        ...


def digest(values: Any) -> str:
    """Return 16 hex digits that stand for plain values."""
    return f"{derive(json.dumps(values, sort_keys=True)):016x}"


def settings(identity: Row) -> str:
    """Return the digest of a cell's settings from :attr:`Cell.identity`, or from a row that holds the same."""
    return digest([identity[key] for key in ("preset", "seed", "outside")])


@dataclass(frozen=True)
class Cell:
    """A system in a column of the table, or an ablation of it, with one subset of labels; ``seed`` is of everything."""

    terms: Terms
    system: str
    column: str
    labels: int
    seed: int
    ablation: str | None = None

    @property
    def named(self) -> Row:
        """See :class:`Job`; an ablation goes by its own name."""
        name = self.ablation or self.system
        return {"system": name, "column": self.column, "labels": self.labels, "seed": self.seed}

    @cached_property
    def run(self) -> Run:
        """The run; its label subset is drawn by the same seed as its weights."""
        run = PRESETS[PRESET[self.system]](self.terms.data, self.labels, COLUMNS[self.column])
        run = ABLATIONS[self.ablation](run) if self.ablation else run
        run = run if self.terms.steps is None else run.lasting(self.terms.steps)
        terms = {name: getattr(self.terms, name) for name in ("validation", "device", "data_dir")}
        return replace(run, seed=self.seed, label_seed=self.seed, **terms)

    @cached_property
    def preset(self) -> Config:
        """The run without its seed, as plain values; what the machine decides and where the data lie change no row."""
        run = replace(self.run, data_dir=None, device="auto", seed=0, label_seed=0)
        values: Config = to_config(run)
        return values

    @property
    def settings(self) -> str:
        """See :class:`Job`."""
        return settings(self.identity)

    @property
    def device(self) -> torch.device:
        """Where the run is computed."""
        return choose_device(self.terms.device)

    @property
    def folder(self) -> str:
        """See :class:`Job`."""
        return f"{self.settings}-{self.device.type}"

    @property
    def cost(self) -> int:
        """See :class:`Job`: the updates of single networks."""
        learning = [player for name, player in self.run.players.items() if name in self.run.objective.players]
        return self.run.steps * sum(player.particles * player.steps for player in learning)

    @property
    def identity(self) -> Row:
        """What the settings are made of, the preset as a digest; where it is computed only rounds."""
        return {"preset": digest(self.preset), "seed": self.seed, "outside": self.terms.outside}

    def work(self, folder: Path) -> Row:
        """Train, or continue from a checkpoint, and measure; a run that diverges says so.

        A run that was interrupted has no times: part of its work may have been done twice.
        """
        name = machine()["gpu" if self.device.type == "cuda" else "cpu"]
        resumed, wall, processor = (folder / "checkpoint.pt").exists(), time.perf_counter(), time.process_time()
        begun = Store.open(folder).run().precision if resumed else precision(self.run, self.device)
        about = {**self.identity, "device": name, "precision": begun, "steps": self.run.steps}
        try:
            train(self.run, folder, resume=resumed)
            minutes, seconds = (time.perf_counter() - wall) / 60, time.process_time() - processor
            row = measured(folder, part(self.terms.validation), self.terms.outside)
        except Diverged as error:
            return {**about, "failed": str(error)}
        times = {"minutes": round(minutes, 3), "processor_seconds": round(seconds, 2)}
        if self.device.type == "cuda":
            times = {"gpu_minutes": round(minutes, 3)}
        times = {} if resumed else times
        return {**about, "failed": None, **row, **times}
