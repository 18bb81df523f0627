"""Objectives: their optima on problems with known answers, and the formulas of the papers written out."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.networks import MLP
from bayesgan.objectives import Consistency, NonSaturating, SemiSupervised, Supervised
from bayesgan.particles import Ensemble
from bayesgan.posterior import Game, log_posterior
from bayesgan.priors import Flat
from bayesgan.types import Batch, Nets
from contract import close
from problems import TwoGaussians

PROBLEM = TwoGaussians()


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def same(x: Tensor) -> Tensor:
    return x


def value(logit: Callable[[Tensor], Tensor], points: int = 20_000) -> float:
    """The discriminator's value on both Gaussians, by quadrature: a batch of quantiles stands for each."""
    x, fake = PROBLEM.quantiles(points)
    return float(NonSaturating().discriminator(Nets(discriminator=logit, generator=same), Batch(x=x, z=fake)))


# The density ratio


def test_at_the_optimal_discriminator_the_value_is_the_jensen_shannon_divergence() -> None:
    assert value(PROBLEM.log_ratio) == pytest.approx(2 * PROBLEM.divergence() - math.log(4), abs=1e-4)
    assert 0.05 < PROBLEM.divergence() < math.log(2)


@pytest.mark.parametrize("bump", [torch.cos, torch.ones_like, lambda x: x, lambda x: (-x.square()).exp()])
def test_the_log_ratio_is_the_optimum(bump: Callable[[Tensor], Tensor]) -> None:
    best = value(PROBLEM.log_ratio)
    for size in (-0.2, -0.05, 0.05, 0.2):
        assert value(lambda x, size=size: PROBLEM.log_ratio(x) + size * bump(x)) < best - 1e-5


def test_equal_densities_leave_nothing_to_tell() -> None:
    assert value(torch.zeros_like) == pytest.approx(-math.log(4))


def test_a_trained_logit_approaches_the_log_ratio() -> None:
    """The density ratio trick, with the package's own network, lift and prior."""
    x, fake = (t.float() for t in PROBLEM.quantiles(500))
    nets = {"discriminator": Ensemble.init(lambda: MLP(24, 2).discriminator((1,), 1), 1, 0)}
    nets["generator"] = Ensemble.init(lambda: torch.nn.Linear(1, 1), 1, 0)
    for name, leaf in nets["generator"].params.items():
        leaf.data.fill_(1.0 if name == "weight" else 0.0)
    axes = {"discriminator": "d", "generator": "g"}
    game = Game(NonSaturating(), nets, axes, dict.fromkeys(axes, Flat()), dict.fromkeys(axes, 500))
    adam = torch.optim.Adam([*nets["discriminator"].params.values()], 0.01)
    for _ in range(300):
        adam.zero_grad()
        (-log_posterior(game, "discriminator", {"x": x[None], "z": fake[None]})).sum().backward()
        adam.step()
    points = torch.linspace(-2.5, 2.5, 101)[:, None]
    found = nets["discriminator"].particle(0)(points).detach()
    assert (found - PROBLEM.log_ratio(points)).abs().mean() < 0.1


@pytest.mark.parametrize("objective", [NonSaturating(), SemiSupervised()], ids=["GAN", "semi-supervised"])
def test_the_generator_wants_to_look_real(objective: NonSaturating | SemiSupervised) -> None:
    """Raising the logit at G(z) raises G's objective and lowers D's. The sign trap, pinned."""
    batch = Batch(x=numbers(6, 2), z=numbers(5, 2), x_labelled=numbers(4, 2), y=torch.tensor([0, 1, 1, 0]))

    def both(fake_logit: float) -> tuple[Tensor, Tensor]:
        def discriminator(x: Tensor) -> Tensor:
            real = torch.zeros(len(x), objective.outputs("discriminator", 2, 2), dtype=x.dtype)
            return real + fake_logit * (len(x) == 5)

        net = Nets(discriminator=discriminator, generator=same)
        return objective.generator(net, batch), objective.discriminator(net, batch)

    (g_low, d_low), (g_high, d_high) = both(-1.0), both(1.0)
    assert g_high > g_low and d_high < d_low


def test_large_logits_stay_finite() -> None:
    """Logits everywhere, never log(sigmoid(.))."""
    for logit in (-1e4, 1e4):
        net = Nets(discriminator=lambda x, logit=logit: torch.full((len(x), 1), logit), generator=same)
        batch = Batch(x=torch.zeros(3, 1), z=torch.zeros(3, 1))
        assert NonSaturating().discriminator(net, batch).isfinite() and NonSaturating().generator(net, batch).isfinite()


# Semi-supervised


def table(classes: int = 3) -> tuple[Nets, Batch, dict[str, Tensor]]:
    """A linear classifier with a teacher, a batch, and the logits that it gives to every field."""
    weight, other = numbers(4, classes, seed=1), numbers(4, classes, seed=2)
    net = Nets(discriminator=lambda x: x @ weight, generator=same, teacher=lambda x: x @ other)
    images = {name: numbers(7, 4, seed=i + 3) for i, name in enumerate(("x", "z", "x_weak", "x_strong", "x_labelled"))}
    batch = Batch(**images, y=torch.arange(7) % classes, labelled_fraction=torch.tensor(0.25, dtype=torch.float64))
    return net, batch, {name: x @ (other if name == "x_weak" else weight) for name, x in images.items()}


def with_fake_class(logits: Tensor) -> Tensor:
    """Log-probabilities of a softmax over Y + 1 classes whose last, fake, logit is 0."""
    return torch.cat([logits, torch.zeros_like(logits[:, :1])], 1).log_softmax(1)


