"""Many cells, some at a time: each in a process of its own, whose memory goes with it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bayesgan.errors import BayesganError, DataError
from bayesgan.reproduce.cells import Job, Row
from bayesgan.reproduce.rows import Rows

PROCESSES = get_context("spawn")  # a fork would share the locks of torch's threads


def performed(rows: Rows, jobs: Sequence[Job], at_once: int) -> Generator[tuple[Job, Row]]:
    """Yield jobs and their rows as they are finished; in this process where only one is worked on at a time.

    Ctrl-C and SIGTERM let every run save a checkpoint first. Raises what a job raises.
    """
    with terminable():
        if at_once == 1:
            yield from ((job, rows.perform(job)) for job in jobs)
        else:
            yield from spread(rows, jobs, at_once)


def spread(rows: Rows, jobs: Sequence[Job], at_once: int) -> Generator[tuple[Job, Row]]:
    """Yield jobs and their rows from ``at_once`` processes."""
    waiting = list(jobs)
    running: dict[Any, tuple[BaseProcess, Job]] = {}  # by the end of the pipe that the row will come from
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                end, process = started(rows, job)
                running[end] = process, job
            for ready in wait([*running]):
                process, job = running[ready]
                row = received(ready, process, job)
                del running[ready]
                yield job, row
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


def started(rows: Rows, job: Job) -> tuple[Connection, BaseProcess]:
    """Start the process of a job; return the end of the pipe that its row will come from, and the process."""
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=perform_and_send, args=(rows, job, there))
    process.start()
    there.close()  # so that a process that dies is the end of the file
    return here, process


def perform_and_send(rows: Rows, job: Job, end: Connection) -> None:
    """Do the work of a job and send its row, or the error that a user is to read."""
    # Ctrl-C reaches all processes of a terminal; the first of them decides, and asks the others to terminate.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        end.send(rows.perform(job))
    except BayesganError as error:
        end.send(error)


def received(end: Any, process: BaseProcess, job: Job) -> Row:
    """Return the row that a process sent. Raises the error that it sent, or one that says how it ended."""
    try:
        sent: Any = end.recv()
    except EOFError:
        process.join()
        name = " ".join(map(str, job.named.values()))
        raise DataError(f"the process of {name} ended with {process.exitcode}: is there enough memory?") from None
    process.join()
    if isinstance(sent, BayesganError):
        raise sent
    return dict(sent)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def interrupt(*_: object) -> None:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt
