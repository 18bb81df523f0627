"""One function per system; each returns a :class:`~bayesgan.config.Run`. A system is an objective and a few fields.

``published=True`` gives the papers' settings where they differ (no consistency, no augmentation, their step sizes);
the default is what this package recommends, the same for every data set. ``conditional=True`` gives the players the
class, and trains on the labelled images: all of them where no number of labels is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bayesgan.config import Player, Run
from bayesgan.data.augment import Warp
from bayesgan.data.labels import Labels
from bayesgan.data.toy import CENTRES
from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN, MLP, Family
from bayesgan.objectives import (
    AGE,
    AlphaGAN,
    AnyObjective,
    Classified,
    Consistency,
    Elbo,
    Gaussian,
    NonSaturating,
    SemiSupervised,
    Supervised,
    Wasserstein,
)
from bayesgan.priors import Box, Flat, Normal
from bayesgan.samplers.schedules import Cosine
from bayesgan.samplers.specs import AdamSpec, EMASpec, InferenceSpec, RMSPropSpec, SGHMCSpec

PAPER_PRIOR = Normal(math.sqrt(10))
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
    network = None if data in CENTRES else MLP(512)
    return _adversarial("gan", data, labels, published, conditional, network)


def dcgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """One DCGAN; points, which cannot be convolved, get the fully connected network."""
    return _adversarial("dcgan", data, labels, published, conditional)


def ensemble(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """DCGAN-10: ten separate DCGANs, each on its own 80 % of the training images (Saatchi and Wilson 2017)."""
    run = dcgan(data, labels, published, conditional)
    players = {name: replace(p, axis="e", particles=10) for name, p in run.players.items()}
    return replace(run, system="ensemble", players=players, subset=0.8)


def bayesgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """The Bayesian GAN: SGHMC over ten generators, crossed with one discriminator (Saatchi and Wilson 2017)."""
    run = _sampled(dcgan(data, labels, published, conditional), "bayesgan", 10, published)
    return replace(run, noise_batch=run.batch if data in CENTRES or published else 8)


def supervised(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """The discriminator's network without a generator, the baseline of every table; published: on the labels alone."""
    if conditional:
        raise UsageError("supervised has no generator to give classes to: leave out --conditional")
    run = dcgan(data, labels or "all", published)
    objective = Supervised(run.objective.consistency if isinstance(run.objective, SemiSupervised) else None)
    players = {name: p for name, p in run.players.items() if "generator" not in name}
    return replace(run, system="supervised", objective=objective, players=players)


def wgan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """WGAN with weight clipping (arXiv 1701.07875); with labels the semi-supervised W-DCGAN."""
    rate = RMSPropSpec(5e-5 if published else 5e-4)
    objective = _learning(Wasserstein(conditional=conditional), labels, data, published)
    run = _game("wgan", data, labels, published, objective, _both(rate))
    steps = 5 if published or data in CENTRES else 3
    critic = replace(run.players["discriminator"], prior=Box(0.01 if published else 0.05), steps=steps)
    return replace(run, players=run.players | {"discriminator": critic})


