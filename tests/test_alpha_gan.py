"""alpha-GAN: a Laplace auto-encoder when its discriminators are mute, density ratios when they are trained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch import distributions as D

from bayesgan.data.diffaugment import NUMBERS, DiffAugment
from bayesgan.errors import UsageError
from bayesgan.networks import MLP
from bayesgan.objectives import AlphaGAN, Elbo, Laplace
from bayesgan.types import Batch, Nets
from contract import affine, close, numbers, single, trained, uniform
from problems import log_normal, normal_quantiles

PIXELS = 12
HOW: tuple[Any, ...] = ("both", "explicit", "implicit")
WEIGHTS = {"generator": numbers(3, PIXELS), "encoder": 0.3 * numbers(PIXELS, 6, seed=1)}
WEIGHTS |= {"discriminator": numbers(PIXELS, 1, seed=2), "code_discriminator": numbers(3, 1, seed=3)}


def players(noise: bool = False, **others: Callable[[Tensor], Tensor]) -> Nets:
    """A linear auto-encoder of images of 1 x 3 x 4 pixels, and linear discriminators."""
    w = WEIGHTS
    nets: dict[str, Callable[[Tensor], Tensor]] = {
        "generator": lambda z: (z @ w["generator"]).view(-1, 1, 3, 4),
        "encoder": lambda x: x.flatten(1) @ w["encoder"][:, : 6 if noise else 3],
        "discriminator": lambda x: x.flatten(1) @ w["discriminator"],
        "code_discriminator": lambda z: z @ w["code_discriminator"],
    }
    return Nets(**nets | others)


def seen() -> Batch:
    return Batch(x=numbers(5, 1, 3, 4, seed=4), z=numbers(7, 3, seed=5), eps=numbers(5, 3, seed=6))


def parts(nets: Nets, batch: Batch, noise: bool = False) -> dict[str, Tensor]:
    """What the paper's equations are made of: the error, and the discriminators' logits on each kind of input."""
    out = nets.encoder(batch.x)
    z = out[:, :3] + out[:, 3:].sigmoid().sqrt() * batch.eps if noise else out
    again, fake = nets.generator(z), nets.generator(batch.z)
    images = {"real": batch.x, "again": again, "fake": fake}
    logits = {name: nets.discriminator(x) for name, x in images.items()}
    codes = {"prior": nets.code_discriminator(batch.z), "posterior": nets.code_discriminator(z)}
    return {**logits, **codes, "error": (batch.x - again).abs().mean()}


# The paper, written out


@pytest.mark.parametrize("noise", [False, True], ids=["deterministic", "Gaussian"])
@pytest.mark.parametrize("how", HOW)
def test_every_player_has_the_objective_of_the_paper(how: Any, noise: bool) -> None:
    nets, batch = players(noise), seen()
    p, game = parts(nets, batch, noise), AlphaGAN(weight=3.0, likelihood=how, noise=noise)
    error = 0.0 if how == "implicit" else 3 * p["error"]
    judged = 0.0 if how == "explicit" else p["again"].mean() + p["fake"].mean()
    close(game.generator(nets, batch), judged - error)
    extra = p["again"].mean() if how == "implicit" else 0.0
    close(game.encoder(nets, batch), p["posterior"].mean() + extra - error)
    real, fakes = F.logsigmoid(p["real"]).mean(), [F.logsigmoid(-p[name]).mean() for name in ("again", "fake")]
    close(game.discriminator(nets, batch), 2 * real + fakes[0] + fakes[1])
    codes = F.logsigmoid(p["prior"]).mean() + F.logsigmoid(-p["posterior"]).mean()
    close(game.code_discriminator(nets, batch), codes)


def test_switches_leave_out_what_they_say() -> None:
    reads = {how: {name: {*AlphaGAN(likelihood=how).fields(name)} for name in AlphaGAN.players} for how in HOW}
    assert reads["explicit"]["generator"] == {"x"} and reads["both"]["generator"] == {"x", "z"}
    for how in HOW:
        assert reads[how]["encoder"] == {"x"}
        assert reads[how]["discriminator"] == reads[how]["code_discriminator"] == {"x", "z"}
    judged = {how: {name for name in AlphaGAN.players if AlphaGAN(likelihood=how).judged(name)} for how in HOW}
    assert judged["explicit"] == {"discriminator"} and judged["both"] == {"discriminator", "generator"}
    assert judged["implicit"] == {"discriminator", "generator", "encoder"}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("player", AlphaGAN.players)
def test_whoever_is_not_asked_is_not_needed(player: str, how: Any) -> None:
    """Without the network that a switch drops the value is the same; without one that it needs there is none."""
    game, batch = AlphaGAN(likelihood=how), seen()
    needs = {"generator", "encoder"} if player != "code_discriminator" else {"encoder", "code_discriminator"}
    needs |= {"code_discriminator"} if player == "encoder" else set()
    needs |= {"discriminator"} if game.judged(player) else set()
    nets = {name: net for name, net in vars(players()).items() if name in needs}
    close(getattr(game, player)(Nets(**nets), batch), getattr(game, player)(players(), batch))
    for name in needs:
        with pytest.raises(AttributeError, match=name):
            getattr(game, player)(Nets(**{other: net for other, net in nets.items() if other != name}), batch)


def test_a_deterministic_encoder_puts_out_the_code() -> None:
    out, eps = numbers(4, 6), numbers(4, 3, seed=1)
    assert AlphaGAN().outputs("encoder", 3, 10) == 3 and AlphaGAN(noise=True).outputs("encoder", 3, 10) == 6
    assert torch.equal(AlphaGAN().code(out[:, :3]), out[:, :3])
    close(AlphaGAN(noise=True).code(out, eps), out[:, :3] + out[:, 3:].sigmoid().sqrt() * eps)
    close(AlphaGAN(noise=True).code(out), out[:, :3])
    assert "eps" not in AlphaGAN().fields("generator")
    assert all(AlphaGAN(noise=True).fields(player)["eps"] == "encoder" for player in AlphaGAN.players)


# A Laplace auto-encoder


@pytest.mark.parametrize("noise", [False, True], ids=["deterministic", "Gaussian"])
@pytest.mark.parametrize("how", ["both", "explicit"])
@pytest.mark.parametrize("player", ["generator", "encoder"])
def test_with_mute_discriminators_it_is_a_laplace_auto_encoder(player: str, how: Any, noise: bool) -> None:
    """Of scale n / weight with n pixels, up to a constant; the gradients are equal."""
    weight, found = 5.0, []
    scale = PIXELS / weight
    for laplace in (False, True):
        leaves = {name: w.clone().requires_grad_() for name, w in WEIGHTS.items()}
        nets = Nets(
            generator=lambda z, w=leaves: (z @ w["generator"]).view(-1, 1, 3, 4),
            encoder=lambda x, w=leaves: x.flatten(1) @ w["encoder"][:, : 6 if noise else 3],
            discriminator=lambda x: torch.zeros(len(x), 1, dtype=x.dtype),
            code_discriminator=lambda z: torch.zeros(len(z), 1, dtype=z.dtype),
        )
        batch = seen()
        if laplace:
            density = D.Laplace(AlphaGAN(noise=noise).reconstruction(nets, batch), scale)
            value = density.log_prob(batch.x).flatten(1).sum(1).mean() + PIXELS * math.log(2 * scale)
        else:
            value = getattr(AlphaGAN(weight=weight, likelihood=how, noise=noise), player)(nets, batch)
        slopes = torch.autograd.grad(value, [leaves["generator"], leaves["encoder"]])
        assert all(slope.abs().sum() > 0 for slope in slopes)
        found.append((value.detach(), slopes))
    close(*found)


def test_a_gaussian_encoder_has_the_decoders_objective_of_the_bound() -> None:
    """Likelihood 1 alone is the reconstruction term of a VAE; C stands for its divergence."""
    nets, batch, weight = players(True), seen(), 5.0
    bound = Elbo(Laplace(PIXELS / weight)).generator(nets, batch)
    mute = AlphaGAN(weight=weight, likelihood="explicit", noise=True).generator(nets, batch)
    close(bound - mute, torch.tensor(-PIXELS * math.log(2 * PIXELS / weight), dtype=torch.float64))


# Signs


def raised(player: str, kind: str, amount: float) -> Nets:
    """Players whose discriminator ``player`` says more of one kind of input: real, again, fake, prior, posterior."""
    nets, batch = players(), seen()
    z = nets.encoder(batch.x)
    inputs = {"real": batch.x, "again": nets.generator(z), "fake": nets.generator(batch.z), "prior": batch.z}
    mine, judge = (inputs | {"posterior": z})[kind], getattr(nets, player)
    return players(**{player: lambda x: judge(x) + amount * float(torch.equal(x, mine))})


@pytest.mark.parametrize(("kind", "sign"), [("real", 1), ("again", -1), ("fake", -1)])
def test_the_discriminator_counts_reconstructions_and_samples_as_fakes(kind: str, sign: int) -> None:
    """And each kind by its weight: real images twice."""
    batch, (low, high) = seen(), (raised("discriminator", kind, a) for a in (-1.0, 1.0))
    change = AlphaGAN().discriminator(high, batch) - AlphaGAN().discriminator(low, batch)
    logit = parts(players(), batch)[kind]
    step = (F.logsigmoid(sign * (logit + 1)) - F.logsigmoid(sign * (logit - 1))).mean()
    assert sign * change > 0
    close(change, (2 if kind == "real" else 1) * step)


@pytest.mark.parametrize("kind", ["again", "fake"])
@pytest.mark.parametrize("how", ["both", "implicit"])
def test_the_generator_wants_reconstructions_and_samples_to_look_real(how: Any, kind: str) -> None:
    """+ log D / (1 - D), not the talk's log (1 - D) / D: raising d(G(z)) raises G's objective and lowers D's."""
    game, batch, (low, high) = AlphaGAN(likelihood=how), seen(), (raised("discriminator", kind, a) for a in (0, 1))
    close(game.generator(high, batch) - game.generator(low, batch), torch.tensor(1.0, dtype=torch.float64))
    assert game.discriminator(high, batch) < game.discriminator(low, batch)


