"""The rows of a table on disk, a file per finished cell, so that an interrupted command continues."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from bayesgan.errors import DataError
from bayesgan.files import write_json
from bayesgan.reproduce.cells import Job, Row
from bayesgan.reproduce.results import read_json, renewed, result_rows, todays_settings

CONTINUED = ("checkpoint.pt", "config.toml", "split.json", "env.json")  # what a run folder needs to be continued


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
        row: Row = read_json(path, "delete it, and its cell is done again")
        return {**job.named, "settings": job.settings, **row}

    def perform(self, job: Job) -> Row:
        """Do the work of a job on one thread, write its row and return it.

        A run folder that lacks what a run continues from is begun anew.
        """
        folder = self.folder / "runs" / job.folder
        if not all((folder / name).exists() for name in CONTINUED):
            shutil.rmtree(folder, ignore_errors=True)
        with one_thread():
            row = job.work(folder)
        write_json(self.path(job), row)
        if not self.keep:
            shutil.rmtree(folder, ignore_errors=True)
        return self.finished(job) or {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands out while this one works. Raises a DataError where one is there, or no folder can be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            opened = (self.folder / ".lock").open("w")
        except OSError as error:
            raise DataError(f"cannot write {self.folder}: {error.strerror or error}") from None
        with opened as file:
            if not locked(file):
                raise DataError(f"another command works in {self.folder}; let it end, or choose another --out")
            yield

    def take_over(self, jobs: Sequence[Job], file: Path) -> int:
        """Write the rows of an earlier result file that have today's settings; return how many jobs have one now.

        Raises a DataError for another file.
        """
        rows = result_rows(file)
        today = {row["preset"]: renewed(row["config"]) for row in rows if "config" in row}
        known = {todays_settings(row, today): row for row in rows if "config" not in row}
        for job in jobs:
            if job.settings in known and not self.path(job).exists():
                kept = {k: v for k, v in known[job.settings].items() if k not in {"settings", *job.named}}
                write_json(self.path(job), kept | ({"preset": today[kept["preset"]]} if "preset" in kept else {}))
        return sum(job.settings in known for job in jobs)


def locked(file: IO[str]) -> bool:
    """Lock a file until it is closed; return False where another process has. Where there are no locks, no one has."""
    if os.name != "posix":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # or a file system that knows of no locks
        return not isinstance(error, BlockingIOError)
    return True


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: so that times compare, and processes beside each other do not fight for cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
