"""Generators against critics: WGAN with clipped weights and with a gradient penalty."""

from __future__ import annotations

from dataclasses import replace

from bayesgan.config import Run
from bayesgan.data.labels import Labels
from bayesgan.data.toy import POINTS
from bayesgan.networks import DCGAN
from bayesgan.objectives import Wasserstein
from bayesgan.presets.common import both, game, learning
from bayesgan.priors import Box
from bayesgan.samplers.specs import AdamSpec, RMSPropSpec


def wgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """WGAN with weight clipping (arXiv 1701.07875); with labels the semi-supervised W-DCGAN."""
    rate = RMSPropSpec(5e-5 if published else 5e-4)
    objective = learning(Wasserstein(conditional=conditional), labels, data, published)
    run = game("wgan", data, labels, published, objective, both(rate))
    points = data in POINTS
    bound, steps = 0.01 if published else 0.2 if points else 0.05, 5 if published or points else 3
    critic = replace(run.players["discriminator"], prior=Box(bound), steps=steps)
    if not points:
        # A standardised kernel has no scale to clip, but a gain, which the box would shrink until f is linear.
        critic = replace(critic, network=DCGAN(standardised=False))
    return replace(run, players=run.players | {"discriminator": critic})


def wgan_gp(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """WGAN with a gradient penalty (arXiv 1704.00028); with labels a semi-supervised W-DCGAN."""
    points = data in POINTS and not published
    adam = AdamSpec(1e-4 if published else 1e-3 if points else 5e-4, 0.5, 0.9)
    critical = Wasserstein(conditional=conditional, penalty=1.0 if points else 10.0)
    run = game("wgan-gp", data, labels, published, learning(critical, labels, data, published), both(adam))
    critic = replace(run.players["discriminator"], steps=5 if published else 3 if points else 2)
    return replace(run, players=run.players | {"discriminator": critic})