def test_the_encoder_wants_its_codes_to_look_like_the_prior() -> None:
    """Version 1 of the paper swaps prior and posterior: raising c(z_q) lowers C's objective and raises E's."""
    game, batch = AlphaGAN(), seen()
    low, high = (raised("code_discriminator", "posterior", a) for a in (0, 1))
    close(game.encoder(high, batch) - game.encoder(low, batch), torch.tensor(1.0, dtype=torch.float64))
    assert game.code_discriminator(high, batch) < game.code_discriminator(low, batch)
    low, high = (raised("code_discriminator", "prior", a) for a in (0, 1))
    assert game.code_discriminator(high, batch) > game.code_discriminator(low, batch)
    close(game.encoder(high, batch), game.encoder(low, batch))


# Density ratios

RATES = {"encoder": (0.7, 0.3), "generator": (1.1, -0.5)}
DATA = 0.5


def log_ratio_of_images(x: Tensor) -> Tensor:
    """``log p* / p_theta``, p_theta the equal mixture of reconstructions and samples, all Gaussians on the line."""
    (a, b), (c, d) = RATES["encoder"], RATES["generator"]
    again, fake = log_normal(x, c * (a * DATA + b) + d, a * c), log_normal(x, d, c)
    return log_normal(x, DATA, 1.0) - torch.logaddexp(again, fake) + math.log(2)


