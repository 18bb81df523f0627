"""What presets share: a run of one particle per player, labels, and the way from Adam to SGHMC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bayesgan.config import Player, Run
from bayesgan.data.augment import Warp
from bayesgan.data.labels import Labels
from bayesgan.data.toy import POINTS
from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN, MLP, Family
from bayesgan.objectives import AnyObjective, Classified, Consistency
from bayesgan.priors import Flat, Normal, Prior
from bayesgan.samplers.specs import AdamSpec, EMASpec, InferenceSpec, SGHMCSpec

SMALL = {"digits"}  # images of 8 by 8 pixels, on which bfloat16 saves nothing
# Shifts that help the digits, of 8 pixels, are too large a share of larger images (docs/few-labels.md).
WARP = Warp(side=8)
FAKES = 80  # a step, of generators that share them
TEACHER_DECAY = 0.95  # slower teachers hold on longer to a style that went to another class
FLAT, PAPER_PRIOR = Flat(), Normal(math.sqrt(10))


def game(
    system: str,
    data: str,
    labels: Labels,
    published: bool,
    objective: AnyObjective,
    rates: Mapping[str, InferenceSpec],
    network: Family | None = None,
    paper_prior: Prior = FLAT,
) -> Run:
    """Return a run of one particle per player: those of ``rates``, in their order, and the averages that follow."""
    points = data in POINTS
    family = network or (small_network(data) if points else DCGAN())
    prior = paper_prior if published else Normal(1.0)
    axis = {"discriminator": "d", "code_discriminator": "d"}
    players = {name: Player(family, rate, prior, axis.get(name, "g")) for name, rate in rates.items()}
    if "x_weak" in objective.fields("discriminator" if "discriminator" in rates else "generator"):
        players["teacher"] = Player(family, EMASpec("discriminator", TEACHER_DECAY), Flat())
    if not points and not published:
        averaged = [name for name in ("generator", "encoder") if name in rates]
        players |= {
            f"averaged_{name}": Player(family, EMASpec(name, 0.999, power=12.0), Flat(), "g") for name in averaged
        }
    run = Run(
        system=system,
        data=data,
        labels=labels or ("all" if objective.conditioned else None),
        objective=objective,
        players=players,
        augment=None if points or published else WARP,
        steps=4000,
        thin=4000,
        latent=codes(data) if points else 100 if published else 32,
        precision="32" if published or data in SMALL else "auto",
    )
    return replace(run, batch=128, noise_batch=128) if points and not published else run


def small_network(data: str) -> MLP:
    """Return the network for points; in many dimensions that of Saatchi and Wilson 2017, 4.1, one layer of 1,000."""
    return MLP(64, 2) if POINTS[data] == 2 else MLP(1000, 1)


def codes(data: str) -> int:
    """Return the dimension of codes for points: that of the plane, or 10 as in Saatchi and Wilson 2017, 4.1."""
    return 2 if POINTS[data] == 2 else 10


def both(inference: InferenceSpec) -> dict[str, InferenceSpec]:
    """Return one inference for discriminator and generator."""
    return {"discriminator": inference, "generator": inference}


def consistency(data: str, published: bool) -> Consistency | None:
    """Return the recommended consistency term; none on points, and none where the papers have none."""
    return None if data in POINTS or published else Consistency(weight=5.0)


def learning(game: Any, labels: Labels, data: str, published: bool) -> AnyObjective:
    """Return a game, with a class head beside it where there are labels to learn from."""
    if not labels or game.conditional:
        return game  # type: ignore[no-any-return]
    return Classified(game, consistency=consistency(data, published))


def refuse_labels(system: str, labels: Labels, conditional: bool) -> None:
    """Raise a UsageError for labels that a system without a classifier would not learn from."""
    if labels and not conditional:
        raise UsageError(f"{system} does not learn to classify: leave out --labels, or add --conditional")


def sampled(run: Run, system: str, particles: int, published: bool) -> Run:
    """Return a run whose optimisers become the burn-in of SGHMC, with several generators, and no averages of them."""
    kept = {name: p for name, p in run.players.items() if not name.startswith("averaged_")}
    players = {name: sampler(p, run.data in POINTS, published) for name, p in kept.items()}
    players = {name: replace(p, particles=particles) if p.axis == "g" else p for name, p in players.items()}
    return replace(run, system=system, players=players, burn_in=run.steps * 3 // 4, thin=max(1, run.steps // 80))


def sampler(player: Player, points: bool, published: bool) -> Player:
    """Return a player whose optimiser becomes the burn-in of SGHMC; an average stays one."""
    adam = player.inference
    if not isinstance(adam, AdamSpec):
        return player
    if published:
        # The papers' alpha; their eta for weights on the summed log posterior is not given, this one is stable.
        return replace(player, inference=SGHMCSpec(eta=1e-9, alpha=0.1, integrator="euler", burn_in=adam))
    if points:
        return replace(player, inference=SGHMCSpec(lr=0.03, friction=10.0, burn_in=adam))
    return replace(player, inference=SGHMCSpec(0.003, 30.0, temperature=0.1, damping=1e-2, burn_in=adam))
