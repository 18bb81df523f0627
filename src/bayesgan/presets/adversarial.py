"""Generators against discriminators: GAN, DCGAN, ten of them, the Bayesian GAN, and the supervised baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bayesgan.config import Run
from bayesgan.data.labels import Labels
from bayesgan.data.toy import POINTS
from bayesgan.errors import UsageError
from bayesgan.networks import MLP, Family
from bayesgan.objectives import AnyObjective, NonSaturating, SemiSupervised, Supervised
from bayesgan.presets.common import FAKES, PAPER_PRIOR, both, consistency, game, sampled
from bayesgan.presets.photographs import NAMES, of_photographs
from bayesgan.samplers.schedules import Cosine
from bayesgan.samplers.specs import AdamSpec, InferenceSpec

FEW_FAKES = 20
PAPER_ADAM = AdamSpec(2e-4, 0.5, 0.999)
CLASSIFIER_ADAM = AdamSpec(4e-3, 0.9, 0.99, Cosine(0.02))
# On points the discriminator is the faster one: near its optimum, it makes the generators keep the modes of the grid.
IMAGES_ADAM = AdamSpec(1e-3, 0.5, 0.9)
POINTS_ADAM: dict[str, InferenceSpec] = {
    "discriminator": AdamSpec(3e-3, 0.5, 0.99),
    "generator": AdamSpec(1e-3, 0.5, 0.99),
}


def gan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """One fully connected GAN (Goodfellow et al. 2014)."""
    if data in POINTS:
        return adversarial("gan", data, labels, published, conditional)
    run = adversarial("gan", data, labels, published, conditional, MLP(512))
    # A fully connected discriminator learns more slowly than its generator, which then keeps few modes of colours.
    twice = replace(run.players["discriminator"], steps=1 if published else 2)
    return replace(run, players=run.players | {"discriminator": twice})


def dcgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """One DCGAN; points, which cannot be convolved, get the fully connected network."""
    return adversarial("dcgan", data, labels, published, conditional)


def ensemble(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """DCGAN-10: ten separate DCGANs, each on its own 80 % of the training images (Saatchi and Wilson 2017)."""
    run = dcgan(data, labels, published, conditional)
    players = {name: replace(p, axis="e", particles=10) for name, p in run.players.items()}
    return replace(run, system="ensemble", players=players, subset=0.8)


def bayesgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """The Bayesian GAN: SGHMC over ten generators, crossed with one discriminator (Saatchi and Wilson 2017)."""
    run = sampled(dcgan(data, labels, published, conditional), "bayesgan", 10, published)
    if data in POINTS or published:
        return run
    run = replace(run, noise_batch=FAKES, spread=True)
    if not labels or conditional:
        return run
    # A classifier loses more by a shorter descent than it wins by a longer walk, and its generators need few fakes:
    # but of photographs, of which fewer were not tried.
    fakes = FAKES if data in NAMES else FEW_FAKES
    return replace(run, burn_in=run.steps * 9 // 10, thin=run.steps // 200, noise_batch=fakes)


def supervised(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """The discriminator's network without a generator, the baseline of every table; published: on the labels alone."""
    if conditional:
        raise UsageError("supervised has no generator to give classes to: leave out --conditional")
    run = dcgan(data, labels or "all", published)
    objective = Supervised(run.objective.consistency if isinstance(run.objective, SemiSupervised) else None)
    players = {name: p for name, p in run.players.items() if "generator" not in name}
    return replace(run, system="supervised", objective=objective, players=players)


def adversarial(
    system: str, data: str, labels: Labels, published: bool, conditional: bool, network: Family | None = None
) -> Run:
    learns = labels and not conditional
    rates: Mapping[str, InferenceSpec] = both(PAPER_ADAM)
    if data in POINTS and not published:
        rates = POINTS_ADAM
    elif not published:
        rates = {**rates, "discriminator": CLASSIFIER_ADAM} if learns else both(IMAGES_ADAM)
    # With the penalty a network may learn five times as fast, and keeps its modes.
    objective: AnyObjective = NonSaturating(conditional=conditional, r1=0.0 if data in POINTS or published else 1.0)
    if learns:
        consistent = consistency(data, published)
        objective = SemiSupervised(gan_weight=0.05, consistency=consistent) if consistent else SemiSupervised()
    run = game(system, data, labels, published, objective, rates, network, PAPER_PRIOR)
    photographs = learns and not published and network is None and data in NAMES
    return of_photographs(run) if photographs else run
