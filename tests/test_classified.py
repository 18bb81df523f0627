"""A class head beside a game's score: who sees which output."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.data.diffaugment import NUMBERS, DiffAugment
from bayesgan.errors import UsageError
from bayesgan.networks import MLP
from bayesgan.objectives import (
    AlphaGAN,
    Classified,
    Consistency,
    Hinge,
    Minimax,
    NonSaturating,
    Relativistic,
    SemiSupervised,
    Wasserstein,
)
from bayesgan.objectives.classified import Game
from bayesgan.types import Batch, Nets
from contract import close, numbers, uniform

CLASSES = 3
GAMES = [NonSaturating(), Minimax(), Hinge(DiffAugment()), Relativistic(), Wasserstein(), Wasserstein(penalty=10.0)]
GAMES += [AlphaGAN(), AlphaGAN(DiffAugment(), likelihood="implicit", noise=True)]


def players(change: dict[int, float] | None = None) -> Nets:
    """Small networks, a discriminator of 1 + 3 outputs; ``change`` is added to some of them, times the first pixel."""
    torch.manual_seed(0)
    shape = (1, 4, 4)
    head, other = (MLP(6, 1).discriminator(shape, 1 + CLASSES).double() for _ in range(2))
    extra = torch.zeros(1 + CLASSES, dtype=torch.float64)
    for column, amount in (change or {}).items():
        extra[column] = amount

    def discriminator(x: Tensor) -> Tensor:
        return head(x) + extra * x[:, 0, 0, :1]

    code_discriminator = MLP(6, 1).code_discriminator(2, 1).double()
    weight, back = numbers(2, 16), numbers(16, 4)
    return Nets(
        discriminator=discriminator,
        teacher=other,
        generator=lambda z: (z @ weight).tanh().view(-1, *shape),
        encoder=lambda x: x.flatten(1) @ back,
        code_discriminator=code_discriminator,
    )


def with_codes(nets: Nets, game: Any) -> Nets:
    """The encoder puts out as many numbers as the game wants."""
    encode, width = nets.encoder, game.outputs("encoder", 2, CLASSES)
    return Nets(**vars(nets) | {"encoder": lambda x: encode(x)[:, :width]})


def seen() -> Batch:
    names = ("x", "x_labelled", "x_weak", "x_strong")
    images = {name: numbers(6, 1, 4, 4, seed=i) for i, name in enumerate(names)}
    batch = Batch(**images, z=numbers(5, 2, seed=7), eps=numbers(6, 2, seed=8), y=torch.arange(6) % CLASSES)
    batch.mix, batch.jitter = uniform(6), uniform(6, NUMBERS)
    return batch


@pytest.mark.parametrize("game", GAMES, ids=repr)
def test_it_is_the_game_on_output_0_and_cross_entropy_on_the_others(game: Any) -> None:
    nets, batch = with_codes(players(), game), seen()
    critic = Nets(**vars(nets) | {"discriminator": lambda x: nets.discriminator(x)[:, :1]})
    labels = -F.cross_entropy(nets.discriminator(batch.x_labelled)[:, 1:], batch.y)
    close(Classified(game, 0.0).discriminator(nets, batch), game.discriminator(critic, batch))
    both = Classified(game, 0.3, 2.0).discriminator(nets, batch)
    close(both, 2 * game.discriminator(critic, batch) + 0.3 * labels)
    close(Classified(game, 1.0, 0.0).discriminator(nets, batch), labels)
    for player in set(game.players) - {"discriminator"}:
        close(getattr(Classified(game, 0.3, 2.0), player)(nets, batch), getattr(game, player)(critic, batch))


@pytest.mark.parametrize("game", GAMES, ids=repr)
def test_no_player_of_the_game_sees_a_class_logit_and_no_label_sees_the_score(game: Any) -> None:
    batch, plain = seen(), with_codes(players(), game)
    classes, score = with_codes(players({1: 3.0, 3: -2.0}), game), with_codes(players({0: 3.0}), game)
    for player in game.players:
        method = getattr(Classified(game, 0.0), player)
        close(method(classes, batch), method(plain, batch))
    labels = Classified(game, 1.0, gan_weight=0.0)
    close(labels.discriminator(score, batch), labels.discriminator(plain, batch))
    assert not torch.isclose(labels.discriminator(classes, batch), labels.discriminator(plain, batch))
    assert not torch.isclose(Classified(game, 0.0).discriminator(score, batch), game_value(game, plain, batch))


def game_value(game: Any, nets: Nets, batch: Batch) -> Tensor:
    return Classified(game, 0.0).discriminator(nets, batch)


def test_the_penalty_is_on_the_slope_of_the_score_alone() -> None:
    """Class logits may be as steep as they like: here of slope 50, beside a score of slope 2."""
    steep = torch.tensor([[2.0, 50.0, -30.0]], dtype=torch.float64)
    nets = Nets(discriminator=lambda x: x @ steep, generator=lambda z: z)
    batch = Batch(x=numbers(6, 1), z=numbers(6, 1, seed=1), mix=uniform(6))
    batch.x_labelled, batch.y = numbers(6, 1, seed=2), torch.zeros(6).long()
    free, bound = (Classified(Wasserstein(penalty=p), 0.0).discriminator(nets, batch) for p in (0.0, 10.0))
    close(free - bound, torch.tensor(10.0, dtype=torch.float64))


def test_consistency_is_between_class_probabilities() -> None:
    nets, batch, term = players(), seen(), Consistency(weight=0.7)
    target = term.target(nets.teacher(batch.x_weak)[:, 1:])
    expected = 0.7 * (target * nets.discriminator(batch.x_strong)[:, 1:].log_softmax(1)).sum(1).mean()
    value = Classified(consistency=term).discriminator(nets, batch) - Classified().discriminator(nets, batch)
    close(value, expected)
    fields = {*Classified(consistency=term).fields("discriminator")} - {*Classified().fields("discriminator")}
    assert fields == {"x_weak", "x_strong"}


@pytest.mark.parametrize("game", GAMES, ids=repr)
def test_the_discriminator_alone_has_more_outputs_and_reads_labels(game: Any) -> None:
    objective = Classified(game)
    assert objective.players == game.players and objective.conditioned == ()
    for player in objective.players:
        more = {"x_labelled": player, "y": player} if player == "discriminator" else {}
        assert objective.fields(player) == {**game.fields(player), **more}
        outputs = game.outputs(player, 7, CLASSES) + (CLASSES if more else 0)
        assert objective.outputs(player, 7, CLASSES) == outputs


@pytest.mark.parametrize("game", get_args(Game), ids=lambda cls: cls.__name__)
def test_a_game_that_is_given_classes_is_refused(game: Any) -> None:
    """Every game that may be chosen; a semi-supervised one has labels of its own."""
    with pytest.raises(UsageError, match=r"Classified: game\.conditional = True: .*cannot learn to tell them") as error:
        Classified(game(conditional=True))
    assert "\n" not in str(error.value)
    assert SemiSupervised not in get_args(Game)
