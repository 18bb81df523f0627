"""From a run to what moves: every contradiction of a run with itself or with its data is one clear line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesgan import presets
from bayesgan.build import network
from bayesgan.check import check
from bayesgan.config import Player, Run
from bayesgan.data.diffaugment import DiffAugment
from bayesgan.data.labels import Training
from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN, MLP
from bayesgan.objectives import (
    AGE,
    AlphaGAN,
    Bernoulli,
    Classified,
    Consistency,
    Elbo,
    Gaussian,
    Hinge,
    NonSaturating,
    SemiSupervised,
    Wasserstein,
)
from bayesgan.samplers import EMASpec
from bayesgan.serialise import assignment, from_config
from bayesgan.training import train
from contract import experiment, training

POINTS = Training(
    "made up", (2,), ("a", "b"), np.zeros((24, 2), np.float32), np.arange(4), np.array([0, 1, 0, 1], np.int64)
)


def prepared(objective: Any, **options: Any) -> Run:
    return experiment(objective, **options)[0]


def refused(run: Run, data: Training, *parts: str) -> None:
    """The run is refused with exit code 2, in one line that holds all parts."""
    with pytest.raises(UsageError) as error:
        check(run, data)
    line = str(error.value)
    assert error.value.code == 2 and "\n" not in line
    assert all(part in line for part in parts), line


# Images only


@pytest.mark.parametrize(
    ("objective", "place"),
    [
        (Elbo(Bernoulli()), "objective.likelihood = Bernoulli"),
        (Hinge(DiffAugment()), "objective.augment = DiffAugment"),
        (SemiSupervised(augment=DiffAugment()), "objective.augment = DiffAugment"),
        (Classified(Wasserstein(DiffAugment())), "objective.game.augment = DiffAugment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_needs_images_is_refused_on_points(objective: Any, place: str) -> None:
    run = prepared(objective)
    refused(run, POINTS, place, "needs images", "made up has points")
    check(run, training())


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_convolutions_are_refused_on_points(player: str) -> None:
    run = prepared(NonSaturating())
    check(run, POINTS)
    players = run.players | {player: replace(run.players[player], network=DCGAN(4, 4))}
    refused(replace(run, players=players), POINTS, f"players.{player}.network = DCGAN needs images")


# Players


@pytest.mark.parametrize("objective", [NonSaturating(), AlphaGAN(), Elbo(), AGE(), Classified()], ids=repr)
def test_an_objective_with_a_missing_player_says_which(objective: Any) -> None:
    run = prepared(objective)
    for missing in objective.players:
        players = {name: p for name, p in run.players.items() if missing not in (run.role(name), name)}
        refused(replace(run, players=players), training(), f"{type(objective).__name__} needs a player {missing!r}")


@pytest.mark.parametrize("missing", NonSaturating.players)
def test_an_average_of_a_missing_player_is_no_traceback(missing: str, tmp_path: Path) -> None:
    run = prepared(NonSaturating())
    players = {name: p for name, p in run.players.items() if name != missing}
    players |= {f"averaged_{missing}": Player(MLP(8, 1), EMASpec(missing), axis=missing)}
    refused(replace(run, players=players), training(), f"NonSaturating needs a player {missing!r}")
    with pytest.raises(UsageError, match=f"needs a player {missing!r}"):
        train(replace(run, players=players, data="digits"), tmp_path / "run")


def test_an_average_follows_the_player_of_its_name() -> None:
    run = prepared(NonSaturating())
    players = run.players | {"averaged_generator": Player(MLP(8, 1), EMASpec("discriminator"), axis="generator")}
    line = "players.averaged_generator.inference.of = 'discriminator': expected 'generator'"
    refused(replace(run, players=players), training(), line)


def test_a_player_that_nobody_knows_is_named() -> None:
    run = prepared(NonSaturating())
    players = run.players | {"encoder": run.players["generator"]}
    refused(replace(run, players=players), training(), "NonSaturating has no player 'encoder'")


# Labels


@pytest.mark.parametrize("objective", [NonSaturating(conditional=True), Elbo(conditional=True), AGE(conditional=True)])
def test_classes_need_labels(objective: Any) -> None:
    run, data = prepared(objective), training()
    check(run, data)
    without = replace(data, labelled=data.labelled[:0], labels=data.labels[:0])
    refused(run, without, f"{type(objective).__name__} needs labels: give --labels N, or --conditional alone")
    refused(prepared(Classified()), without, "Classified needs labels: give --labels N")
    check(prepared(replace(objective, conditional=False)), without)


# Networks


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("objective", [NonSaturating(), AlphaGAN(noise=True), Elbo(), AGE()], ids=repr)
def test_a_role_is_given_the_class_where_the_game_is_conditional(objective: Any, conditional: bool) -> None:
    run = prepared(replace(objective, conditional=conditional))
    for role in objective.players:
        leaves = dict(network(run, role, (1, 8, 8), 5).named_parameters())
        assert ("classes" in leaves) == conditional
        assert not conditional or len(leaves["classes"]) == 5


@pytest.mark.parametrize(
    ("system", "setting", "message"),
    [
        ("age", "codes=normal", "codes = 'normal': AGE needs 'sphere'"),
        ("vae", "codes=sphere", "codes = 'sphere': Elbo needs 'normal'"),
        ("vae", "objective.kind=AGE", "codes = 'normal': AGE needs 'sphere'"),
    ],
)
def test_codes_that_an_objective_cannot_use(system: str, setting: str, message: str) -> None:
    run = from_config(assignment(setting), base=presets.PRESETS[system]("made up"))
    with pytest.raises(UsageError, match=re.escape(message)):
        check(run, training())


def test_labels_that_nothing_would_learn_from() -> None:
    run = from_config(assignment("objective.kind=Hinge"), base=presets.dcgan("made up", 12))
    with pytest.raises(UsageError, match=r"objective.kind = 'Hinge' learns nothing from labels: leave out --labels"):
        check(run, training())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gaussian(math.inf),
        lambda: Classified(gan_weight=-1.0),
        lambda: Consistency(-1.0),
        lambda: Consistency(interpolation=-0.1),
        lambda: Consistency(interpolation=1.1),
    ],
)
def test_weights_out_of_their_range_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        make()
