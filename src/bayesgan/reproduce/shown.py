"""What a user sees while the cells of a table are done: a line for each, how many there are, and the time left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from bayesgan.reproduce.cells import Job, Row
from bayesgan.reproduce.pool import performed
from bayesgan.reproduce.rows import Rows
from bayesgan.reproduce.spreading import SPREADING


class Left(ProgressColumn):
    """The time until ``ends``, a field of the task; None where nothing is known yet."""

    def render(self, task: Task) -> Text:
        """Return the time left."""
        ends = task.fields["ends"]
        return Text(f"left {timedelta(seconds=max(0, int(ends - time.monotonic())))}" if ends else "left -:--:--")


def work(rows: Rows, jobs: Sequence[Job], at_once: int, title: str) -> None:
    """Do what is not finished, ``at_once`` jobs at a time; equal settings are done once."""
    distinct = {job.settings: job for job in reversed(jobs)}  # the first of equal ones gives its name
    done = [row for job in distinct.values() if (row := rows.finished(job))]
    waiting = [job for job in jobs if job is distinct[job.settings] and rows.finished(job) is None]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), Left()
    with Progress(*columns, console=Console(stderr=True)) as bar, closing(performed(rows, [*waiting], at_once)) as work:
        task = bar.add_task(title, total=len(distinct), completed=len(done), ends=ending(done, waiting, at_once))
        for job, row in work:
            done.append(row)
            waiting.remove(job)
            bar.update(task, advance=1, ends=ending(done, waiting, at_once))
            bar.console.print(line(row), highlight=False, soft_wrap=True)


def ending(done: Sequence[Row], waiting: Sequence[Job], at_once: int) -> float | None:
    """Return when the work will be done, on the monotonic clock, from the mean time of like rows, or of all runs.

    None before the first run: what a baseline takes says nothing of them.
    """
    known: dict[tuple[str, str], list[float]] = {}
    for row in done:
        if (minutes := minutes_of(row)) is not None:
            known.setdefault(kin(row), []).append(minutes)
    runs = [statistics.mean(values) for (system, _), values in known.items() if system != SPREADING]
    if not runs:
        return None
    whole = sum(statistics.mean(known.get(kin(job.named), [statistics.mean(runs)])) for job in waiting)
    return time.monotonic() + 60 * whole / at_once


def minutes_of(row: Row) -> float | None:
    """Return how long a row took, on a CPU or a GPU; None for one that was interrupted."""
    minutes: float | None = row.get("minutes", row.get("gpu_minutes"))
    return minutes


def kin(row: Row) -> tuple[str, str]:
    """Return what rows that take equally long have in common."""
    return row["system"], row.get("column", "")


def line(row: Row) -> str:
    """Return a row in one line."""
    name = " ".join(part for part in (row.get("column"), row["system"]) if part)
    outcome = row["failed"] or f"{row['errors']:,} of {row['images']:,} wrong ({row['error']:.2f} %)"
    minutes = minutes_of(row)
    took = "" if minutes is None else f", {minutes:.1f} minutes"
    return f"{name}, {row['labels']} labels, seed {row['seed']}: {outcome}{took}"
