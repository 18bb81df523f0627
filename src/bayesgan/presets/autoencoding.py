"""Generators with encoders: VAE, alpha-GAN, AGE, and the posterior over all networks of alpha-GAN."""

from __future__ import annotations

from dataclasses import replace

from bayesgan.config import Run
from bayesgan.data.labels import Labels
from bayesgan.data.toy import POINTS
from bayesgan.networks import DCGAN, MLP
from bayesgan.objectives import AGE, AlphaGAN, Elbo, Gaussian
from bayesgan.presets.common import FAKES, codes, game, learning, refuse_labels, sampled
from bayesgan.samplers.specs import AdamSpec


def vae(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """A variational auto-encoder (arXiv 1312.6114)."""
    refuse_labels("vae", labels, conditional)
    adam, likelihood = AdamSpec(1e-3, 0.9, 0.999), Gaussian(0.1 if data in POINTS else 0.3)
    objective = Elbo(likelihood, conditional=conditional)
    return game("vae", data, labels, published, objective, {"generator": adam, "encoder": adam})


def alpha_gan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """alpha-GAN: a VAE and a GAN merged (arXiv 1706.04987)."""
    auto, critic = AdamSpec(1e-3, 0.5, 0.9), AdamSpec(1e-3 if published or data in POINTS else 2e-4, 0.5, 0.9)
    # A point has two numbers and an image thousands: the mean error counts for more where it is a mean over more.
    weight = AlphaGAN.weight if published else 1.0 if data in POINTS else 60.0
    objective = learning(AlphaGAN(conditional=conditional, weight=weight), labels, data, published)
    rates = {"generator": auto, "encoder": auto, "discriminator": critic, "code_discriminator": critic}
    if data in POINTS and not published:
        rates["discriminator"] = AdamSpec(3e-3, 0.5, 0.9)
    run = game("alpha-gan", data, labels, published, objective, rates)
    players = dict(run.players)
    if data not in POINTS:
        players["code_discriminator"] = replace(players["code_discriminator"], network=MLP(750, 3))
    if published:
        players |= {name: replace(players[name], steps=2) for name in ("generator", "encoder")}
    return replace(run, players=players, latent=128 if published and data not in POINTS else run.latent)


def age(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """AGE: a generator against an encoder, without a discriminator (arXiv 1704.02304)."""
    refuse_labels("age", labels, conditional)
    points = data in POINTS and not published
    adam = AdamSpec(1e-3 if points else 2e-4, 0.5, 0.999)
    rates = {"encoder": adam, "generator": adam}
    # A batch of codes is judged by its moments alone: in two dimensions, or from a small network, these say too little.
    network, latent = (MLP(128, 3), 16) if points else (None, 100 if published else 32)
    if POINTS.get(data, 2) > 2:
        network, latent = None, codes(data)
    run = game("age", data, labels, published, AGE(conditional=conditional), rates, network)
    players = run.players | {"generator": replace(run.players["generator"], steps=2)}
    if data not in POINTS:
        # Kernels of mean 0 see edges: what such an encoder asks of a generator is noise, on faces for good.
        players["encoder"] = replace(players["encoder"], network=DCGAN(standardised=False))
    return replace(run, players=players, codes="sphere", latent=latent)


def bayesian_alpha_gan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """A posterior over all four networks of alpha-GAN: pairs of encoder and generator against two discriminators."""
    run = sampled(alpha_gan(data, labels, published, conditional), "bayesian-alpha-gan", 5, published)
    return run if data in POINTS or published else replace(run, batch=32, noise_batch=FAKES, spread=True)
