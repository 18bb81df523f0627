"""Networks of every family: every size of image, and nothing but their weights between input and output."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN, MLP, Family, ResNet
from bayesgan.networks.layers import SLOPE, StandardisedConv2d, doubling, pyramid
from bayesgan.networks.resnet import GAIN, Residual, reading
from bayesgan.objectives.penalties import slopes
from bayesgan.particles import Ensemble, lift
from contract import close, given, over

SIZES = [*((s, s) for s in (8, 9, 16, 28, 31, 32, 50, 64, 128)), (8, 128), (128, 8), (28, 50), (9, 31), (33, 20)]
CODED = ("generator", "code_discriminator")
JUDGES = ("discriminator", "encoder", "code_discriminator")
ROLES = ("generator", *JUDGES)
LATENT, CLASSES = 6, 3


def sized(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def one(family: Any, role: str, shape: tuple[int, ...] = (1, 9, 9), outputs: int = 2, classes: int = 0) -> nn.Module:
    """Return a network of a role, whose codes have six dimensions."""
    first, second = {"generator": (shape, LATENT), "code_discriminator": (LATENT, outputs)}.get(role, (shape, outputs))
    net: nn.Module = getattr(given(family), role)(first, second, classes)
    return net


def seen(role: str, shape: tuple[int, ...] = (1, 9, 9), count: int = 4) -> Tensor:
    """Return codes or images, whatever a role is given; the images have large shapes and fine details."""
    if role in CODED:
        return torch.randn(count, LATENT)
    shapes = F.interpolate(torch.rand(count, shape[0], 4, 4), shape[1:], mode="bilinear")
    return shapes + torch.rand(count, *shape) - 1


def one_hot(*classes: int) -> Tensor:
    return F.one_hot(torch.tensor(classes), CLASSES).float()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=sized)
@over(Family)
def test_generators_draw_and_the_others_read_any_size(example: Any, size: tuple[int, int], channels: int) -> None:
    torch.manual_seed(0)
    shape = (channels, *size)
    generator = one(example, "generator", shape)
    with torch.no_grad():
        images, extremes = generator(torch.randn(16, LATENT)), generator(1000 * torch.randn(3, LATENT))
        outputs = [one(example, role, shape, 4)(images[:3]) for role in ("discriminator", "encoder")]
    assert images.shape == (16, *shape) and images.dtype == torch.float32
    assert all(out.shape == (3, 4) and out.isfinite().all() for out in outputs)
    assert images.min() < 0 < images.max() and extremes.abs().max() <= 1
    # All of the image is drawn, and drawn from z: where six channels are few, a ReLU blacks out a corner for some z.
    assert (images.std(0) > 0).all() and images[:, :, -1].std() > 0 and images[..., -1].std() > 0


@over(Family)
def test_code_discriminators_read_codes_of_any_length(example: Any) -> None:
    torch.manual_seed(0)
    for latent in (1, 2, 100):
        logits = given(example).code_discriminator(latent, 4)(torch.randn(3, latent))
        assert logits.shape == (3, 4) and (logits.std(0) > 0).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (28, 28), (33, 20), (50, 50)], ids=sized)
@over(Family)
def test_every_pixel_reaches_the_logits_and_every_weight_learns(example: Any, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    shape = (1, *size)
    x = torch.randn(2, *shape, requires_grad=True)
    (slope,) = torch.autograd.grad(one(example, "discriminator", shape)(x).square().sum(), x)
    assert (slope != 0).float().mean() > 0.95
    for role in ROLES:
        net = one(example, role, shape)
        net(seen(role, shape, 16)).square().sum().backward()
        assert all(w.grad.abs().sum() > 0 for w in net.parameters())


@pytest.mark.parametrize("size", [(8, 8), (16, 16), (28, 28), (32, 32), (50, 50), (64, 64), (33, 20)], ids=sized)
@pytest.mark.parametrize("role", ["generator", "discriminator", "encoder"])
@pytest.mark.parametrize("family", get_args(Family))
def test_what_goes_in_matters_from_the_start_but_not_too_much(family: Any, role: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    shape = (1, *size)
    with torch.no_grad():
        spread = one(family(), role, shape, 10)(seen(role, shape, 16)).std(0).mean()
    assert 0.01 < spread < 1


def test_the_signal_of_a_residual_network_does_not_fade_with_the_size_of_the_image() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        spreads = [
            torch.stack([one(ResNet(), "encoder", (1, s, s), 10)(seen("", (1, s, s), 16)).std(0) for _ in range(3)])
            for s in (16, 32, 64, 128)
        ]
    means = torch.stack([spread.mean() for spread in spreads])
    assert means.max() < 2.5 * means.min()


def test_standardised_kernels_have_mean_0_and_the_variance_of_their_gain_over_fan_in() -> None:
    torch.manual_seed(0)
    layer = StandardisedConv2d(3, 5, 3, gain=2.0).double()
    with torch.no_grad():
        layer.weight.mul_(torch.tensor([1e-2, 0.1, 1, 10, 100]).view(5, 1, 1, 1)).add_(3)
        kernels = layer.kernels().flatten(1).T
    close(kernels.mean(0), torch.zeros(5, dtype=torch.float64))
    assert kernels.var(0, correction=0).tolist() == pytest.approx([4 / 27] * 5, rel=0.05)
    assert kernels.var(0, correction=0)[2:].tolist() == pytest.approx([4 / 27] * 3, rel=1e-5)


def test_standardised_kernels_and_residual_blocks_keep_the_variance() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 64, 32, 32)
    with torch.no_grad():
        kept = StandardisedConv2d(64, 64, 3, gain=GAIN)(F.leaky_relu(x, SLOPE))
        blocks = [Residual(reading(64, out), 64, out)(x) for out in (64, 128)]
    assert kept.var().item() == pytest.approx(1, rel=0.05)
    # Zeros beyond the border take some of it.
    assert [block.var().item() for block in blocks] == pytest.approx([0.95, 0.95], rel=0.1)


@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_an_input_does_not_depend_on_its_neighbours_in_the_batch(example: Any, role: str) -> None:
    """No statistics of the batch, so the likelihood of one image does not depend on the minibatch; no memory either."""
    torch.manual_seed(0)
    net, x = one(example, role, (3, 9, 9)).double(), seen(role, (3, 9, 9), 6).double()
    together = net(x)
    close(together[2:3], net(x[2:3]))
    assert torch.equal(net(x), together)
    assert torch.equal(net.eval()(x), together)
    assert not [*net.buffers()]


@pytest.mark.parametrize("classes", [0, CLASSES], ids=["", "conditional"])
@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_particles_and_their_slopes_lift(example: Any, role: str, classes: int) -> None:
    """A gradient penalty is a gradient inside the lift, and training's gradient goes through it: vmap is a loop."""
    ensemble = Ensemble.init(lambda: one(example, role, classes=classes), 2, 0)
    torch.manual_seed(0)
    # The class starts with no say in the logits.
    leaves = [t.detach().double() + 0.1 * torch.randn_like(t).double() for t in ensemble.params.values()]
    params = dict(zip(ensemble.params, (leaf.requires_grad_() for leaf in leaves), strict=True))
    batch = {"x": seen(role).double(), "label": one_hot(0, 2, 1, 2).double()}

    def energy(nets: Any, fields: Any) -> Tensor:
        net, label = ensemble.bind(nets["n"]), [fields["label"]] if classes else []

        def score(x: Tensor) -> Tensor:
            return net(x, *label).square().flatten(1).mean(1)

        return score(fields["x"]).mean() + slopes(score, fields["x"]).mean()

    values = [lift(energy, {"n": "k"}, {}, how)({"n": params}, batch) for how in ("vmap", "loop")]
    gradients = [torch.autograd.grad(value.sum(), leaves) for value in values]
    close(*values)
    close(*gradients)
    assert values[0].isfinite().all() and all(g.isfinite().all() and g.abs().sum() > 0 for g in gradients[0])


