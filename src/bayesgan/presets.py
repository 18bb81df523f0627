"""One function per system; each returns a :class:`~bayesgan.config.Run`. A system is an objective and a few fields.

``published=True`` gives the papers' settings where they differ (no consistency, no augmentation, their step sizes);
the default is what this package recommends, the same for every data set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from bayesgan.config import Player, Run
from bayesgan.data.augment import Warp
from bayesgan.data.labels import Labels
from bayesgan.data.toy import CENTRES
from bayesgan.networks import DCGAN, MLP, Family
from bayesgan.objectives import Consistency, NonSaturating, SemiSupervised, Supervised
from bayesgan.priors import Flat, Normal
from bayesgan.samplers.schedules import Cosine
from bayesgan.samplers.specs import AdamSpec, EMASpec, SGHMCSpec

PAPER_PRIOR = Normal(math.sqrt(10))
PAPER_ADAM = AdamSpec(2e-4, 0.5, 0.999)
CLASSIFIER_ADAM = AdamSpec(4e-3, 0.9, 0.99, Cosine(0.02))
# On points the discriminator is the faster one: near its optimum, it makes the generators keep the modes of the grid.
POINTS_ADAM = {"discriminator": AdamSpec(3e-3, 0.5, 0.99), "generator": AdamSpec(1e-3, 0.5, 0.99)}


def gan(data: str, labels: Labels = None, published: bool = False) -> Run:
    """One fully connected GAN (Goodfellow et al. 2014)."""
    return _adversarial("gan", data, labels, published, network=MLP())


def dcgan(data: str, labels: Labels = None, published: bool = False) -> Run:
    """One DCGAN; points, which cannot be convolved, get the fully connected network."""
    return _adversarial("dcgan", data, labels, published)


def ensemble(data: str, labels: Labels = None, published: bool = False) -> Run:
    """DCGAN-10: ten separate DCGANs, each on its own 80 % of the training images (Saatchi and Wilson 2017)."""
    run = dcgan(data, labels, published)
    players = {name: replace(p, axis="e", particles=10) for name, p in run.players.items()}
    return replace(run, system="ensemble", players=players, subset=0.8)


def bayesgan(data: str, labels: Labels = None, published: bool = False) -> Run:
    """The Bayesian GAN: SGHMC over ten generators, crossed with one discriminator (Saatchi and Wilson 2017)."""
    run = dcgan(data, labels, published)
    points = data in CENTRES
    players = {name: _sampled(p, points, published) for name, p in run.players.items()}
    players["generator"] = replace(players["generator"], particles=10)
    bank = replace(run, burn_in=run.steps * 3 // 4, thin=max(1, run.steps // 80))
    return replace(bank, system="bayesgan", players=players, noise_batch=run.batch if points or published else 8)


def supervised(data: str, labels: Labels = None, published: bool = False) -> Run:
    """The discriminator's network without a generator, the baseline of every table; published: on the labels alone."""
    run = dcgan(data, labels or "all", published)
    objective = Supervised(run.objective.consistency if isinstance(run.objective, SemiSupervised) else None)
    players = {name: p for name, p in run.players.items() if name != "generator"}
    return replace(run, system="supervised", objective=objective, players=players)


def _adversarial(system: str, data: str, labels: Labels, published: bool, network: Family | None = None) -> Run:
    points = data in CENTRES
    run = Run(
        system=system,
        data=data,
        labels=labels,
        objective=_objective(labels, consistent=not points and not published),
        players=_players(MLP(64, 2) if points else network or DCGAN(), points, bool(labels), published),
        augment=None if points or published else Warp(),
        steps=4000,
        thin=4000,
        latent=2 if points else 100 if published else 32,
    )
    return replace(run, batch=128, noise_batch=128) if points and not published else run


def _objective(labels: Labels, consistent: bool) -> NonSaturating | SemiSupervised:
    if not labels:
        return NonSaturating()
    return SemiSupervised(gan_weight=0.25, consistency=Consistency(weight=5.0)) if consistent else SemiSupervised()


def _players(network: Family, points: bool, labelled: bool, published: bool) -> dict[str, Player]:
    prior = PAPER_PRIOR if published else Normal(1.0)
    adam = {"discriminator": PAPER_ADAM, "generator": PAPER_ADAM}
    if points and not published:
        adam = POINTS_ADAM
    elif labelled and not published:
        adam["discriminator"] = CLASSIFIER_ADAM
    players = {
        "discriminator": Player(network, adam["discriminator"], prior),
        "generator": Player(network, adam["generator"], prior, axis="g"),
    }
    if labelled and not points and not published:
        players["teacher"] = Player(network, EMASpec("discriminator", 0.995), Flat())
    return players


def _sampled(player: Player, points: bool, published: bool) -> Player:
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


PRESETS: dict[str, Callable[..., Run]] = {
    "gan": gan,
    "dcgan": dcgan,
    "ensemble": ensemble,
    "bayesgan": bayesgan,
    "supervised": supervised,
}
