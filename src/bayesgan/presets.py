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
from bayesgan.samplers.schedules import Constant, Cosine
from bayesgan.samplers.specs import AdamSpec, EMASpec, SGHMCSpec

PAPER_PRIOR = Normal(math.sqrt(10))
PAPER_ADAM = AdamSpec(2e-4, 0.5, 0.999)
CLASSIFIER_ADAM = AdamSpec(4e-3, 0.9, 0.99, Cosine(0.02))
GENERATOR_ADAM = AdamSpec(2e-4, 0.5, 0.999)


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
    d, g = run.players["discriminator"], run.players["generator"]
    players = run.players | {
        "discriminator": replace(d, inference=_sghmc(d, published)),
        "generator": replace(g, inference=_sghmc(g, published), particles=10),
    }
    bank = replace(run, burn_in=run.steps * 3 // 4, thin=run.steps // 80)
    return replace(bank, system="bayesgan", players=players, noise_batch=8)


def supervised(data: str, labels: Labels = None, published: bool = False) -> Run:
    """The discriminator's network trained on the labels alone: the baseline of every table."""
    run = dcgan(data, labels or "all", published)
    objective = Supervised(run.objective.consistency if isinstance(run.objective, SemiSupervised) else None)
    players = {name: p for name, p in run.players.items() if name != "generator"}
    return replace(run, system="supervised", objective=objective, players=players)


def _adversarial(system: str, data: str, labels: Labels, published: bool, network: Family | None = None) -> Run:
    points = data in CENTRES
    network = MLP(128, 2) if points else network or DCGAN()
    consistency = Consistency(weight=5.0) if labels and not published and not points else None
    prior = PAPER_PRIOR if published else Flat() if points else Normal(1.0)
    fit = CLASSIFIER_ADAM if labels and not published else PAPER_ADAM
    players = {
        "discriminator": Player(network, fit, prior),
        "generator": Player(network, GENERATOR_ADAM if labels and not published else PAPER_ADAM, prior, axis="g"),
    }
    if consistency:
        players["teacher"] = Player(network, EMASpec("discriminator", 0.995), Flat())
    run = Run(
        system=system,
        data=data,
        labels=labels,
        objective=SemiSupervised(consistency=consistency) if labels else NonSaturating(),
        players=players,
        augment=None if published or points else Warp(),
        latent=2 if points else 100 if published else 32,
    )
    return replace(run, thin=run.steps, burn_in=0)


def _sghmc(player: Player, published: bool) -> SGHMCSpec:
    assert isinstance(player.inference, AdamSpec)
    if published:
        # The papers' eta and alpha, on the summed log posterior; see docs/systems.md.
        return SGHMCSpec(eta=1e-9, alpha=0.1, integrator="euler", burn_in=player.inference)
    return SGHMCSpec(
        lr=0.01, friction=10.0, temperature=1.0, damping=1e-2, burn_in=player.inference, schedule=Constant()
    )


PRESETS: dict[str, Callable[..., Run]] = {
    "gan": gan,
    "dcgan": dcgan,
    "ensemble": ensemble,
    "bayesgan": bayesgan,
    "supervised": supervised,
}
