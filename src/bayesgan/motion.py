"""What is logged of players while they are sampled: how warm their momenta are, how far they have come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bayesgan.build import State, weights
from bayesgan.config import Run
from bayesgan.samplers.burn_in import BurnIn
from bayesgan.samplers.langevin import Langevin
from bayesgan.store import Store, load_sample, save_weights
from bayesgan.types import Params

DIGITS = 6


def sampler(optimiser: torch.optim.Optimizer) -> Langevin | None:
    """Return the sampler that an optimiser is or will become, or None."""
    inner = optimiser.sampler if isinstance(optimiser, BurnIn) else optimiser
    return inner if isinstance(inner, Langevin) else None


def sampled(state: State) -> list[str]:
    """Return the players that are sampled once the burn-in is over."""
    return [name for name, optimiser in state.optimisers.items() if sampler(optimiser)]


def mark(run: Run, state: State, store: Store) -> None:
    """Remember the weights at the end of the burn-in, in the run folder too: a resumed run measures from there.

    Does nothing before the burn-in is over or where nobody is sampled; runs of versions before this one have no file.
    """
    players = sampled(state)
    if players and state.step == run.burn_in:
        save_weights(store.burn_in_point, weights(state))
    if players and state.step >= run.burn_in and store.burn_in_point.exists():
        kept, ensembles = load_sample(store.burn_in_point), state.game.ensembles
        state.start = {
            player: {name: leaf.to(ensembles[player].params[name].device) for name, leaf in kept[player].items()}
            for player in players
        }


def motion(state: State) -> dict[str, Any]:
    """Return what a row of metrics.jsonl says of the players that are being sampled, a number per particle.

    ``kinetic``: :meth:`~bayesgan.samplers.langevin.Langevin.kinetic_temperature`, where there are momenta and noise.
    ``moved``: the distance from the weights at the end of the burn-in, over the norm of these.
    """
    measured: dict[str, Callable[[str], Tensor | None]] = {
        "kinetic": lambda player: warmth(state.optimisers[player]),
        "moved": lambda player: moved(state.game.ensembles[player].detached(), state.start.get(player)),
    }
    found = {key: {player: measure(player) for player in sampled(state)} for key, measure in measured.items()}
    rows = {key: {p: short(each_K) for p, each_K in rows.items() if each_K is not None} for key, rows in found.items()}
    return {key: row for key, row in rows.items() if row}


def warmth(optimiser: torch.optim.Optimizer) -> Tensor | None:
    """Return the kinetic temperature of each particle, ``(K,)``, or None."""
    inner = sampler(optimiser)
    return inner.kinetic_temperature() if inner else None


def moved(now: Params, start: Params | None) -> Tensor | None:
    """Return the distance of each particle's weights from ``start`` over the norm of these, ``(K,)``."""
    if start is None:
        return None
    return norm({name: leaf - start[name] for name, leaf in now.items()}) / norm(start)


def norm(params: Params) -> Tensor:
    """Return the Euclidean norm of each particle's weights, ``(K,)``."""
    squares = torch.stack([leaf.flatten(1).square().sum(1) for leaf in params.values()])
    return squares.sum(0).sqrt()


def short(values_K: Tensor) -> list[float]:
    """Return numbers with a few digits that count: distances may be tiny, temperatures huge."""
    return [float(f"{value:.{DIGITS}g}") for value in values_K.tolist()]