def wgan_gp(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """WGAN with a gradient penalty (arXiv 1704.00028); with labels a semi-supervised W-DCGAN."""
    points = data in CENTRES and not published
    adam = AdamSpec(1e-4 if published else 1e-3 if points else 5e-4, 0.5, 0.9)
    game = Wasserstein(conditional=conditional, penalty=1.0 if points else 10.0)
    run = _game("wgan-gp", data, labels, published, _learning(game, labels, data, published), _both(adam))
    critic = replace(run.players["discriminator"], steps=5 if published else 3 if points else 2)
    return replace(run, players=run.players | {"discriminator": critic})


def vae(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """A variational auto-encoder (arXiv 1312.6114)."""
    _refuse_labels("vae", labels, conditional)
    adam, likelihood = AdamSpec(1e-3, 0.9, 0.999), Gaussian(0.1 if data in CENTRES else 0.3)
    objective = Elbo(likelihood, conditional=conditional)
    return _game("vae", data, labels, published, objective, {"generator": adam, "encoder": adam})


def alpha_gan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """alpha-GAN: a VAE and a GAN merged (arXiv 1706.04987)."""
    auto, critic = AdamSpec(1e-3, 0.5, 0.9), AdamSpec(1e-3 if published or data in CENTRES else 2e-4, 0.5, 0.9)
    objective = _learning(AlphaGAN(conditional=conditional), labels, data, published)
    rates = {"generator": auto, "encoder": auto, "discriminator": critic, "code_discriminator": critic}
    if data in CENTRES and not published:
        rates["discriminator"] = AdamSpec(3e-3, 0.5, 0.9)
    run = _game("alpha-gan", data, labels, published, objective, rates)
    players = dict(run.players)
    if data not in CENTRES:
        players["code_discriminator"] = replace(players["code_discriminator"], network=MLP(750, 3))
    if published:
        players |= {name: replace(players[name], steps=2) for name in ("generator", "encoder")}
    return replace(run, players=players)


def age(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """AGE: a generator against an encoder, without a discriminator (arXiv 1704.02304)."""
    _refuse_labels("age", labels, conditional)
    points = data in CENTRES and not published
    adam = AdamSpec(1e-3 if points else 2e-4, 0.5, 0.999)
    rates = {"encoder": adam, "generator": adam}
    # A batch of codes is judged by its moments alone: in two dimensions, or from a small network, these say too little.
    network, latent = (MLP(128, 3), 16) if points else (None, 100 if published else 32)
    run = _game("age", data, labels, published, AGE(conditional=conditional), rates, network)
    twice = replace(run.players["generator"], steps=2)
    return replace(run, players=run.players | {"generator": twice}, codes="sphere", latent=latent)


def bayesian_alpha_gan(data: str, labels: Labels = None, published: bool = False, conditional: bool = False) -> Run:
    """A posterior over all four networks of alpha-GAN: pairs of encoder and generator against two discriminators."""
    run = _sampled(alpha_gan(data, labels, published, conditional), "bayesian-alpha-gan", 5, published)
    return run if data in CENTRES or published else replace(run, batch=32, noise_batch=16)


def _adversarial(
    system: str, data: str, labels: Labels, published: bool, conditional: bool, network: Family | None = None
) -> Run:
    learns = labels and not conditional
    rates: Mapping[str, InferenceSpec] = _both(PAPER_ADAM)
    if data in CENTRES and not published:
        rates = POINTS_ADAM
    elif not published:
        rates = {**rates, "discriminator": CLASSIFIER_ADAM} if learns else _both(IMAGES_ADAM)
    # With the penalty a network may learn five times as fast, and keeps its modes.
    objective: AnyObjective = NonSaturating(conditional=conditional, r1=0.0 if data in CENTRES or published else 1.0)
    if learns:
        consistent = _consistency(data, published)
        objective = SemiSupervised(gan_weight=0.25, consistency=consistent) if consistent else SemiSupervised()
    return _game(system, data, labels, published, objective, rates, network)


def _game(
    system: str,
    data: str,
    labels: Labels,
    published: bool,
    objective: AnyObjective,
    rates: Mapping[str, InferenceSpec],
    network: Family | None = None,
) -> Run:
    """Return a run of one particle per player: those of ``rates``, in their order, and the averages that follow."""
    points = data in CENTRES
    family = network or (MLP(64, 2) if points else DCGAN())
    prior = PAPER_PRIOR if published else Normal(1.0)
    axis = {"discriminator": "d", "code_discriminator": "d"}
    players = {name: Player(family, rate, prior, axis.get(name, "g")) for name, rate in rates.items()}
    if "x_weak" in objective.fields("discriminator" if "discriminator" in rates else "generator"):
        players["teacher"] = Player(family, EMASpec("discriminator", 0.995), Flat())
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
        augment=None if points or published else Warp(),
        steps=4000,
        thin=4000,
        latent=2 if points else 100 if published else 32,
    )
    return replace(run, batch=128, noise_batch=128) if points and not published else run


def _both(inference: InferenceSpec) -> dict[str, InferenceSpec]:
    return {"discriminator": inference, "generator": inference}


def _consistency(data: str, published: bool) -> Consistency | None:
    return None if data in CENTRES or published else Consistency(weight=5.0)


def _learning(game: Any, labels: Labels, data: str, published: bool) -> AnyObjective:
    """Return a game, with a class head beside it where there are labels to learn from."""
    if not labels or game.conditional:
        return game  # type: ignore[no-any-return]
    return Classified(game, consistency=_consistency(data, published))


def _refuse_labels(system: str, labels: Labels, conditional: bool) -> None:
    if labels and not conditional:
        raise UsageError(f"{system} does not learn to classify: leave out --labels, or add --conditional")


def _sampled(run: Run, system: str, particles: int, published: bool) -> Run:
    """Return a run whose optimisers become the burn-in of SGHMC, with several generators, and no averages of them."""
    kept = {name: p for name, p in run.players.items() if not name.startswith("averaged_")}
    players = {name: _sampler(p, run.data in CENTRES, published) for name, p in kept.items()}
    players = {name: replace(p, particles=particles) if p.axis == "g" else p for name, p in players.items()}
    return replace(run, system=system, players=players, burn_in=run.steps * 3 // 4, thin=max(1, run.steps // 80))


def _sampler(player: Player, points: bool, published: bool) -> Player:
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
    "wgan": wgan,
    "wgan-gp": wgan_gp,
    "vae": vae,
    "alpha-gan": alpha_gan,
    "age": age,
    "bayesgan": bayesgan,
    "ensemble": ensemble,
    "supervised": supervised,
    "bayesian-alpha-gan": bayesian_alpha_gan,
}
