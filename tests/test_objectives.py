"""Objectives: their optima on problems with known answers, and the formulas of the papers written out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.data.diffaugment import NUMBERS, DiffAugment
from bayesgan.networks import MLP
from bayesgan.objectives import (
    AnyObjective,
    Consistency,
    Hinge,
    Minimax,
    NonSaturating,
    Relativistic,
    SemiSupervised,
    Supervised,
    Wasserstein,
)
from bayesgan.particles import Ensemble
from bayesgan.posterior import Game, log_posterior
from bayesgan.priors import Flat
from bayesgan.types import Batch, Nets
from contract import affine, close, instances, numbers, same, single, trained, uniform
from problems import TwoGaussians

PROBLEM = TwoGaussians()
GAMES = [NonSaturating(), Minimax(), Hinge(), Relativistic(r1=0.0, r2=0.0), Wasserstein(), SemiSupervised()]
BUMPS = [torch.cos, torch.ones_like, lambda x: x, lambda x: (-x.square()).exp()]
PLAIN = [NonSaturating(), Minimax()]


def value(logit: Callable[[Tensor], Tensor], objective: Any = PLAIN[0], points: int = 20_000) -> float:
    """The discriminator's value on both Gaussians, by quadrature: a batch of quantiles stands for each."""
    x, fake = PROBLEM.quantiles(points)
    return float(objective.discriminator(Nets(discriminator=logit, generator=same), Batch(x=x, z=fake)))


def known(objective: Any) -> str:
    return type(objective).__name__


# The density ratio


@pytest.mark.parametrize("objective", PLAIN, ids=known)
def test_at_the_optimal_discriminator_the_value_is_the_jensen_shannon_divergence(objective: Any) -> None:
    best = value(PROBLEM.log_ratio, objective)
    assert best == pytest.approx(2 * PROBLEM.divergence() - math.log(4), abs=1e-4)
    assert 0.05 < PROBLEM.divergence() < math.log(2)


@pytest.mark.parametrize("objective", PLAIN, ids=known)
@pytest.mark.parametrize("bump", BUMPS)
def test_the_log_ratio_is_the_optimum(bump: Callable[[Tensor], Tensor], objective: Any) -> None:
    best = value(PROBLEM.log_ratio, objective)
    for size in (-0.2, -0.05, 0.05, 0.2):
        assert value(lambda x, size=size: PROBLEM.log_ratio(x) + size * bump(x), objective) < best - 1e-5


def test_equal_densities_leave_nothing_to_tell() -> None:
    assert value(torch.zeros_like) == pytest.approx(-math.log(4))


def test_a_trained_logit_approaches_the_log_ratio() -> None:
    """The density ratio trick, with the package's own network, lift and prior."""
    x, fake = (t.float()[None] for t in PROBLEM.quantiles(500))
    makers = {"discriminator": lambda: MLP(24, 2).discriminator((1,), 1), "generator": lambda: affine(1.0, 0.0)}
    game = single(NonSaturating(), **makers)
    logit = trained(game, "discriminator", lambda _: {"x": x, "z": fake})
    points = torch.linspace(-2.5, 2.5, 101)[:, None]
    assert (logit(points).detach() - PROBLEM.log_ratio(points)).abs().mean() < 0.1


# The zero-sum game


def test_minimax_is_zero_sum() -> None:
    """What the generator gains the discriminator loses; the rest of its value is no business of the generator's."""
    batch, weight = Batch(x=numbers(7, 3), z=numbers(5, 3, seed=1)), numbers(3, 1, seed=2)
    shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    net = Nets(discriminator=lambda x: x @ weight, generator=lambda z: z.tanh() + shift)
    gain, loss = Minimax().generator(net, batch), Minimax().discriminator(net, batch)
    close(gain + loss, F.logsigmoid(batch.x @ weight).mean())
    close(*(torch.autograd.grad(sign * v, shift)[0] for sign, v in ((1, gain), (-1, loss))))
    close(loss, NonSaturating().discriminator(net, batch))


