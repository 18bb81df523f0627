"""The players that are sampled, as chains of function values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bayesgan.bank import read_sample
from bayesgan.config import Run
from bayesgan.data.labels import Training
from bayesgan.diagnosis.evidence import Chain
from bayesgan.diagnosis.sampling import falling, largest_noise, sampling
from bayesgan.diagnosis.values import FUNCTIONS, Probes, probes
from bayesgan.metrics import mixing
from bayesgan.metrics.agreement import spread, total_variation
from bayesgan.metrics.classification import mutual_information
from bayesgan.metrics.departure import Departure, departure
from bayesgan.predict import Posterior
from bayesgan.progress import Progress
from bayesgan.store import Store

COMPARED = 256
HALF_SPACING = 2.0**-24  # of float32, relative

Rows = Sequence[Mapping[str, Any]]


def chains(posterior: Posterior, store: Store, data: Training, rows: Rows, progress: bool) -> tuple[Chain, ...]:
    """Return a chain for every player that is sampled."""
    run, asked = posterior.run, probes(posterior, data)
    players = [name for name, spec in run.players.items() if sampling(spec.inference)]
    start = store.burn_in_point
    points = (*posterior.bank, *([start] if players and start.exists() else []))
    found = evaluated(posterior, asked, players, points, progress)
    return tuple(chain(posterior, name, found[name], start.exists(), rows) for name in players)


def evaluated(
    posterior: Posterior, asked: Probes, players: Sequence[str], points: Sequence[Path], progress: bool
) -> dict[str, Tensor]:
    """Return the function values of players at weight samples, ``{player: (S, K, B, ...)}``."""
    values: dict[str, list[Tensor]] = {name: [] for name in players}
    with Progress("looking at weight samples", 0, len(points), progress and bool(players)) as bar:
        for path in points if players else ():
            for name in players:
                leaves, ensemble = read_sample(path)[name], posterior.ensembles[name]
                nets = ({n: t[k].to(posterior.device) for n, t in leaves.items()} for k in range(len(ensemble)))
                each = [FUNCTIONS[name].values(posterior, asked, ensemble.bind(weights)) for weights in nets]
                values[name].append(torch.stack(each))
            bar.advance()
    return {name: torch.stack(each) for name, each in values.items()}


def chain(posterior: Posterior, player: str, values: Tensor, with_start: bool, rows: Rows) -> Chain:
    """Return what is known of one player; the last of the ``values (S, K, B, ...)`` may be the burn-in point's."""
    draws, particles = len(posterior.bank), values.shape[1]
    flat = values.flatten(2)
    kept = flat[:draws, :, columns(flat.shape[2])]
    common = FUNCTIONS[player].common and particles > 1 and not zipped(posterior.run, player)
    settings = sampling(posterior.run.players[player].inference)
    assert settings is not None
    classes = player == "discriminator" and posterior.classifies
    weights = torch.cat([leaf.abs().flatten() for leaf in read_sample(posterior.bank[-1])[player].values()])
    within, over_all = spread(flat[:draws])
    return Chain(
        player,
        settings.temperature,
        draws,
        particles,
        largest_noise(posterior.run, player),
        weights.mean().item() * HALF_SPACING,
        late(rows, "kinetic", player, posterior.run),
        next((tuple(row["moved"][player]) for row in reversed(rows) if player in row.get("moved", ())), ()),
        FUNCTIONS[player].name(posterior),
        tuple(middle(mixing.split_rhat(kept[:, [k]])) for k in range(particles)),
        mixing.rhat_limit(draws, 1, mixing.LEVEL / particles),
        middle(mixing.split_rhat(kept)) if common else math.nan,
        mixing.rhat_limit(draws, particles),
        together([middle(mixing.effective_size(kept[:, [k]])) for k in range(particles)]),
        within,
        over_all,
        departed(flat, draws) if with_start and not falling(settings.schedule) else None,
        total_variation(values[:draws]) if classes else None,
        mutual_information(values[:draws].flatten(0, 1))[1].mean().item() if classes else None,
    )


def zipped(run: Run, player: str) -> bool:
    """Return whether each particle plays against a generator of its own, so that their posteriors differ."""
    axes = run.axes()
    return axes[player] == axes.get("generator")


def columns(total: int) -> Tensor:
    """Return which of ``total`` values are compared: random ones, always the same."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(0))[:COMPARED]


def departed(flat: Tensor, draws: int) -> Departure | None:
    """Return the test of distances from the last of ``flat (S + 1, K, V)``, averaged over particles.

    Particles play against the same opponents and need not be independent of each other.
    """
    return departure((flat[:draws] - flat[draws]).square().mean((1, 2)))


def together(sizes: list[float]) -> float:
    """Return the effective draws of all particles; one that stands still adds none, and NaN where all do."""
    defined = [size for size in sizes if not math.isnan(size)]
    return sum(defined) if defined else math.nan


def middle(values: Tensor) -> float:
    """Return the median of the values that are defined, NaN where none is."""
    return values.nanmedian().item()


def late(rows: Rows, key: str, player: str, run: Run) -> tuple[float, ...]:
    """Return the mean over the later half of the rows that have ``key``, for each particle."""
    found = torch.tensor([row[key][player] for row in rows if player in row.get(key, ())], dtype=torch.float64)
    return tuple(found[len(found) // 2 :].mean(0).tolist()) if len(found) else ()