def log_ratio_of_codes(z: Tensor) -> Tensor:
    """``log p(z) / q(z)``, q the distribution of codes of all images."""
    a, b = RATES["encoder"]
    return log_normal(z, 0.0, 1.0) - log_normal(z, a * DATA + b, a)


def quantiles(count: int) -> Batch:
    u = normal_quantiles(count)
    return Batch(x=DATA + u, z=u)


def line(**others: Callable[[Tensor], Tensor]) -> Nets:
    linear = {name: lambda x, a=a, b=b: a * x + b for name, (a, b) in RATES.items()}
    return Nets(**linear, **others)


@pytest.mark.parametrize("bump", [torch.cos, torch.ones_like, lambda x: x, lambda x: (-x.square()).exp()])
@pytest.mark.parametrize("size", [-0.2, -0.05, 0.05, 0.2])
def test_the_log_ratios_are_the_optima(bump: Callable[[Tensor], Tensor], size: float) -> None:
    ratios = {"discriminator": log_ratio_of_images, "code_discriminator": log_ratio_of_codes}
    for player, ratio in ratios.items():
        method, batch = getattr(AlphaGAN(), player), quantiles(20_000)
        best = method(line(**{player: ratio}), batch)
        other = method(line(**{player: lambda x, r=ratio: r(x) + size * bump(x)}), batch)
        assert other < best - 1e-5, player


