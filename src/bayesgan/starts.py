"""Chains from several starts, of which the one that finds the highest log posterior goes on.

Few labels leave a posterior of several modes: a style of a class that no label shows may go to another class, and
consistency then keeps it there. Which mode a chain falls into is decided early and by chance, and a sampler does not
leave it again. All chains see the same batches, so that a difference between them is one between weights.

They are compared as classifiers: by the log posterior of the discriminator from labels and consistency alone. What it
thinks of generated images depends on generators that each chain has for itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch

from bayesgan.build import State, autocast, cure
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.errors import Diverged
from bayesgan.iteration import diverged, due, iterate, logged, record
from bayesgan.objectives import Classified, SemiSupervised, Supervised
from bayesgan.posterior import log_posterior

JUDGE = "discriminator"
JUDGED = 100  # times in a trial, of which those of its second half count
DIGITS = 5

Rows = list[dict[str, Any]]


def trials(
    run: Run, state: State, rows: Rows, begin: Callable[[int], State], batches: Batches, stop: Callable[[], bool]
) -> Iterator[tuple[State, Rows]]:
    """Yield the best chain so far and its rows after every trial that ``rows`` do not hold yet.

    Ends before a trial does when ``stop()``, asked after every iteration, says so. ``begin(k)`` returns the k-th chain
    before its first iteration; ``state`` is the first one, or the best of those that were tried. The last row of the
    best says what all energies were, None where a chain diverged. Raises Diverged where all of them did.
    """
    found, problem = [*energies(rows)], None
    for k in range(len(found), run.starts.chains if run.starts else 0):
        chain = begin(k) if k else state
        try:
            trial = tried(run, chain, batches, stop)
            if trial is None:
                return
        except Diverged as error:
            trial, problem = ([], None), error
        lowest = min((other for other in found if other is not None), default=math.inf)
        if trial[1] is not None and trial[1] < lowest:
            state, rows = chain, trial[0]
        found.append(trial[1])
        if rows:
            rows[-1]["starts"] = [*found]
            yield state, rows
    if problem and not rows:
        raise problem


def tried(run: Run, state: State, batches: Batches, stop: Callable[[], bool]) -> tuple[Rows, float | None] | None:
    """Return a chain's rows and its mean energy in the second half of its trial, in which it falls slowly."""
    last, rows, found = length(run), Rows(), list[torch.Tensor]()
    while state.step < last:
        values = iterate(run, state, batches)
        state.step += 1
        if logged(run, state) or state.step == last:
            rows.append(record(state, values))
            if problem := diverged(values, state.step):
                raise Diverged(problem)
        if state.step > last // 2 and due(state.step, last // JUDGED):
            found.append(energy(run, state, batches))
        if stop() and state.step < last:
            return None
    mean = round(torch.stack(found).mean().item(), DIGITS)
    if not math.isfinite(mean):
        raise Diverged(f"diverged: the classifier's energy is {mean} after {last} steps; {cure(JUDGE)}")
    return rows, mean


def energy(run: Run, state: State, batches: Batches) -> torch.Tensor:
    """Return the energy per datum of the classifier, the mean over its particles, ``()``."""
    game = replace(state.game, objective=classifier(run))
    with autocast(run, batches.device):
        return -log_posterior(game, JUDGE, batches(JUDGE, state.step)).detach().mean()


def classifier(run: Run) -> Any:
    """Return the objective of a run without its game, or None where it does not learn classes."""
    objective = run.objective
    if isinstance(objective, SemiSupervised | Classified):
        return replace(objective, gan_weight=0.0)
    return objective if isinstance(objective, Supervised) else None


def energies(rows: Rows) -> list[float | None]:
    """Return the energies of the chains that were tried, as the rows of the best one say."""
    return next((row["starts"] for row in reversed(rows) if "starts" in row), [])


def pending(run: Run, rows: Rows) -> bool:
    """Return whether chains are still to be tried."""
    return run.starts is not None and len(energies(rows)) < run.starts.chains


def elsewhere(run: Run, rows: Rows) -> tuple[int, int]:
    """Return how many iterations chains have had that did not go on, and how many they will have had in the end."""
    whole = run.starts.chains if run.starts else 1
    return max(0, len(energies(rows)) - 1) * length(run), (whole - 1) * length(run)


def length(run: Run) -> int:
    """Return how many iterations a trial has; 0 with a single start."""
    return max(1, int(run.steps * run.starts.trial)) if run.starts else 0