def test_the_minimax_generator_descends_on_the_divergence() -> None:
    """At the optimal discriminator its gradient is minus that of 2 JSD, here by the shift of a Gaussian."""
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    net = Nets(discriminator=PROBLEM.log_ratio, generator=lambda z: z + shift)
    batch = Batch(z=PROBLEM.quantiles(20_000)[1])
    (slope,) = torch.autograd.grad(Minimax().generator(net, batch), shift)
    above, below = (replace(PROBLEM, mean_q=PROBLEM.mean_q + h).divergence() for h in (1e-4, -1e-4))
    assert float(slope) == pytest.approx(-2 * (above - below) / 2e-4, rel=1e-3)
    (other,) = torch.autograd.grad(NonSaturating().generator(net, batch), shift)
    assert slope > 0 and other > 1.5 * slope


def test_only_the_saturating_generator_starves_where_the_discriminator_is_sure() -> None:
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    net = Nets(discriminator=lambda x: x - 30, generator=lambda z: z + shift)
    slopes = [torch.autograd.grad(g.generator(net, Batch(z=numbers(9, 1))), shift)[0] for g in PLAIN]
    assert slopes[0] > 0.999 and 0 < slopes[1] < 1e-9


# Hinge


def test_at_the_optimal_hinge_the_value_is_the_total_variation() -> None:
    best = value(lambda x: PROBLEM.log_ratio(x).sign(), Hinge())
    assert best == pytest.approx(2 * PROBLEM.total_variation() - 2, abs=2e-4)
    assert 0.2 < PROBLEM.total_variation() < 0.8


def test_no_other_logit_has_less_hinge() -> None:
    def sign(x: Tensor) -> Tensor:
        return PROBLEM.log_ratio(x).sign()

    best = value(sign, Hinge())
    others = [PROBLEM.log_ratio, torch.zeros_like, lambda x: 2 * sign(x), lambda x: 0.5 * sign(x), lambda x: -sign(x)]
    others += [lambda x, b=bump, c=size: sign(x) + c * b(x) for bump in BUMPS for size in (-0.2, -0.05, 0.05, 0.2)]
    assert all(value(other, Hinge()) < best - 1e-3 for other in others)


def test_beyond_the_margin_the_hinge_is_satisfied() -> None:
    x, z = torch.full((4, 1), 1.5), torch.full((4, 1), -1.5)
    net = Nets(discriminator=same, generator=same)
    assert Hinge().discriminator(net, Batch(x=x, z=z)) == 0
    close(Hinge().discriminator(net, Batch(x=z, z=x)), torch.tensor(-5.0))
    close(Hinge().generator(net, Batch(z=z)), torch.tensor(-1.5))


# Relativistic: pairs


PAIRED = Relativistic(r1=0.0, r2=0.0)


