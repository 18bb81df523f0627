"""Networks of every family: every size of image, and nothing but their weights between input and output."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bayesgan.networks import DCGAN, MLP, Family
from bayesgan.networks.dcgan import pyramid
from contract import close, given, over

SIZES = [*((s, s) for s in (8, 9, 16, 28, 31, 32, 50, 64, 128)), (8, 128), (128, 8), (28, 50), (9, 31)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@over(Family)
def test_generators_draw_and_discriminators_read_any_size(example: Any, size: tuple[int, int], channels: int) -> None:
    torch.manual_seed(0)
    shape = (channels, *size)
    generator, discriminator = given(example).generator(shape, 6), example.discriminator(shape, 4)
    with torch.no_grad():
        images, extremes = generator(torch.randn(3, 6)), generator(1000 * torch.randn(3, 6))
        logits = discriminator(images)
    assert images.shape == (3, *shape) and images.dtype == torch.float32
    assert logits.shape == (3, 4) and logits.isfinite().all()
    assert images.min() < 0 < images.max() and extremes.abs().max() <= 1
    # All of the image is drawn, and drawn from z.
    assert (images.std(0) > 0).all() and images[:, :, -1].std() > 0 and images[..., -1].std() > 0


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (28, 28)], ids=str)
@over(Family)
def test_every_pixel_reaches_the_logits_and_every_weight_learns(example: Any, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    shape = (1, *size)
    generator, discriminator = given(example).generator(shape, 6), example.discriminator(shape, 2)
    x = torch.randn(2, *shape, requires_grad=True)
    (slope,) = torch.autograd.grad(discriminator(x).square().sum(), x)
    assert (slope != 0).float().mean() > 0.95
    discriminator(generator(torch.randn(8, 6))).square().sum().backward()
    for net in (generator, discriminator):
        assert all(w.grad.abs().sum() > 0 for w in net.parameters())


@over(Family)
def test_an_image_does_not_depend_on_its_neighbours_in_the_batch(example: Any) -> None:
    """No statistics of the batch, so the likelihood of one image does not depend on the minibatch; no memory either."""
    torch.manual_seed(0)
    nets = given(example).generator((3, 9, 9), 5).double(), example.discriminator((3, 9, 9), 2).double()
    for net, inputs in zip(nets, (torch.randn(6, 5).double(), torch.randn(6, 3, 9, 9).double()), strict=True):
        together = net(inputs)
        close(together[2:3], net(inputs[2:3]))
        assert torch.equal(net(inputs), together)
        assert torch.equal(net.eval()(inputs), together)


@pytest.mark.parametrize("dims", [1, 2, 7])
def test_points_get_the_fully_connected_network(dims: int) -> None:
    torch.manual_seed(0)
    generator, discriminator = MLP(16, 2).generator((dims,), 4), MLP(16, 2).discriminator((dims,), 3)
    points = generator(200 * torch.randn(50, 4))
    assert points.shape == (50, dims) and discriminator(points).shape == (50, 3)
    assert points.abs().max() > 1, "points are not squashed"


def test_options_change_the_network() -> None:
    def weights(family: Any) -> tuple[int, ...]:
        nets = family.generator((1, 16, 16), 4), family.discriminator((1, 16, 16), 2)
        return tuple(sum(w.numel() for w in net.parameters()) for net in nets)

    few = weights(MLP(8, 1))
    assert all(a < b for a, b in zip(few, weights(MLP(16, 1)), strict=True))
    assert all(a < b for a, b in zip(few, weights(MLP(8, 2)), strict=True))
    few = weights(DCGAN(8, 8))
    assert all(a < b for a, b in zip(few, weights(DCGAN(16, 8)), strict=True))
    assert weights(DCGAN(8, 16))[1] > few[1]


def test_the_pyramid_of_28() -> None:
    assert pyramid(28, 28) == [(28, 28), (14, 14), (7, 7), (4, 4)]
    assert pyramid(8, 128) == [(8, 128), (4, 64)]
