"""Chains from several starts, of which the one that finds the highest log posterior goes on.

Few labels leave a posterior of several modes: a style of a class that no label shows may go to another class, and
consistency then keeps it there. Which mode a chain falls into is decided early and by chance, a sampler does not leave
it again, and the log posterior tells (``docs/few-labels.md``). All chains see the same batches, so that a difference
between them is one between weights. Modes differ by thousands of nats: weighing the chains would keep one as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bayesgan.build import State
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.iteration import iterate, logged, record

DIGITS = 5


@dataclass(frozen=True)
class Trial:
    """Where a chain is after its trial, what was logged, and its energy per datum, infinite where it diverged."""

    state: State
    rows: list[dict[str, Any]]
    energy: float


def best(run: Run, begin: Callable[[int], State], batches: Batches, stop: Callable[[], bool]) -> Trial | None:
    """Return the chain of the lowest energy after the trial, or None as soon as ``stop()`` after an iteration says so.

    ``begin(k)`` returns the k-th chain before its first iteration. The last row says what all energies were.
    """
    assert run.starts is not None
    energies, kept = list[float](), None
    for k in range(run.starts.chains):
        trial = tried(run, begin(k), batches, stop)
        if trial is None:
            return None
        energies.append(trial.energy)
        if kept is None or trial.energy < kept.energy:
            kept = trial
    assert kept is not None
    kept.rows[-1]["starts"] = energies
    return kept


def tried(run: Run, state: State, batches: Batches, stop: Callable[[], bool]) -> Trial | None:
    """Return a chain after its trial; its energy is the mean over the second half, in which it falls slowly."""
    player, last, rows, found = judge(run), length(run), list[dict[str, Any]](), list[torch.Tensor]()
    assert player is not None
    while state.step < last:
        energies = iterate(run, state, batches)
        state.step += 1
        if logged(run, state) or state.step == last:
            rows.append(record(state, energies))
        if state.step > last // 2:
            found.append(energies[player].mean())
        if stop():
            return None
    energy = round(torch.stack(found).mean().item(), DIGITS)
    return Trial(state, rows, energy if math.isfinite(energy) else math.inf)


def judge(run: Run) -> str | None:
    """Return the player whose log posteriors are compared, the one that reads labels; None where nobody does."""
    objective = run.objective
    return next((player for player in objective.players if "x_labelled" in objective.fields(player)), None)


def length(run: Run) -> int:
    """Return how many iterations a trial has; 0 with a single start."""
    return max(1, int(run.steps * run.starts.trial)) if run.starts else 0


def further(run: Run) -> int:
    """Return how many iterations the chains that do not go on have."""
    return length(run) * (run.starts.chains - 1) if run.starts else 0
