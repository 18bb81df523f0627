"""Gradient penalties by hand, and the Wasserstein game whose critic they hold back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesgan.data.batches import Batches
from bayesgan.errors import UsageError
from bayesgan.iteration import iterate
from bayesgan.networks import DCGAN, MLP
from bayesgan.objectives import Relativistic, Wasserstein
from bayesgan.objectives.penalties import flat, mixtures, one_lipschitz, slopes
from bayesgan.particles import Ensemble
from bayesgan.priors import Box
from bayesgan.samplers import AdamSpec
from bayesgan.types import Batch, Nets
from contract import affine, close, experiment, numbers, same, single, trained, uniform
from problems import normal_quantiles

IMAGES = (3, 4, 5)


def linear(weight: Tensor) -> Any:
    """The critic ``<weight, x>`` over all pixels of images ``(B, C, H, W)``."""
    return lambda x: (x * weight).flatten(1).sum(1)


# Slopes


def test_a_slope_is_over_all_pixels() -> None:
    weight = numbers(*IMAGES)
    close(slopes(linear(weight), numbers(6, *IMAGES, seed=1)), weight.square().sum().expand(6))


def test_every_image_has_a_slope_of_its_own() -> None:
    """``|grad |x|^2 / 2| = |x|``: two images of lengths 2 and 3; a norm over the batch would say sqrt(13) twice."""
    x = numbers(2, *IMAGES)
    x = x / x.flatten(1).norm(dim=1)[:, None, None, None] * torch.tensor([2.0, 3.0])[:, None, None, None]

    def half_square(x: Tensor) -> Tensor:
        return x.square().flatten(1).sum(1) / 2

    close(slopes(half_square, x), torch.tensor([4.0, 9.0], dtype=torch.float64))
    close(one_lipschitz(half_square, x), torch.tensor((1.0 + 4.0) / 2, dtype=torch.float64))
    close(flat(half_square, x), torch.tensor((4.0 + 9.0) / 4, dtype=torch.float64))


def test_a_critic_of_slope_one_costs_nothing() -> None:
    weight = numbers(*IMAGES)
    x = numbers(4, *IMAGES, seed=1)
    assert one_lipschitz(linear(weight / weight.norm()), x) < 1e-20
    close(one_lipschitz(linear(3 * weight / weight.norm()), x), torch.tensor(4.0, dtype=torch.float64))


def test_the_gradient_of_a_penalty_is_the_closed_form() -> None:
    """Of ``(|w| - 1)^2``: ``2 (|w| - 1) w / |w|``; of ``|w|^2 / 2``: w."""
    x, weight = numbers(4, *IMAGES, seed=1), numbers(*IMAGES).requires_grad_()
    length = weight.detach().norm()
    (steep,) = torch.autograd.grad(one_lipschitz(linear(weight), x), weight)
    close(steep, 2 * (length - 1) * weight.detach() / length)
    (flattened,) = torch.autograd.grad(flat(linear(weight), x), weight)
    close(flattened, weight.detach())


def test_a_constant_critic_stays_finite() -> None:
    """The norm has no gradient at 0, where a critic that sees nothing is: the way out must not be nan."""
    x, weight = numbers(4, *IMAGES), torch.zeros(IMAGES, dtype=torch.float64, requires_grad=True)
    cost = one_lipschitz(linear(weight), x)
    close(cost, torch.ones((), dtype=torch.float64), rtol=1e-5)
    assert torch.autograd.grad(cost, weight)[0].isfinite().all()
    net = MLP(4, 1).discriminator(IMAGES, 1).double()
    torch.nn.init.zeros_(net.head.weight)
    one_lipschitz(lambda x: net(x)[:, 0], x).backward()
    assert all(w.grad is None or w.grad.isfinite().all() for w in net.parameters())


@pytest.mark.parametrize("family", [MLP(6, 2), DCGAN(4, 6)], ids=repr)
def test_slopes_of_real_networks_are_finite_differences(family: Any) -> None:
    torch.manual_seed(0)
    net = family.discriminator((2, 8, 8), 1).double()
    x, direction = numbers(2, 2, 8, 8).requires_grad_(), numbers(2, 2, 8, 8, seed=1)
    gradient = torch.autograd.grad(net(x).sum(), x)[0]
    x = x.detach()
    step = (net(x + 1e-6 * direction) - net(x - 1e-6 * direction))[:, 0] / 2e-6
    close((gradient * direction).flatten(1).sum(1), step, rtol=1e-5)
    close(slopes(lambda image: net(image)[:, 0], x), gradient.square().flatten(1).sum(1))


def test_mixtures_lie_between_pairs() -> None:
    real, fake, mix = numbers(5, 2, 3, 3), numbers(4, 2, 3, 3, seed=1), uniform(6)
    found = mixtures(real, fake, mix)
    assert found.shape == (4, 2, 3, 3)
    close(found, torch.stack([mix[i] * real[i] + (1 - mix[i]) * fake[i] for i in range(4)]))
    close(mixtures(fake, real, torch.zeros(5)), real[:4])
    close(mixtures(real[:, 0, 0], fake[:, 0, 0], torch.ones(4)), real[:4, 0, 0])


# Wasserstein


def test_the_value_of_the_identity_is_the_difference_of_means() -> None:
    batch, net = Batch(x=numbers(8, 1), z=numbers(6, 1, seed=1) + 3), Nets(discriminator=same, generator=same)
    close(Wasserstein().discriminator(net, batch), batch.x.mean() - batch.z.mean())
    close(Wasserstein().generator(net, batch), batch.z.mean())
    # Twice as steep: the penalty takes (2 - 1)^2.
    steep, batch.mix = Nets(discriminator=lambda x: 2 * x, generator=same), uniform(8)
    close(Wasserstein(penalty=7.0).discriminator(steep, batch), 2 * (batch.x.mean() - batch.z.mean()) - 7)
    close(Wasserstein(penalty=7.0).generator(steep, batch), 2 * batch.z.mean())


def test_the_penalty_is_at_the_mixtures() -> None:
    """A critic that is steep between the two sets alone."""
    x, z, mix = torch.full((6, 1), 2.0).double(), torch.full((6, 1), -2.0).double(), torch.full((6,), 0.5).double()
    net = Nets(discriminator=lambda x: 5 * x.clamp(-1, 1), generator=same)
    value = Wasserstein(penalty=1.0).discriminator(net, Batch(x=x, z=z, mix=mix))
    close(value, torch.tensor(10.0 - 16.0, dtype=torch.float64))
    flat_there = Wasserstein(penalty=1.0).discriminator(net, Batch(x=x, z=z, mix=torch.ones(6).double()))
    close(flat_there, torch.tensor(10.0 - 1.0, dtype=torch.float64), rtol=1e-5)


@pytest.mark.parametrize("penalty", [1.0, 10.0])
def test_the_best_affine_critic_has_a_slope_a_little_above_one(penalty: float) -> None:
    """Of ``a d - penalty (a - 1)^2`` the maximum is ``d + d^2 / (4 penalty)``, at ``a = 1 + d / (2 penalty)``."""
    d = 1.5
    u = normal_quantiles(200)

    def value(a: float) -> float:
        net = Nets(discriminator=lambda x: a * x, generator=same)
        return float(Wasserstein(penalty=penalty).discriminator(net, Batch(x=u + d, z=u, mix=uniform(200))))

    best = 1 + d / (2 * penalty)
    assert value(best) == pytest.approx(d + d**2 / (4 * penalty), rel=1e-6)
    assert max(value(best - 0.01), value(best + 0.01)) < value(best)


@pytest.mark.parametrize("d", [1.0, 2.0])
def test_a_trained_critic_approaches_the_wasserstein_distance(d: float) -> None:
    """Of N((d, 0), I) from N(0, I) it is d, here ``d + d^2 / (2 penalty)``, as the best affine critic has it.

    In a plane: on a line a critic that starts with the wrong slope would have to cross one of 0, at all the penalty.
    """
    points, rng = numbers(256, 2).float(), torch.Generator().manual_seed(0)
    moved = points + torch.tensor([d, 0.0])

    def shuffled(_: int) -> Mapping[str, Tensor]:
        x, z = (p[torch.randperm(len(p), generator=rng)] for p in (moved, points))
        return {"x": x[None], "z": z[None], "mix": torch.rand(1, len(points), generator=rng)}

    makers = {"discriminator": lambda: MLP(16, 2).discriminator((2,), 1), "generator": lambda: affine(1.0, 0.0, 2)}
    critic = trained(single(Wasserstein(penalty=10.0), 2, **makers), "discriminator", shuffled, 200)
    with torch.no_grad():
        assert float(critic(moved).mean() - critic(points).mean()) == pytest.approx(d + d**2 / 20, rel=0.03)


def test_the_critic_is_clipped_after_every_one_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five steps an iteration, each far enough to leave the box, as WGAN's Algorithm 1 has it."""
    bound, seen, draw = 0.02, [], Batches.__call__
    run, state, batches = experiment(
        Wasserstein(), {"generator": 2, "discriminator": 2}, prior=Box(bound), steps=5, inference=AdamSpec(0.1)
    )
    critic: Ensemble = state.game.ensembles["discriminator"]

    def watched(self: Batches, player: str, step: int) -> Any:
        seen.append((player, step, max(float(w.detach().abs().max()) for w in critic.params.values())))
        return draw(self, player, step)

    monkeypatch.setattr(Batches, "__call__", watched)
    for _ in range(3):
        iterate(run, state, batches)
        state.step += 1
    assert [step for player, step, _ in seen if player == "discriminator"] == [*range(15)]
    assert all(size <= torch.tensor(bound) for _, _, size in seen)
    at_the_edge = torch.cat([(w.detach().abs() == bound).flatten() for w in critic.params.values()])
    assert at_the_edge.float().mean() > 0.5, "the clipping works: steps of 0.1 lead to the edge"


@pytest.mark.parametrize("make", [lambda v: Wasserstein(penalty=v), lambda v: Relativistic(r1=v, r2=0.0)])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_negative_penalties_are_refused(make: Any, value: float) -> None:
    with pytest.raises(UsageError, match=rf"(Wasserstein: penalty|Relativistic: r1) = {value}: expected 0 or more"):
        make(value)
    with pytest.raises(UsageError, match=rf"Relativistic: r2 = {value}: expected 0 or more"):
        Relativistic(r2=value)
