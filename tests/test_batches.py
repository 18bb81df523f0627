"""Minibatches: every field is what the legend says, and a pure function of seed, player, step and particle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesgan.config import Run
from bayesgan.data.batches import Batches, to_float
from bayesgan.data.codes import on_sphere
from bayesgan.data.diffaugment import DiffAugment
from bayesgan.data.labels import Training
from bayesgan.objectives import (
    AGE,
    AlphaGAN,
    Consistency,
    Elbo,
    Hinge,
    Minimax,
    NonSaturating,
    Relativistic,
    SemiSupervised,
    Supervised,
    Wasserstein,
)
from bayesgan.posterior import log_likelihood
from bayesgan.seeds import generator
from contract import CPU, close, double, double_batch, experiment, training

CONDITIONAL = [
    NonSaturating(conditional=True),
    Relativistic(conditional=True),
    Wasserstein(conditional=True, penalty=1.0),
    Elbo(conditional=True),
    AlphaGAN(conditional=True),
    AGE(conditional=True),
]


def counted() -> Training:
    """Image i is filled with i; the first twelve have labels."""
    data = training()
    images = data.images.copy()
    images[:] = torch.arange(len(images), dtype=torch.uint8).numpy()[:, None, None, None]
    return replace(data, images=images)


def batches(objective: Any, data: Training | None = None, particles: int = 2, **options: Any) -> tuple[Run, Batches]:
    run, _, _ = experiment(objective, particles, **options)
    return run, Batches(run, data or counted(), CPU)


def which(x: Tensor) -> Tensor:
    """The numbers of the images ``(..., C, H, W)`` of :func:`counted`."""
    images = ((x + 1) * 127.5).round()
    assert (images == images[..., :1, :1, :1]).all()
    return images[..., 0, 0, 0].long()


# Conditional games


@pytest.mark.parametrize("objective", CONDITIONAL, ids=lambda o: type(o).__name__)
def test_labels_are_those_of_the_images_beside_them(objective: Any) -> None:
    data = counted()
    _, draw = batches(objective, data)
    seen: set[int] = set()
    for player in objective.players:
        if "label" not in objective.fields(player):
            continue
        for step in range(20):
            batch = draw(player, step)
            numbers = which(batch["x"])
            assert batch["label"].shape == (*numbers.shape, 3) and (batch["label"].sum(-1) == 1).all()
            assert torch.equal(batch["label"].argmax(-1), torch.from_numpy(data.labels)[numbers])
            seen |= {*numbers.flatten().tolist()}
    assert seen == {*range(12)}, "the labelled images, and all of them"


def test_labels_need_not_be_those_of_the_first_images() -> None:
    """The images' numbers and the labels' are different things."""
    data = counted()
    odd = replace(data, labelled=data.labelled * 2 + 1)
    batch = batches(CONDITIONAL[0], odd)[1]("discriminator", 0)
    numbers = which(batch["x"])
    assert (numbers % 2 == 1).all()
    assert torch.equal(batch["label"].argmax(-1), torch.from_numpy(data.labels)[(numbers - 1) // 2])


def test_without_classes_all_training_images_are_drawn() -> None:
    _, draw = batches(NonSaturating())
    seen = {n for step in range(40) for n in which(draw("discriminator", step)["x"]).flatten().tolist()}
    assert seen == {*range(24)}


def test_wanted_classes_are_uniform_and_independent_of_the_labels() -> None:
    data = counted()
    skewed = replace(data, labels=data.labels * 0)
    _, draw = batches(CONDITIONAL[0], skewed, particles=1, noise_batch=200)
    steps = [draw("generator", step)["wanted"][0] for step in range(30)]
    assert all((wanted.sum(-1) == 1).all() and wanted.shape == (200, 3) for wanted in steps)
    # 6,000 draws: a share has a standard deviation of 0.006.
    close(torch.cat(steps).mean(0), torch.full((3,), 1 / 3), rtol=0, atol=0.025)


# Whose numbers they are


@pytest.mark.parametrize("objective", [*CONDITIONAL, AlphaGAN(DiffAugment(), noise=True)], ids=repr)
def test_a_particle_draws_the_same_however_many_there_are(objective: Any) -> None:
    few, many = (batches(objective, particles=k)[1] for k in (1, 4))
    for player in objective.players:
        one, four = few(player, 5), many(player, 5)
        for field in objective.fields(player):
            assert torch.equal(one[field][0], four[field][0]), field
            rows = {tuple(row.flatten().tolist()) for row in four[field]}
            assert len(rows) == 4, f"every particle has {field} of its own"


@pytest.mark.parametrize(("particles", "each"), [(1, 10), (3, 4), (10, 1), (40, 1)])
def test_codes_are_spread_over_the_generators(particles: int, each: int) -> None:
    _, draw = batches(NonSaturating(), particles=particles, noise_batch=10, spread=True)
    for player in NonSaturating.players:
        assert draw(player, 0)["z"].shape == (particles, each, 3)
        rows = draw(player, 0)["z"].flatten(0, 1)
        assert len({tuple(row.tolist()) for row in rows}) == particles * each, "all different"


MEANS = [
    NonSaturating(),
    NonSaturating(conditional=True),
    Minimax(),
    Hinge(),
    SemiSupervised(),
    Wasserstein(),
    AlphaGAN(),
]


@pytest.mark.parametrize("objective", MEANS, ids=repr)
def test_fewer_codes_for_each_are_the_same_likelihood_in_expectation(objective: Any) -> None:
    """The mean over disjoint parts of the codes is that over all of them, for every particle, to the last digit."""
    _, state, draw = experiment(objective, {"generator": 3}, noise_batch=12)
    game = double(state.game)
    for player in objective.players:
        batch = double_batch(draw(player, 0))
        parts = [
            batch | {name: batch[name][:, k : k + 3] for name in ("z", "wanted") if name in batch}
            for k in range(0, 12, 3)
        ]
        close(
            torch.stack([log_likelihood(game, player, p) for p in parts]).mean(0), log_likelihood(game, player, batch)
        )


def test_every_player_step_and_seed_has_numbers_of_its_own() -> None:
    _, draw = batches(CONDITIONAL[1])
    other = batches(CONDITIONAL[1], seed=1)[1]
    found = [draw("discriminator", 0), draw("discriminator", 1), draw("generator", 0), other("discriminator", 0)]
    for field in ("x", "z", "wanted"):
        assert len({tuple(batch[field].flatten().tolist()) for batch in found}) == 4, field
        assert torch.equal(draw("discriminator", 0)[field], found[0][field])


def test_uniform_and_normal_numbers_are_that() -> None:
    _, draw = batches(AlphaGAN(DiffAugment(), noise=True), particles=1, batch=2000, noise_batch=2000)
    batch = draw("discriminator", 0)
    mix = batches(Wasserstein(penalty=1.0), particles=1, batch=2000)[1]("discriminator", 0)["mix"]
    views = batches(Supervised(Consistency(interpolation=1.0)), particles=1, views_batch=2000)[1]("discriminator", 0)
    for u in (batch["jitter"], mix, views["views_mix"]):
        assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.03 and abs(u.var() - 1 / 12) < 0.01
    for g in (batch["eps"], batch["z"]):
        assert abs(g.mean()) < 0.05 and abs(g.var() - 1) < 0.05
    assert batch["eps"].shape == batch["z"].shape == (1, 2000, 3) and not torch.equal(batch["eps"], batch["z"])


def test_codes_come_from_their_prior() -> None:
    normal, sphere = (batches(AGE(), codes=codes)[1] for codes in ("normal", "sphere"))
    for player in AGE.players:
        z, on = normal(player, 0)["z"], sphere(player, 0)["z"]
        close(on, on_sphere(z))
        close(on.norm(dim=-1), torch.ones(2, 5), rtol=1e-6)


# Streams that other systems already have


def test_the_streams_of_plain_games_are_what_they_always_were() -> None:
    """Each in the order: codes, images, views, labelled images. A recorded run depends on it."""
    run, draw = batches(NonSaturating())
    for player in run.objective.players:
        batch = draw(player, 4)
        for k in range(2):
            rng = generator(run.seed, "batch", player, 4, "generator", k)
            assert torch.equal(batch["z"][k], torch.randn(5, 3, generator=rng))
    rng = generator(run.seed, "batch", "discriminator", 4, "discriminator", 1)
    assert torch.equal(which(draw("discriminator", 4)["x"][1]), torch.randint(24, (6,), generator=rng))


def test_the_streams_of_semi_supervised_learning_are_what_they_always_were() -> None:
    run, draw = batches(SemiSupervised())
    batch, data = draw("discriminator", 2), counted()
    rng = generator(run.seed, "batch", "discriminator", 2, "discriminator", 0)
    assert torch.equal(which(batch["x"][0]), torch.randint(24, (6,), generator=rng))
    rows = torch.randint(12, (4,), generator=rng)
    assert torch.equal(which(batch["x_labelled"][0]), rows)
    assert torch.equal(batch["y"][0], torch.from_numpy(data.labels)[rows])


def test_switches_leave_the_streams_of_the_other_fields_alone() -> None:
    plain = batches(Wasserstein())[1]("discriminator", 0)
    penalised = batches(Wasserstein(DiffAugment(), penalty=1.0))[1]("discriminator", 0)
    assert all(torch.equal(plain[field], penalised[field]) for field in plain)


def test_grey_values_become_minus_one_to_one() -> None:
    close(to_float(torch.tensor([0, 51, 255], dtype=torch.uint8)), torch.tensor([-1.0, -0.6, 1.0]), rtol=1e-6)
    points = torch.tensor([[3.0, -7.0]])
    assert to_float(points) is points


@pytest.mark.parametrize("subset", [1.0, 0.5])
def test_labels_that_count_once_each_count_so_for_a_particle_that_sees_a_part(subset: float) -> None:
    run, _, _ = experiment(SemiSupervised("counts", 0.5), 2, subset=subset)
    fraction = Batches(run, counted(), CPU)("discriminator", 0)["labelled_fraction"]
    num_obs = run.players["discriminator"].num_obs
    assert num_obs == int(len(counted().images) * subset)
    assert float(fraction) * num_obs == pytest.approx(len(counted().labels))
