"""One iteration of a game: every player in turn; and what is logged of it."""

from __future__ import annotations

import time
from typing import Any

from torch import Tensor

from bayesgan.build import State, cure
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.motion import motion

LOGGED = 200


def iterate(run: Run, state: State, batches: Batches) -> dict[str, Tensor]:
    """Update every player in turn and return the energies ``{player: (K,)}`` of those that have one."""
    energies: dict[str, Tensor] = {}
    for player, spec in run.players.items():
        optimiser, setting = state.optimisers[player], state.settings[player]
        for repeat in range(spec.steps):
            count = state.step * spec.steps + repeat
            optimiser.param_groups[0].update(spec.inference.options(count, setting))

            def energy(player: str = player, count: int = count) -> Any:
                energies[player] = state.energies[player](batches(player, count))
                return energies[player]

            optimiser.step(energy)
            spec.prior.project_(state.game.ensembles[player].params)
    return energies


def due(step: int, every: int) -> bool:
    """Return whether something that happens ``every`` steps happens now."""
    return step % max(1, every) == 0


def logged(run: Run, state: State) -> bool:
    """Return whether an iteration leaves a row in metrics.jsonl: ``LOGGED`` of a run do."""
    return due(state.step, run.steps // LOGGED)


def record(state: State, energies: dict[str, Tensor]) -> dict[str, Any]:
    """Return a row of metrics.jsonl."""
    return {"step": state.step, "time": time.time(), "energy": plain(energies), **motion(state)}


def plain(energies: dict[str, Tensor]) -> dict[str, list[float]]:
    """Return the energies as numbers."""
    return {player: [round(v, 6) for v in energy_K.tolist()] for player, energy_K in energies.items()}


def diverged(energies: dict[str, Tensor], step: int) -> str | None:
    """Return which energy is not finite and what to try, or None."""
    for player, energy_K in energies.items():
        if not energy_K.isfinite().all():
            k = int((~energy_K.isfinite()).nonzero()[0])
            what = f"the energy of {player}, particle {k}, is {energy_K[k].item()} at step {step}"
            return f"diverged: {what}; {cure(player)}"
    return None
