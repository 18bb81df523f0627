"""From a run to what moves: ensembles, optimisers, log posterior; and back from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bayesgan.config import Run
from bayesgan.data.labels import Training
from bayesgan.errors import DataError, Diverged, UsageError, nearest
from bayesgan.particles import Ensemble
from bayesgan.posterior import Game
from bayesgan.samplers.specs import EMASpec, Setting
from bayesgan.seeds import derive
from bayesgan.serialise import first_difference, to_config
from bayesgan.store import Store, Weights


@dataclass
class State:
    """What moves: weights of all players, their optimisers, and the iteration that comes next."""

    game: Game
    optimisers: dict[str, torch.optim.Optimizer]
    settings: dict[str, Setting]
    step: int = 0


def initialise(run: Run, data: Training, device: torch.device) -> State:
    """Return particles drawn from (seed, player, particle), and an optimiser for each player."""
    ensembles = build(run, data.shape, len(data.classes), device)
    leaves = {name: list(e.params.values()) for name, e in ensembles.items()}
    for name, p in run.players.items():
        p.prior.project_(ensembles[name].params)
    optimisers, settings = {}, {}
    for name, p in run.players.items():
        seeds = [derive(run.seed, "noise", name, k) for k in range(run.particles(name))]
        assert p.num_obs is not None
        settings[name] = Setting(p.num_obs, run.burn_in * p.steps, run.steps * p.steps, seeds, leaves)
        optimisers[name] = p.inference.build(leaves[name], settings[name])
    num_obs = {name: setting.num_obs for name, setting in settings.items()}
    priors = {name: p.prior for name, p in run.players.items()}
    game = Game(run.objective, ensembles, run.axes(), priors, num_obs, run.marginal, run.how)
    return State(game, optimisers, settings)


def build(run: Run, shape: tuple[int, ...], classes: int, device: torch.device) -> dict[str, Ensemble]:
    """Return every player's ensemble; an average starts as a copy of the player it follows."""
    ensembles = {}
    for name in run.players:
        role = run.role(name)
        make = partial(network, run, role, shape, classes)
        ensemble = Ensemble.init(make, run.particles(name), derive(run.seed, role))
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


def check(run: Run, data: Training) -> None:
    """Raise a UsageError where a run contradicts itself or its data."""
    check_ranges(run)
    check_players(run)
    objective = run.objective
    if len(data.shape) != 3 and (parts := [*images_only(run)]):
        raise UsageError(f"{parts[0]} needs images, and {data.name} has points")
    reads = {field for player in objective.players for field in objective.fields(player)}
    if ({"x_labelled", "label"} & reads or objective.conditioned) and not len(data.labels):
        raise UsageError(f"{type(objective).__name__} needs labels: give --labels N")
    if not 0 <= run.burn_in < run.steps:
        raise UsageError(f"burn_in = {run.burn_in}: expected at least 0 and less than steps = {run.steps}")
    if "x_weak" in reads and "teacher" not in run.players:
        raise UsageError("consistency needs a player 'teacher' with inference EMA")


def images_only(run: Run) -> Iterator[str]:
    """Yield the settings of a run that make no sense for points."""
    for name, p in run.players.items():
        yield from misfits(f"players.{name}.network", p.network)
    yield from misfits("objective", run.objective)


def misfits(place: str, part: object) -> Iterator[str]:
    """Yield what makes no sense for points: the part itself, or one that it is made of."""
    if getattr(type(part), "images_only", False):
        yield f"{place} = {type(part).__name__}"
    elif is_dataclass(part):
        for name, value in vars(part).items():
            yield from misfits(f"{place}.{name}", value)


def check_players(run: Run) -> None:
    """Raise a UsageError for a player that nobody knows or that is missing, or particles that cannot be zipped."""
    for name, p in run.players.items():
        if isinstance(p.inference, EMASpec):
            if p.inference.of not in run.objective.players:
                choice = nearest(p.inference.of, run.objective.players)
                raise UsageError(f"players.{name}.inference.of = {p.inference.of!r}: {choice}")
            if name in run.objective.players:
                raise UsageError(
                    f"players.{name}: an average of {p.inference.of} cannot play itself; choose Adam or SGHMC"
                )
        elif name not in run.objective.players:
            choice = nearest(name, run.objective.players)
            raise UsageError(f"{type(run.objective).__name__} has no player {name!r}; {choice}")
    if missing := [name for name in run.objective.players if name not in run.players]:
        raise UsageError(
            f"{type(run.objective).__name__} needs a player {missing[0]!r}; {run.system} has {', '.join(run.players)}"
        )
    sizes: dict[str, tuple[str, int]] = {}
    for name, p in run.players.items():
        other, size = sizes.setdefault(p.axis, (name, run.particles(name)))
        if size != run.particles(name):
            counts = f"{other} has {size} particles, {name} {run.particles(name)}"
            raise UsageError(f"axis {p.axis!r} zips its players, but {counts}; make them equal or name another axis")


def check_ranges(run: Run) -> None:
    """Raise a UsageError for a number that no run can have."""
    counts = {name: getattr(run, name) for name in ("steps", "thin", "latent")}
    counts |= {name: getattr(run, name) for name in ("batch", "views_batch", "labelled_batch", "noise_batch")}
    for name, p in run.players.items():
        counts |= {f"players.{name}.{key}": getattr(p, key) for key in ("particles", "steps", "num_obs")}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UsageError(f"{name} = {count}: expected at least 1")
    if not 0 < run.subset <= 1:
        raise UsageError(f"subset = {run.subset}: expected more than 0, at most 1")


def choose_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu`` or ``cuda`` stands for."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(run: Run, device: torch.device) -> torch.autocast:
    """Return the context of mixed precision; weights, momenta and noise stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=run.precision == "bf16")


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
    """Load the checkpoint of ``out`` into ``state`` and return the folder and the metrics up to there."""
    if out is None:
        raise UsageError("--resume needs --out RUN, the run folder to continue")
    store = Store.open(out)
    saved = store.load_checkpoint()
    if difference := first_difference(saved["config"], to_config(run)):
        raise DataError(f"{store.path / 'checkpoint.pt'} is of another configuration: {difference}")
    with torch.no_grad():
        for name, e in state.game.ensembles.items():
            for leaf_name, leaf in e.params.items():
                leaf.copy_(saved["weights"][name][leaf_name])
    for name, optimiser in state.optimisers.items():
        optimiser.load_state_dict(saved["optimisers"][name])
    state.step = saved["step"]
    return store, [row for row in store.metrics() if row["step"] <= state.step]
