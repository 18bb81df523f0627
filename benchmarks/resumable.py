"""What benchmarks of many runs share: rows in a work folder that are not measured twice, and runs in processes."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bayesgan.config import Run
from bayesgan.files import write_json
from bayesgan.levers import choose_device, precision
from bayesgan.seeds import derive
from bayesgan.serialise import to_config

Row = dict[str, Any]


class Planned(Protocol):
    """A run with a folder of its own and a digest of its settings."""

    @property
    def folder(self) -> Path:
        """Where the row lies."""

    @property
    def settings(self) -> str:
        """A digest of all settings."""


AnyJob = TypeVar("AnyJob", bound=Planned)
Work = TypeVar("Work")


def digest(run: Run, *more: str | int) -> str:
    """Return 16 hex digits over all settings of a run, what this machine decides of them, and how it is measured."""
    run = replace(run, precision=precision(run, choose_device(run.device)))
    return f"{derive(json.dumps(to_config(run), sort_keys=True), *more):016x}"


def finished(job: Planned) -> Row | None:
    """Return the row of a job, if it is there and was measured with today's settings."""
    path = job.folder / "row.json"
    row: Row = json.loads(path.read_text()) if path.exists() else {}
    return row if row.get("settings") == job.settings else None


def take_over(result: Path, jobs: Iterable[Planned]) -> None:
    """Put the rows of an earlier result that have today's settings into the work folder."""
    rows = json.loads(result.read_text())["rows"] if result.exists() else []
    known = {row["settings"]: row for row in rows if "settings" in row}
    for job in jobs:
        if (row := known.get(job.settings)) is not None and finished(job) is None:
            write_json(job.folder / "row.json", row)


def completed(
    perform: Callable[[AnyJob], Row], jobs: Sequence[AnyJob], result: Path, options: Namespace
) -> list[AnyJob]:
    """Do what is not finished, saying so, and return the jobs that are; the options are add, collect and jobs."""
    if options.add:
        take_over(result, jobs)
    missing = [] if options.collect else [job for job in jobs if finished(job) is None]
    for count, row in enumerate(performed(perform, missing, options.jobs), 1):
        print(f"{count} of {len(missing)}", row, flush=True)
    done = [job for job in jobs if finished(job) is not None]
    for job in (job for job in jobs if job not in done):
        print(f"missing: {job.folder}")
    return done


def performed(perform: Callable[[Work], Row], jobs: Sequence[Work], at_once: int) -> Iterator[Row]:
    """Yield the rows of jobs as they are finished, from this process where only one runs at a time."""
    if at_once == 1:
        yield from map(perform, jobs)
        return
    # A process per run: what a run leaves in memory goes with it.
    with ProcessPoolExecutor(at_once, get_context("spawn"), max_tasks_per_child=1) as pool:
        pending = [pool.submit(perform, job) for job in jobs]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:  # what fails or stops the command is not kept back until all others are done
            pool.shutdown(cancel_futures=True)


def add_flags(parser: ArgumentParser, work: str, jobs: int = 2) -> None:
    """Add what all such benchmarks can be asked: where they work, on how many cores, and what need not be run."""
    parser.add_argument("--jobs", type=int, default=jobs, help="runs at a time, on one core each")
    parser.add_argument("--work", type=Path, default=Path("runs") / work)
    parser.add_argument("--add", action="store_true", help="keep the runs of the result file that have these settings")
    parser.add_argument("--collect", action="store_true", help="run nothing, write the result of what is finished")


def names(text: str) -> list[str]:
    """Return a comma-separated list."""
    return text.split(",")
