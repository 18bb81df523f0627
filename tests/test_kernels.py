"""Convolutions and norms by rules of our own: the same numbers as torch's, whoever's kernels they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bayesgan.kernels import Kernels, channels_last, kernels
from bayesgan.networks import DCGAN, Family, ResNet
from bayesgan.particles import Ensemble, lift
from contract import close, numbers

BF16 = 0.02  # of the largest number: eight bits of a mantissa, and a few sums of them


def near(actual: Tensor, expected: Tensor, tolerance: float = BF16) -> None:
    """Two tensors agree but for rounding to bfloat16."""
    assert actual.shape == expected.shape
    assert (actual.float() - expected.float()).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize(
    "further",
    [{}, {"dilation": 2}, {"groups": 2}, {"padding": "same"}, {"stride": (1, 2), "padding": (2, 0)}],
    ids=repr,
)
@pytest.mark.parametrize("particles", [1, 3])
def test_every_convolution_is_that_of_torch(further: dict[str, Any], particles: int) -> None:
    x, w = numbers(particles, 2, 4, 9, 9).float(), numbers(particles, 6, 4 // further.get("groups", 1), 3, 3).float()
    b = numbers(particles, 6).float()
    expected = torch.stack([F.conv2d(*one, **further) for one in zip(x, w, b, strict=True)])
    with torch.autocast("cpu", torch.bfloat16), Kernels():
        each = torch.stack([F.conv2d(*one, **further) for one in zip(x, w, b, strict=True)])
        near(each, expected)
        near(torch.vmap(lambda *one: F.conv2d(*one, **further))(x, w, b), expected)
    assert each.dtype == torch.bfloat16


@pytest.mark.parametrize("further", [{}, {"output_padding": 1, "stride": 2}, {"groups": 2}, {"dilation": 2}], ids=repr)
@pytest.mark.parametrize("particles", [1, 3])
def test_every_transposed_convolution_is_that_of_torch(further: dict[str, Any], particles: int) -> None:
    x, w = numbers(particles, 2, 4, 5, 5).float(), numbers(particles, 4, 6 // further.get("groups", 1), 3, 3).float()
    b = numbers(particles, w.shape[2] * further.get("groups", 1)).float()
    expected = torch.stack([F.conv_transpose2d(*one, **further) for one in zip(x, w, b, strict=True)])
    with torch.autocast("cpu", torch.bfloat16), Kernels():
        near(torch.vmap(lambda *one: F.conv_transpose2d(*one, **further))(x, w, b), expected)
        near(torch.stack([F.conv_transpose2d(*one, **further) for one in zip(x, w, b, strict=True)]), expected)


def test_modules_of_any_user_run_by_the_rules() -> None:
    net = nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.GroupNorm(2, 4), nn.ReLU(), nn.ConvTranspose2d(4, 2, 4, 2, 1))
    x = numbers(3, 2, 8, 8).float()
    with torch.autocast("cpu", torch.bfloat16), kernels(x.device):
        mixed, one = net(x), net[0](x[0])
    near(mixed, net(x))
    near(one, net[0](x)[0])


def test_group_norm_is_that_of_torch_on_anything() -> None:
    for shape in ((3, 8), (3, 8, 5), (2, 8, 4, 5), (2, 8, 2, 3, 4)):
        x, w, b = numbers(4, *shape).float(), numbers(4, 8).float(), numbers(4, 8).float()
        expected = torch.stack([F.group_norm(one, 2, v, c) for one, v, c in zip(x, w, b, strict=True)])
        with torch.autocast("cpu", torch.bfloat16), Kernels():
            near(F.group_norm(x[0].transpose(0, -1).contiguous().transpose(0, -1), 2, w[0], b[0]), expected[0])
            near(torch.vmap(lambda one, v, c: F.group_norm(one, 2, v, c))(x, w, b), expected)


def test_without_mixed_precision_torch_does_as_it_always_does() -> None:
    assert not isinstance(kernels(torch.device("cpu")), Kernels)
    with torch.autocast("cpu", torch.bfloat16):
        assert isinstance(kernels(torch.device("cpu")), Kernels)
        assert not isinstance(kernels(torch.device("cuda")), Kernels)


def test_channels_come_last_in_memory_for_one_channel_too() -> None:
    for channels in (1, 3):
        x = channels_last(numbers(2, channels, 4, 5))
        close(x, numbers(2, channels, 4, 5))
        assert x.stride() == (20 * channels, 1, 5 * channels, channels)


# Networks


@pytest.mark.parametrize("how", ["vmap", "loop"])
@pytest.mark.parametrize("family", [DCGAN(8, 8), DCGAN(8, 8, standardised=False), ResNet(8, 8)], ids=repr)
def test_a_game_in_bfloat16_has_the_gradients_of_one_in_float32(family: Family, how: Any) -> None:
    """Several networks or one: against float32, and a loop."""
    makers = {"g": lambda: family.generator((3, 16, 16), 4), "d": lambda: family.discriminator((3, 16, 16), 1)}
    nets = {name: Ensemble.init(make, 3 if name == "g" else 1, 0) for name, make in makers.items()}
    leaves = [leaf for e in nets.values() for leaf in e.params.values()]

    def energy(reduced: bool, how: Any) -> tuple[Tensor, ...]:
        def game(p: Any, f: Any) -> Tensor:
            return F.softplus(nets["d"].bind(p["d"])(nets["g"].bind(p["g"])(f["z"]))).mean()

        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            lifted = lift(game, {"d": "d", "g": "g"}, {"z": "g"}, how)
            value = lifted({name: e.params for name, e in nets.items()}, {"z": numbers(3, 16, 4).float()})
        return value, *torch.autograd.grad(value.sum(), leaves)

    exact, mixed = energy(False, "loop"), energy(True, how)
    near(mixed[0], exact[0])
    # Of all weights together: those that hardly matter have gradients of rounding errors alone.
    flat = [torch.cat([g.flatten() for g in part[1:]]) for part in (exact, mixed)]
    assert all(g.dtype == torch.float32 for g in mixed[1:])
    assert (flat[0] - flat[1]).norm() < 0.1 * flat[0].norm()
