"""The rows of a table on disk, a file per finished cell, so that an interrupted command continues."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from bayesgan.errors import DataError, UsageError
from bayesgan.files import write_json
from bayesgan.reproduce.cells import Cell, Job, Row, digest, settings
from bayesgan.serialise import from_config, to_config
from bayesgan.types import Config


@dataclass(frozen=True)
class Rows:
    """The work folder of a table; ``keep``: the run folders of finished cells too, which fill a disk soon."""

    folder: Path
    keep: bool = False

    def path(self, job: Job) -> Path:
        """Return where the row of a job lies: equal settings share one, whatever they are called."""
        return self.folder / "rows" / f"{job.settings}.json"

    def finished(self, job: Job) -> Row | None:
        """Return the row of a job, under its name, or None where it is still to be done."""
        path = self.path(job)
        if not path.exists():
            return None
        row: Row = read_json(path)
        return {**job.named, "settings": job.settings, **row}

    def perform(self, job: Job) -> Row:
        """Do the work of a job on one thread, write its row and return it.

        A run folder without a checkpoint cannot be continued, and is begun anew.
        """
        folder = self.folder / "runs" / job.folder
        if not (folder / "checkpoint.pt").exists():
            shutil.rmtree(folder, ignore_errors=True)
        with one_thread():
            row = job.work(folder)
        write_json(self.path(job), row)
        if not self.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return self.finished(job) or {}

    def take_over(self, jobs: Iterable[Job], file: Path) -> None:
        """Write the rows of an earlier result file that have today's settings. Raises a DataError for another file."""
        rows = result_rows(file)
        today = {row["preset"]: renewed(row["config"]) for row in rows if "config" in row}
        known = {todays_settings(row, today): row for row in rows if "settings" in row}
        for job in jobs:
            if job.settings in known and not self.path(job).exists():
                kept = {k: v for k, v in known[job.settings].items() if k not in {"settings", *job.named}}
                write_json(self.path(job), kept | ({"preset": today[kept["preset"]]} if "preset" in kept else {}))


def presets(jobs: Iterable[Job]) -> list[Row]:
    """Return what the digests of presets stand for, once each, so that later versions can tell whether it is theirs."""
    configs = {digest(job.preset): job.preset for job in jobs if isinstance(job, Cell)}
    return [{"preset": key, "config": config} for key, config in configs.items()]


def renewed(config: Config) -> str | None:
    """Return the digest that this version gives to an earlier one's preset, None where it knows no such settings.

    Fields that have come since have their defaults there, which is what they were.
    """
    try:
        return digest(to_config(from_config(config)))
    except UsageError:
        return None


def todays_settings(row: Row, today: dict[str, str | None]) -> str:
    """Return the settings of an earlier row as this version would name them."""
    return settings(row | {"preset": today.get(row["preset"])}) if "preset" in row else str(row["settings"])


def result_rows(file: Path) -> list[Row]:
    """Return the rows of a result file."""
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise DataError(f"{file} is not the result of a reproduction: it has no rows")
    return [row for row in content["rows"] if isinstance(row, dict)]


def read_json(path: Path) -> Row:
    """Return the content of a JSON file."""
    try:
        content: Row = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path} is not valid JSON: delete it, and its cell is done again") from None
    return content


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: so that times compare, and processes beside each other do not fight for cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