@pytest.mark.parametrize("player", ["discriminator", "code_discriminator"])
def test_trained_logits_approach_the_log_ratios(player: str) -> None:
    """With the package's own network, lift and prior."""
    ratio = log_ratio_of_images if player == "discriminator" else log_ratio_of_codes
    makers: dict[str, Any] = {name: lambda ab=ab: affine(*ab) for name, ab in RATES.items()}
    game = single(AlphaGAN(), **makers | {player: lambda: MLP(24, 2).discriminator((1,), 1)})
    fields = {name: t.float()[None] for name, t in vars(quantiles(400)).items()}
    logit = trained(game, player, lambda _: fields)
    points = torch.linspace(-1.5, 1.8, 101)[:, None]
    expected = ratio(points)
    assert (logit(points).detach() - expected).abs().mean() < 0.1 < expected.abs().mean() / 3


def test_mute_discriminators_are_right_where_there_is_nothing_to_tell() -> None:
    """Codes of the prior and images of the data: at 0 both have their values of certainty in nothing."""
    nets = Nets(generator=lambda z: z, encoder=lambda x: x, discriminator=torch.zeros_like)
    nets.code_discriminator = torch.zeros_like
    batch = Batch(x=numbers(5, 1), z=numbers(5, 1))
    close(AlphaGAN().discriminator(nets, batch), torch.tensor(-4 * math.log(2), dtype=torch.float64))
    close(AlphaGAN().code_discriminator(nets, batch), torch.tensor(-2 * math.log(2), dtype=torch.float64))


# Switches


@pytest.mark.parametrize(("how", "player"), [*itertools.product(HOW, AlphaGAN.players)])
def test_augmentation_is_of_what_the_discriminator_sees_alone(how: Any, player: str) -> None:
    """The error is that of the images as they are."""
    batch = seen()
    batch.jitter = uniform(7, NUMBERS)
    nets, augment, game = players(), DiffAugment(), AlphaGAN(likelihood=how)
    judge = nets.discriminator
    augmented = getattr(replace(game, augment=augment), player)(nets, batch)
    nets.discriminator = lambda x: judge(augment(x, batch.jitter))
    close(augmented, getattr(game, player)(nets, batch))
    assert ("jitter" in replace(game, augment=augment).fields(player)) == game.judged(player)


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_weights_are_not_negative(value: float) -> None:
    with pytest.raises(UsageError, match=f"AlphaGAN: weight = {value}: expected 0 or more"):
        AlphaGAN(weight=value)