def test_semi_supervised_is_a_softmax_over_one_more_class() -> None:
    net, batch, logits = table()
    real = (1 - with_fake_class(logits["x"])[:, -1].exp()).log().mean()
    fake = with_fake_class(logits["z"])[:, -1].mean()
    joint = with_fake_class(logits["x_labelled"])
    labelled = (joint.gather(1, batch.y[:, None])[:, 0] - (1 - joint[:, -1].exp()).log()).mean()
    close(SemiSupervised().discriminator(net, batch), real + fake + labelled)
    close(SemiSupervised(2.5, 0.3).discriminator(net, batch), 0.3 * (real + fake) + 2.5 * labelled)
    close(SemiSupervised().generator(net, batch), (1 - with_fake_class(logits["z"])[:, -1].exp()).log().mean())


def test_one_class_is_the_plain_game() -> None:
    net, batch, _ = table(classes=1)
    close(SemiSupervised(0.0).discriminator(net, batch), NonSaturating().discriminator(net, batch))
    close(SemiSupervised().generator(net, batch), NonSaturating().generator(net, batch))


def test_counts_weigh_labels_by_their_share() -> None:
    net, batch, _ = table()
    counted = SemiSupervised("counts")
    assert "labelled_fraction" in counted.fields("discriminator")
    assert "labelled_fraction" not in SemiSupervised().fields("discriminator")
    close(counted.discriminator(net, batch), SemiSupervised(0.25).discriminator(net, batch))


def test_supervised_is_cross_entropy() -> None:
    net, batch, logits = table()
    close(Supervised().discriminator(net, batch), -F.cross_entropy(logits["x_labelled"], batch.y))
    assert Supervised().players == ("discriminator",) and Supervised().outputs("discriminator", 2, 7) == 7


# Consistency


def entropy(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(-1)


def test_targets_are_probabilities_sharper_than_the_teachers() -> None:
    logits = torch.cat([numbers(30, 4), -numbers(30, 4)])
    target = Consistency(temperature=0.5, balance=0.0).target(logits)
    close(target.sum(1), torch.ones(60, dtype=torch.float64))
    assert (target > 0).all() and entropy(target).mean() < 0.8 * entropy(logits.softmax(1)).mean()
    blunt = Consistency(temperature=1.0, balance=0.0).target(logits)
    assert entropy(target).mean() < entropy(blunt).mean()


def test_targets_are_balanced_so_that_no_class_starves() -> None:
    """A teacher that leans to class 0 everywhere: its mean over the batch comes back towards uniform."""
    logits = numbers(200, 4) + torch.tensor([2.0, 0.0, 0.0, -1.0])
    before = logits.softmax(1).mean(0)
    after = Consistency(temperature=1.0).target(logits).mean(0)
    assert before.max() > 0.6 and after.max() < 0.4 and after.min() > 0.15
    close(Consistency(temperature=1.0, balance=1e9).target(logits), logits.softmax(1), rtol=1e-6)


def test_targets_are_the_formula() -> None:
    logits, (t, b) = numbers(9, 3), (0.4, 0.05)
    p = logits.softmax(1)
    ratio = (p / (p.mean(0) + b)) ** (1 / t)
    close(Consistency(1.0, t, b).target(logits), ratio / ratio.sum(1, keepdim=True))


@pytest.mark.parametrize("make", [SemiSupervised, Supervised])
def test_consistency_adds_the_weighted_likelihood_of_the_strong_view(make: Callable) -> None:
    net, batch, logits = table()
    term = Consistency(weight=0.7)
    target = term.target(logits["x_weak"])
    expected = 0.7 * (target * logits["x_strong"].log_softmax(1)).sum(1).mean()
    close(make(consistency=term).discriminator(net, batch) - make().discriminator(net, batch), expected)


@pytest.mark.parametrize("make", [SemiSupervised, Supervised])
def test_without_consistency_no_view_and_no_teacher_is_read(make: Callable) -> None:
    net, batch, _ = table()
    views = {"x_weak", "x_strong"}
    assert not views & {*make().fields("discriminator")}
    assert views <= {*make(consistency=Consistency()).fields("discriminator")}
    del batch.x_weak, batch.x_strong, net.teacher
    assert make().discriminator(net, batch).isfinite()
    with pytest.raises(AttributeError):
        make(consistency=Consistency()).discriminator(net, batch)


@pytest.mark.parametrize("make", [SemiSupervised, Supervised])
def test_fields_are_exactly_what_the_methods_read(make: Callable) -> None:
    for objective in (make(), make(consistency=Consistency())):
        for player in objective.players:
            net, batch, _ = table()
            few = Batch(**{name: getattr(batch, name) for name in objective.fields(player)})
            close(getattr(objective, player)(net, few), getattr(objective, player)(net, batch))


def test_the_teacher_gets_no_gradient() -> None:
    make = MLP(4, 1).discriminator
    nets = {name: Ensemble.init(lambda: make((4,), 3), 2, i) for i, name in enumerate(("discriminator", "teacher"))}
    axes = dict.fromkeys(nets, "d")
    game = Game(Supervised(Consistency()), nets, axes, dict.fromkeys(nets, Flat()), dict.fromkeys(nets, 10))
    fields = {name: numbers(2, 6, 4, seed=i).float() for i, name in enumerate(("x_weak", "x_strong", "x_labelled"))}
    log_posterior(game, "discriminator", fields | {"y": torch.zeros(2, 6, dtype=torch.long)}).sum().backward()
    assert all(leaf.grad is None for leaf in nets["teacher"].params.values())
    assert all(leaf.grad.abs().sum() > 0 for leaf in nets["discriminator"].params.values())