def paired(logit: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> float:
    """The discriminator's value over all pairs of real and generated points."""
    return float(PAIRED.discriminator(Nets(discriminator=logit, generator=same), Batch(x=real, z=fake)))


@pytest.mark.parametrize("bump", [torch.cos, lambda x: x, lambda x: (-x.square()).exp()])
def test_the_optimum_over_pairs_is_the_log_ratio(bump: Callable[[Tensor], Tensor]) -> None:
    """``P(first is real | an unordered pair) = s(r(x) - r(y))`` with r the log ratio."""
    real, fake = PROBLEM.quantiles(400)
    best = paired(PROBLEM.log_ratio, real, fake)
    assert best > -math.log(2) + 0.05
    for size in (-0.2, 0.2):
        assert paired(lambda x, size=size: PROBLEM.log_ratio(x) + size * bump(x), real, fake) < best - 1e-5
    assert paired(lambda x: PROBLEM.log_ratio(x) + 1.7, real, fake) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("bump", [torch.cos, lambda x: x, lambda x: (-x.square()).exp()])
def test_at_equal_densities_a_constant_is_the_optimum_with_value_minus_log_2(bump: Callable[[Tensor], Tensor]) -> None:
    real, _ = PROBLEM.quantiles(200)
    assert paired(lambda x: torch.full_like(x, 0.3), real, real) == pytest.approx(-math.log(2))
    assert paired(lambda x: 0.1 * bump(x), real, real) < -math.log(2) - 1e-5


def test_every_real_image_is_paired_with_every_generated_one_and_a_constant_cancels() -> None:
    weight, batch = numbers(3, 1), Batch(x=numbers(7, 3, seed=1), z=numbers(4, 3, seed=2))
    net, raised = (Nets(discriminator=lambda x, c=c: x @ weight + c, generator=same) for c in (0.0, 5.0))
    difference = torch.stack([x - z for x in batch.x for z in batch.z]) @ weight
    # The generator's own real images are as many as those it makes.
    for player, part in ((PAIRED.discriminator, difference), (PAIRED.generator, -difference[: 4 * 4])):
        close(player(net, batch), F.logsigmoid(part).mean())
        close(player(raised, batch), player(net, batch))


def test_r1_is_at_real_images_and_r2_at_generated_ones() -> None:
    """A quadratic discriminator, ``d(x) = a |x|^2 / 2`` over all pixels: its slope at x is ``a x``."""
    x, z, a = numbers(4, 3, 2, 5), numbers(4, 3, 2, 5, seed=1), 0.7
    net = Nets(discriminator=lambda image: a / 2 * image.square().flatten(1).sum(1, keepdim=True), generator=same)
    r1, r2 = (a**2 * image.square().flatten(1).sum(1).mean() / 2 for image in (x, z))
    plain, batch = PAIRED.discriminator(net, Batch(x=x, z=z)), Batch(x=x, z=z)
    for weights in ((0.3, 0.0), (0.0, 2.0), (0.3, 2.0)):
        close(Relativistic(None, False, *weights).discriminator(net, batch), plain - weights[0] * r1 - weights[1] * r2)
        close(Relativistic(None, False, *weights).generator(net, batch), PAIRED.generator(net, batch))


# Every game


@pytest.mark.parametrize("objective", GAMES, ids=known)
def test_the_generator_wants_to_look_real(objective: Any) -> None:
    """Raising the logit at G(z) raises G's objective and lowers D's. The sign trap, pinned."""
    batch = Batch(x=numbers(6, 2), z=numbers(5, 2) + 100, x_labelled=numbers(4, 2), y=torch.tensor([0, 1, 1, 0]))

    def both(fake_logit: float) -> tuple[Tensor, Tensor]:
        def discriminator(x: Tensor) -> Tensor:
            real = torch.zeros(len(x), objective.outputs("discriminator", 2, 2), dtype=x.dtype)
            return real + fake_logit * (x[:, :1] > 50)

        net = Nets(discriminator=discriminator, generator=same)
        return objective.generator(net, batch), objective.discriminator(net, batch)

    (g_low, d_low), (g_high, d_high) = both(-0.5), both(0.5)
    assert g_high > g_low and d_high < d_low


@pytest.mark.parametrize("objective", GAMES, ids=known)
def test_the_discriminator_wants_real_images_to_look_real(objective: Any) -> None:
    batch = Batch(x=numbers(6, 2) + 100, z=numbers(5, 2), x_labelled=numbers(4, 2), y=torch.tensor([0, 1, 1, 0]))

    def value(real_logit: float) -> Tensor:
        def discriminator(x: Tensor) -> Tensor:
            fake = torch.zeros(len(x), objective.outputs("discriminator", 2, 2), dtype=x.dtype)
            return fake + real_logit * (x[:, :1] > 50)

        return objective.discriminator(Nets(discriminator=discriminator, generator=same), batch)

    assert value(0.5) > value(-0.5)


@pytest.mark.parametrize("objective", GAMES, ids=known)
def test_large_logits_stay_finite(objective: Any) -> None:
    """Logits everywhere, never log(sigmoid(.))."""
    for logit in (-1e4, 1e4):
        net = Nets(discriminator=lambda x, logit=logit: torch.full((len(x), 1), logit), generator=same)
        batch = Batch(x=torch.zeros(3, 1), z=torch.zeros(3, 1), x_labelled=torch.zeros(3, 1), y=torch.zeros(3).long())
        assert objective.discriminator(net, batch).isfinite() and objective.generator(net, batch).isfinite()


# Switches that several games have


AUGMENTED = [*GAMES[:3], Relativistic(), Wasserstein(penalty=10.0), SemiSupervised(0.0)]
AUGMENTED += [SemiSupervised(0.0, feature_matching=True)]


@pytest.mark.parametrize("objective", AUGMENTED, ids=repr)
def test_augmentation_changes_what_the_discriminator_sees_and_nothing_else(objective: Any) -> None:
    """It is the plain game on augmented images, real and generated ones with the same numbers row by row."""
    torch.manual_seed(0)
    augment, batch = DiffAugment(), pictures(6, 4)
    discriminator = MLP(8, 1).discriminator((3, 6, 6), 1).double()
    net = Nets(discriminator=discriminator, generator=torch.tanh)
    seen = Nets(discriminator=discriminator, generator=lambda z: augment(z.tanh(), batch.jitter))
    shown = Batch(**vars(batch) | {"x": augment(batch.x, batch.jitter)})
    for player in objective.players:
        method = getattr(replace(objective, augment=augment), player)
        close(method(net, batch), getattr(objective, player)(seen, shown))
        assert not torch.isclose(method(net, batch), getattr(objective, player)(net, batch))
        assert {*replace(objective, augment=augment).fields(player)} == {*objective.fields(player), "jitter"}


def pictures(real: int, fake: int) -> Batch:
    """Images, codes of their shape, and random numbers for both."""
    images = {name: numbers(n, 3, 6, 6, seed=n) for name, n in (("x", real), ("z", fake), ("x_labelled", real))}
    return Batch(**images, y=torch.zeros(real).long(), jitter=uniform(real, NUMBERS), mix=uniform(real))


@pytest.mark.parametrize("objective", [*GAMES[:3], PAIRED], ids=known)
def test_equal_images_look_equal_so_that_no_augmentation_tells_them_apart(objective: Any) -> None:
    seen: list[Tensor] = []
    net = Nets(discriminator=lambda x: seen.append(x) or x.flatten(1)[:, :1], generator=same)
    batch = Batch(x=numbers(5, 3, 6, 6), z=numbers(5, 3, 6, 6), jitter=uniform(5, NUMBERS))
    replace(objective, augment=DiffAugment()).discriminator(net, batch)
    assert len(seen) == 2 and torch.equal(*seen) and not torch.allclose(seen[0], batch.x)


CONDITIONAL = [e for cls in get_args(AnyObjective) for e in instances(cls) if e.conditioned]


@pytest.mark.parametrize("objective", CONDITIONAL, ids=known)
def test_every_image_and_code_goes_with_its_own_class(objective: Any) -> None:
    """Images and codes that show their class, by their largest number, to networks that check it against the label."""
    told: list[str] = []

    def check(player: str, x: Tensor, label: Tensor) -> Tensor:
        told.append(player)
        assert torch.equal(x.argmax(1), label.argmax(1)), player
        return x

    def one(player: str) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda x, label: check(player, x, label).sum(1, keepdim=True)

    outputs = objective.outputs("encoder", 3, 3) if "encoder" in objective.players else 3
    label, wanted = (torch.eye(3, dtype=torch.float64)[rows] for rows in ([0, 1, 2, 1], [2, 2, 0]))
    batch = Batch(x=0.5 * label, label=label, z=0.7 * wanted, wanted=wanted, mix=torch.ones(4).double())
    batch.eps = torch.zeros_like(batch.x)
    nets = Nets(
        generator=lambda z, label: check("generator", z, label),
        encoder=lambda x, label: F.pad(check("encoder", x, label), (0, outputs - 3)),
        discriminator=one("discriminator"),
        code_discriminator=one("code_discriminator"),
    )
    objective = replace(objective, augment=None) if hasattr(objective, "augment") else objective
    for player in objective.players:
        few = Batch(**{name: getattr(batch, name) for name in objective.fields(player)})
        assert getattr(objective, player)(nets, few).isfinite()
    assert {*told} == {*objective.conditioned} == {*objective.players}


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


def test_feature_matching_is_the_distance_of_mean_features() -> None:
    """Salimans et al. 2016, section 3.1, with the package's own network and its last hidden layer."""
    torch.manual_seed(0)
    head = MLP(5, 2).discriminator((4,), 3).double()
    x, z, transform = numbers(7, 4), numbers(6, 4, seed=1), numbers(4, 4, seed=2)
    net, matching = Nets(discriminator=head, generator=lambda z: z @ transform), SemiSupervised(feature_matching=True)
    difference = head.trunk(x).mean(0) - head.trunk(z @ transform).mean(0)
    assert difference.shape == (5,)
    close(matching.generator(net, Batch(x=x, z=z)), -(difference**2).sum())
    assert {*matching.fields("generator")} - {*SemiSupervised().fields("generator")} == {"x"}
    assert matching.fields("discriminator") == SemiSupervised().fields("discriminator")


def test_features_match_in_their_mean_alone() -> None:
    torch.manual_seed(0)
    net = Nets(discriminator=MLP(5, 2).discriminator((4,), 3).double(), generator=same)
    x, matching = numbers(6, 4), SemiSupervised(feature_matching=True)
    close(matching.generator(net, Batch(x=x, z=x.flip(0))), torch.zeros((), dtype=torch.float64))
    assert matching.generator(net, Batch(x=x, z=x + 0.5)) < -1e-4


def test_labelled_images_are_not_augmented() -> None:
    """The switch is of the adversarial terms; labels see the run's own augmentation."""
    torch.manual_seed(0)
    head, batch = MLP(8, 1).discriminator((3, 6, 6), 2).double(), pictures(6, 4)
    net = Nets(discriminator=head, generator=torch.tanh)
    labels = [
        SemiSupervised(weight, augment=augment).discriminator(net, batch)
        for augment in (None, DiffAugment())
        for weight in (0.0, 1.0)
    ]
    close(labels[1] - labels[0], labels[3] - labels[2])
    close(labels[1] - labels[0], -F.cross_entropy(head(batch.x_labelled), batch.y))


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


def test_interpolation_moves_weight_to_mixtures_of_views() -> None:
    """Mixture i is of image i and the one before; a linear network's logits mix alike, and so do the targets."""
    net, batch, logits = table()
    target, mix = Consistency().target(logits["x_weak"]), uniform(len(batch.x_strong))
    batch.views_mix = mix
    before = [*range(-1, len(mix) - 1)]
    mixed, soft = (mix[:, None] * x + (1 - mix[:, None]) * x[before] for x in (logits["x_strong"], target))
    added = (soft * mixed.log_softmax(1)).sum(1).mean()
    plain, part, all_of_it = (Consistency(0.7, interpolation=w).log_likelihood(net, batch) for w in (0.0, 0.2, 1.0))
    close(all_of_it, 0.7 * added)
    close(part, 0.8 * plain + 0.2 * all_of_it)


@pytest.mark.parametrize("make", [SemiSupervised, Supervised])
def test_without_consistency_no_view_and_no_teacher_is_read(make: Callable) -> None:
    net, batch, _ = table()
    views = {"x_weak", "x_strong"}
    assert not views & {*make().fields("discriminator")}
    assert views <= {*make(consistency=Consistency()).fields("discriminator")}
    more = make(consistency=Consistency(interpolation=0.5)).fields("discriminator").keys()
    assert more - make(consistency=Consistency()).fields("discriminator").keys() == {"views_mix"}
    del batch.x_weak, batch.x_strong, net.teacher
    assert make().discriminator(net, batch).isfinite()
    with pytest.raises(AttributeError):
        make(consistency=Consistency()).discriminator(net, batch)


def test_the_teacher_gets_no_gradient() -> None:
    make = MLP(4, 1).discriminator
    nets = {name: Ensemble.init(lambda: make((4,), 3), 2, i) for i, name in enumerate(("discriminator", "teacher"))}
    axes = dict.fromkeys(nets, "d")
    game = Game(Supervised(Consistency()), nets, axes, dict.fromkeys(nets, Flat()), dict.fromkeys(nets, 10))
    fields = {name: numbers(2, 6, 4, seed=i).float() for i, name in enumerate(("x_weak", "x_strong", "x_labelled"))}
    log_posterior(game, "discriminator", fields | {"y": torch.zeros(2, 6, dtype=torch.long)}).sum().backward()
    assert all(leaf.grad is None for leaf in nets["teacher"].params.values())
    assert all(leaf.grad.abs().sum() > 0 for leaf in nets["discriminator"].params.values())
