"""AGE: the divergence of a batch of codes from its moments, and a game of two players over it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch import distributions as D

from bayesgan.errors import UsageError
from bayesgan.objectives import AGE
from bayesgan.objectives.age import divergence
from bayesgan.types import Batch, Nets
from contract import close, numbers

ZERO = torch.zeros((), dtype=torch.float64)


def players() -> tuple[Nets, Batch]:
    """A linear generator and encoder, and images of 1 x 2 x 3 pixels; codes of the prior lie on the sphere."""
    down, up = numbers(6, 3), numbers(3, 6, seed=1)
    z = numbers(8, 3, seed=2)
    nets = Nets(encoder=lambda x: x.flatten(1) @ down, generator=lambda z: (z @ up).view(-1, 1, 2, 3))
    return nets, Batch(x=numbers(7, 1, 2, 3, seed=3), z=z / z.norm(dim=1, keepdim=True))


def sphere(z: Tensor) -> Tensor:
    return z / z.norm(dim=1, keepdim=True)


# The divergence


def test_a_standardised_batch_has_none() -> None:
    z = numbers(9, 4)
    z = (z - z.mean(0)) / z.std(0, correction=0)
    close(divergence(z), ZERO, atol=1e-7)
    close(divergence(torch.tensor([[1.0], [-1.0]]).double()), ZERO, atol=1e-7)
    assert divergence(z + 0.1) > 1e-3 and divergence(1.1 * z) > 1e-3 and divergence(0.9 * z) > 1e-3


def test_a_batch_of_known_moments_has_that_of_a_gaussian() -> None:
    """Pairs at m +- s have these moments exactly; the mean over dimensions."""
    m, s = torch.tensor([0.3, -1.2, 0.0]).double(), torch.tensor([0.5, 1.7, 1.0]).double()
    known = D.kl_divergence(D.Normal(m, s), D.Normal(torch.zeros(3).double(), torch.ones(3).double()))
    close(divergence(torch.stack([m + s, m - s])), known.mean(), atol=1e-7)
    close(divergence(torch.stack([m + s, m - s] * 5)), known.mean(), atol=1e-7)
    # (s^2 + m^2) / 2 - log s - 1/2, of a standard deviation and not of a variance: 2 - log 2 - 1/2.
    close(divergence(torch.tensor([[2.0], [-2.0]]).double()), torch.tensor(1.5).double() - torch.tensor(2.0).log())


def test_a_collapsed_batch_is_far_away_and_finite() -> None:
    z = numbers(1, 3).expand(5, -1).clone().requires_grad_()
    value = divergence(z)
    assert 5 < value < 50
    assert torch.autograd.grad(value, z)[0].isfinite().all()


def test_the_batch_is_judged_as_a_whole() -> None:
    z = numbers(6, 2)
    close(divergence(z.flip(0)), divergence(z))
    close(divergence(z.flip(1)), divergence(z))
    assert not torch.isclose(divergence(z), (divergence(z[:3]) + divergence(z[3:])) / 2)


# The players


def test_both_players_have_the_objectives_of_the_paper() -> None:
    nets, batch = players()
    real, fake = sphere(nets.encoder(batch.x)), sphere(nets.encoder(nets.generator(batch.z)))
    image_error = (batch.x - nets.generator(real)).abs().mean()
    code_error = (fake - batch.z).square().sum(1).mean()
    game = AGE(image_weight=3.0, code_weight=4.0)
    close(game.encoder(nets, batch), divergence(fake) - divergence(real) - 3 * image_error)
    close(game.generator(nets, batch), -divergence(fake) - 4 * code_error)


def test_over_generated_images_the_game_is_zero_sum() -> None:
    nets, batch = players()
    real = divergence(sphere(nets.encoder(batch.x)))
    close(AGE(0.0, 0.0).encoder(nets, batch) + AGE(0.0, 0.0).generator(nets, batch), -real)


def test_the_encoder_spreads_real_codes_and_the_generator_generated_ones() -> None:
    """Codes that collapse: of generated images it is E's gain and G's loss, of real ones E's loss."""
    nets, batch = players()
    encode, pole = nets.encoder, torch.tensor([9.0, 0.0, 0.0]).double()

    def collapsing(count: int) -> Nets:
        return Nets(encoder=lambda x: encode(x) + pole * float(len(x) == count), generator=nets.generator)

    game = AGE(0.0, 0.0)
    assert game.encoder(collapsing(8), batch) > game.encoder(nets, batch)
    assert game.generator(collapsing(8), batch) < game.generator(nets, batch)
    assert game.encoder(collapsing(7), batch) < game.encoder(nets, batch)
    close(game.generator(collapsing(7), batch), game.generator(nets, batch))


def test_both_players_want_what_comes_back_to_be_what_went_in() -> None:
    nets, batch = players()
    exact = Nets(encoder=lambda x: x, generator=lambda z: z)
    points = Batch(x=sphere(numbers(5, 3)), z=batch.z)
    for weight in (0.0, 10.0):
        close(AGE(weight, weight).encoder(exact, points), divergence(points.z) - divergence(points.x))
        close(AGE(weight, weight).generator(exact, points), -divergence(points.z))
    assert AGE(0.0, 10.0).generator(nets, batch) < AGE(0.0, 0.0).generator(nets, batch)
    assert AGE(10.0, 0.0).encoder(nets, batch) < AGE(0.0, 0.0).encoder(nets, batch)


def test_codes_lie_on_the_sphere_whatever_the_encoder_says() -> None:
    nets, batch = players()
    out = numbers(6, 4)
    close(AGE().code(out).norm(dim=1), torch.ones(6).double())
    close(AGE().code(5 * out, numbers(6, 4, seed=1)), AGE().code(out))
    louder = Nets(encoder=lambda x: 100 * nets.encoder(x), generator=nets.generator)
    for player in AGE.players:
        close(getattr(AGE(), player)(louder, batch), getattr(AGE(), player)(nets, batch))
    assert AGE().outputs("encoder", 5, 10) == 5


@pytest.mark.parametrize("name", ["image_weight", "code_weight"])
def test_weights_are_not_negative(name: str) -> None:
    with pytest.raises(UsageError, match=f"AGE: {name} = -1.0: expected 0 or more"):
        AGE(**{name: -1.0})
