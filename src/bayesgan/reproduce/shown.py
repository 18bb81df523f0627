"""What a user sees while the cells of a table are done: a line for each, how many there are, and the time left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from bayesgan.reproduce.cells import Cell, Job, Row
from bayesgan.reproduce.pool import performed
from bayesgan.reproduce.rows import Rows


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
        costs = {kin(job.named): job.cost for job in distinct.values()}
        task = bar.add_task(title, total=len(distinct), completed=len(done), ends=ending(done, waiting, at_once, costs))
        for job, row in work:
            done.append(row)
            waiting.remove(job)
            bar.update(task, advance=1, ends=ending(done, waiting, at_once, costs))
            bar.console.print(line(row), highlight=False, soft_wrap=True)


def ending(
    done: Sequence[Row], waiting: Sequence[Job], at_once: int, costs: Mapping[tuple[str, str], int]
) -> float | None:
    """Return when the work will be done, on the monotonic clock, from the mean time of like rows.

    Of a kind of run that no row is of yet, the time is guessed from ``costs`` and what others took for theirs. None
    before the first run: what a baseline takes says nothing of them.
    """
    on_gpu = any(isinstance(job, Cell) and job.device.type == "cuda" for job in waiting)
    key = "gpu_minutes" if on_gpu else "minutes"
    known: dict[tuple[str, str], list[float]] = {}
    for row in done:
        if key in row:
            known.setdefault(kin(row), []).append(row[key])
    means = {kind: statistics.mean(values) for kind, values in known.items()}
    rates = [minutes / costs[kind] for kind, minutes in means.items() if costs.get(kind)]
    if not rates:
        return None
    whole = sum(means.get(kin(job.named), job.cost * statistics.mean(rates)) for job in waiting)
    return time.monotonic() + 60 * whole / at_once


def say(text: str) -> None:
    """Print a line beside the progress."""
    Console(stderr=True).print(text, highlight=False, soft_wrap=True)


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
