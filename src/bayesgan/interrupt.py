"""Ctrl-C and SIGTERM: an iteration ends before the run does, and the run can go on from there."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bayesgan.build import State, checkpoint
from bayesgan.config import Run
from bayesgan.errors import Interrupted
from bayesgan.starts import energies
from bayesgan.store import Store


@contextmanager
def interruptible() -> Iterator[Any]:
    """Yield a function that says whether Ctrl-C or SIGTERM came."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return
    before = {s: signal.signal(s, lambda *_: event.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def save(run: Run, state: State, store: Store, rows: list[dict[str, Any]]) -> None:
    """Write down what a resumed run needs."""
    store.write_metrics(rows)
    store.save_checkpoint(checkpoint(run, state) | {"starts": energies(rows)})


def interrupted(run: Run, state: State, store: Store) -> Interrupted:
    """Return the error that names the command which continues a run."""
    command = shlex.join(["bayesgan", "train", run.system, "--out", str(store.path), "--resume"])
    return Interrupted(f"stopped at step {state.step}; continue with: {command}")
