"""From a run folder to evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bayesgan import starts
from bayesgan.bank import apply
from bayesgan.config import Run
from bayesgan.data.labels import Training, open_data
from bayesgan.diagnosis.chains import chains
from bayesgan.diagnosis.evidence import Energy, Evidence, Scores, Variety
from bayesgan.diagnosis.sampling import sampling
from bayesgan.diagnosis.values import is_probability, probes
from bayesgan.metrics.agreement import distance, variety
from bayesgan.predict import Posterior
from bayesgan.store import Store

SEEN = 256
FEWEST_ROWS, TINY = 16, 1e-12

Rows = Sequence[Mapping[str, Any]]


def gather(path: Path, progress: bool = False) -> Evidence:
    """Return the evidence of a run folder.

    Raises a DataError where it has no weight sample, or where the data are gone or not those of the run.
    """
    posterior, store = Posterior.load(path), Store(path)
    prepared = open_data(posterior.run, path)
    prepared.split.check(store.json("split.json"))
    data, rows, run = prepared.training, store.metrics(), posterior.run
    return Evidence(
        run,
        max((row["step"] for row in rows), default=run.steps),
        len(posterior.bank),
        chains(posterior, store, data, rows, progress),
        scores(posterior, data),
        varieties(posterior, data),
        tuple(energy(player, run, rows) for player in run.objective.players),
        tuple(starts.energies([*rows])),
    )


def scores(posterior: Posterior, data: Training) -> Scores | None:
    """Return P(real) of training images and of samples; None without a discriminator that gives one."""
    if not (posterior.judges and is_probability(posterior)) or "generator" not in posterior.run.players:
        return None
    real, fake = probes(posterior, data, SEEN).x, posterior.sample(SEEN)
    return Scores(*(posterior.realness(x).double().mean().item() for x in (real, fake)))


def varieties(posterior: Posterior, data: Training) -> Variety | None:
    """Return how different the images of the newest generators are; None without one, or without different images."""
    asked, newest = probes(posterior, data, SEEN), len(posterior.bank) - 1
    real = variety(asked.x.flatten(1)) if len(asked.x) > 1 else 0.0
    if "generator" not in posterior.run.players or not real:
        return None
    nets = (posterior.shown("generator", newest, k) for k in range(posterior.chains("generator")))
    made = [apply(net, posterior.device, asked.z, asked.label).flatten(1) for net in nets]
    apart = [distance(a, b) / real for i, a in enumerate(made) for b in made[:i]]
    each = tuple(variety(some) / real for some in made)
    return Variety(each, variety(torch.cat(made)) / real, max(apart, default=None))


def energy(player: str, run: Run, rows: Rows) -> Energy:
    """Return what a player's energies say, of the rows while it was sampled or of the later half."""
    found = [(row["step"], row["energy"][player]) for row in rows if player in row["energy"]]
    broken = [(k, step) for step, values in found for k, v in enumerate(values) if not np.isfinite(v)]
    if broken:
        return Energy(player, broken[0])
    start = run.burn_in if sampling(run.players[player].inference) else run.steps / 2
    late = torch.tensor([values for step, values in found if step > start], dtype=torch.float64)
    if len(late) < FEWEST_ROWS:
        return Energy(player, None)
    before, last = late.chunk(4)[-2:]
    up = last.mean(0) - before.mean(0)
    rise, share = up / (before.std(0) + TINY), up / (before.mean(0).abs() + TINY)
    return Energy(player, None, tuple(rise.tolist()), tuple(share.tolist()))