@over(Family)
def test_a_conditional_generator_draws_from_the_class_and_from_the_code(example: Any) -> None:
    torch.manual_seed(0)
    net, z = one(example, "generator", classes=CLASSES), torch.randn(4, LATENT)
    with torch.no_grad():
        first, second, other = net(z, one_hot(0, 0, 0, 0)), net(z, one_hot(1, 1, 1, 1)), net(-z, one_hot(0, 0, 0, 0))
    assert first.shape == (4, 1, 9, 9)
    assert (first - second).abs().mean() > 1e-3 and (first - other).abs().mean() > 1e-3
    close(net(z, one_hot(0, 1, 1, 0))[[0, 2]], torch.stack([first[0], second[2]]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("role", JUDGES)
@over(Family)
def test_a_conditional_judge_is_its_head_and_the_projection_on_its_class(example: Any, role: str) -> None:
    """``head(phi) + <V_y, phi>``: equation 4 of Miyato and Koyama 2018 (arXiv 1802.05637)."""
    torch.manual_seed(0)
    net, x = one(example, role, outputs=1, classes=CLASSES).double(), seen(role).double()
    labels = one_hot(2, 0, 1, 2).double()
    with torch.no_grad():
        assert torch.equal(net(x, labels), net(x)), "no class is favoured at first"
        net.classes.normal_()
        phi = net(x, features=True)
        by_hand = [net.head(phi[i]) + net.classes[y, 0] @ phi[i] for i, y in enumerate((2, 0, 1, 2))]
        close(net(x, labels), torch.stack(by_hand))
        mixed = 0.3 * labels + 0.7 * labels.roll(1, 0)
        close(net(x, mixed), 0.3 * net(x, labels) + 0.7 * net(x, labels.roll(1, 0)))


@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_only_conditional_networks_have_weights_of_classes(example: Any, role: str) -> None:
    torch.manual_seed(0)
    plain, conditional = (dict(one(example, role, classes=n).named_parameters()) for n in (0, CLASSES))
    assert "classes" not in plain and len(conditional["classes"]) == CLASSES
    assert len(conditional) == len(plain) + 1


@pytest.mark.parametrize("dims", [1, 2, 7])
def test_points_get_the_fully_connected_network(dims: int) -> None:
    torch.manual_seed(0)
    generator, discriminator = MLP(16, 2).generator((dims,), 4), MLP(16, 2).discriminator((dims,), 3)
    points = generator(200 * torch.randn(50, 4))
    assert points.shape == (50, dims) and discriminator(points).shape == (50, 3)
    assert points.abs().max() > 1, "points are not squashed"


def test_options_change_the_network() -> None:
    def weights(family: Any) -> list[int]:
        return [sum(w.numel() for w in one(family, role, (1, 16, 16)).parameters()) for role in ROLES]

    few = weights(MLP(8, 1))
    assert all(a < b for wider in (MLP(16, 1), MLP(8, 2)) for a, b in zip(few, weights(wider), strict=True))
    for family in (DCGAN, ResNet):
        few, wide, deep = weights(family(8, 8)), weights(family(16, 8)), weights(family(8, 16))
        assert all(a < b for a, b in zip(few[:3], wide[:3], strict=True))
        assert all(a < b for a, b in zip(few[1:], deep[1:], strict=True))
        with pytest.raises(UsageError, match=f"{family.__name__}: width = 1: expected at least 2"):
            family(1)


def test_the_pyramid_of_28() -> None:
    assert pyramid(28, 28) == [(28, 28), (14, 14), (7, 7), (4, 4)]
    assert pyramid(8, 128) == [(8, 128), (4, 64)]
    assert doubling(16, 6) == [16, 32, 64, 128, 128, 128]
