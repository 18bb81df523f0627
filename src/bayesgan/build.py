"""From a run to what moves: ensembles, optimisers, log posterior; and back from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bayesgan.config import Run
from bayesgan.data.labels import Training
from bayesgan.energy import Captured, Energy
from bayesgan.errors import DataError, Diverged, UsageError
from bayesgan.levers import capturing, lifting, precision
from bayesgan.particles import Ensemble
from bayesgan.posterior import Game
from bayesgan.samplers.specs import Setting
from bayesgan.seeds import derive
from bayesgan.serialise import first_difference, from_config, to_config
from bayesgan.store import Store, Weights


@dataclass
class State:
    """What moves: weights of all players, their energies and optimisers, and the iteration that comes next.

    ``start``: the weights at the end of the burn-in, of the players that are sampled from there on.
    """

    game: Game
    energies: dict[str, Energy]
    optimisers: dict[str, torch.optim.Optimizer]
    settings: dict[str, Setting]
    step: int = 0
    start: Weights = field(default_factory=dict)


def initialise(run: Run, data: Training, device: torch.device, start: int = 0) -> State:
    """Return particles drawn from (seed, player, particle) and ``start``, and an optimiser for each player."""
    ensembles = build(run, data.shape, len(data.classes), device, start)
    leaves = {name: list(e.params.values()) for name, e in ensembles.items()}
    for name, p in run.players.items():
        p.prior.project_(ensembles[name].params)
    optimisers, settings = {}, {}
    for name, p in run.players.items():
        settings[name] = run.setting(name, leaves)
        optimisers[name] = p.inference.build(leaves[name], settings[name])
    num_obs = {name: setting.num_obs for name, setting in settings.items()}
    priors = {name: p.prior for name, p in run.players.items()}
    how = lifting(run, data.shape, device)
    game = Game(run.objective, ensembles, run.axes(), priors, num_obs, run.marginal, how, run.chunk_size)
    energy, mixed = Captured if capturing(run, device) else Energy, partial(autocast, run, device)
    energies = {player: energy(game, player, mixed) for player in run.objective.players}
    return State(game, energies, optimisers, settings)


def build(run: Run, shape: tuple[int, ...], classes: int, device: torch.device, start: int = 0) -> dict[str, Ensemble]:
    """Return every player's ensemble; an average starts as a copy of the player it follows."""
    seed = derive(run.seed, "start", start) if start else run.seed
    ensembles = {}
    for name in run.players:
        role = run.role(name)
        make = partial(network, run, role, shape, classes)
        ensemble = Ensemble.init(make, run.particles(name), derive(seed, role))
        leaves = {n: t.detach().to(device).requires_grad_() for n, t in ensemble.params.items()}
        ensembles[name] = Ensemble(ensemble.skeleton, leaves)
    return ensembles


def network(run: Run, role: str, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Return one particle of a role, conditional where the objective gives it the class."""
    objective, family = run.objective, run.players[role].network
    given = classes if role in objective.conditioned else 0
    if role == "generator":
        return family.generator(shape, run.latent, given)
    outputs = objective.outputs(role, run.latent, classes)
    if role == "code_discriminator":
        return family.code_discriminator(run.latent, outputs, given)
    make: Callable[..., nn.Module] = getattr(family, role)
    return make(shape, outputs, given)


def autocast(run: Run, device: torch.device) -> torch.autocast:
    """Return the context of mixed precision; weights, momenta and noise stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision(run, device) == "bf16")


def weights(state: State) -> Weights:
    """Return the stacked weights of every player.

    Raises:
        Diverged: one of them is not finite.
    """
    stacked = {name: e.detached() for name, e in state.game.ensembles.items()}
    for name, leaves in stacked.items():
        if not all(leaf.isfinite().all() for leaf in leaves.values()):
            raise Diverged(f"diverged: weights of {name} are not finite at step {state.step}; {cure(name)}")
    return stacked


def cure(player: str) -> str:
    """Return what to try when a player diverges."""
    return f"try a smaller step size, --set players.{player}.inference.lr=... or ...inference.burn_in.lr=..."


def checkpoint(run: Run, state: State) -> dict[str, Any]:
    """Return everything that a resumed run needs; batches are functions of the step and need nothing."""
    optimisers = {name: o.state_dict() for name, o in state.optimisers.items()}
    return {"config": to_config(run), "step": state.step, "weights": weights(state), "optimisers": optimisers}


def restore(run: Run, state: State, out: str | Path | None) -> tuple[Store, list[dict[str, Any]]]:
    """Load the checkpoint of ``out`` into ``state`` and return the folder and the metrics up to there.

    A run may go on on another device, and when its data have moved.
    """
    if out is None:
        raise UsageError("--resume needs --out RUN, the run folder to continue")
    store = Store.open(out)
    saved = store.load_checkpoint()
    # Through a run, which fills in what versions before this one had no field for.
    moved = replace(from_config(saved["config"]), device=run.device, data=run.data, data_dir=run.data_dir)
    if difference := first_difference(to_config(moved), to_config(run)):
        raise DataError(f"{store.path / 'checkpoint.pt'} is of another configuration: {difference}")
    with torch.no_grad():
        for name, e in state.game.ensembles.items():
            for leaf_name, leaf in e.params.items():
                leaf.copy_(saved["weights"][name][leaf_name])
    for name, optimiser in state.optimisers.items():
        optimiser.load_state_dict(saved["optimisers"][name])
    state.step = saved["step"]
    rows = [row for row in store.metrics() if row["step"] <= state.step]
    for row in (row for row in rows if "starts" in row and "starts" in saved):
        # Rows are written first: a chain that they tell of and that these weights know nothing of is tried again.
        row["starts"] = row["starts"][: len(saved["starts"])]
    return store, rows
