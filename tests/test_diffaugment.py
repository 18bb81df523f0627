"""DiffAugment: every transform by hand on images small enough to write down."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from bayesgan.data.diffaugment import NUMBERS, DiffAugment
from bayesgan.errors import UsageError
from contract import close, numbers, uniform

NOTHING = {"colour": 0.0, "shift": 0.0, "cutout": 0.0}


def only(**part: float) -> DiffAugment:
    """One transform without the others."""
    return DiffAugment(**NOTHING | part)


def rows(count: int, *places: int, value: float) -> Tensor:
    """Numbers in the middle, which stand for no change of colour or place, but for some of them."""
    u = torch.full((count, NUMBERS), 0.5, dtype=torch.float64)
    u[:, list(places)] = value
    return u


def test_without_ranges_nothing_happens() -> None:
    x = numbers(5, 3, 6, 7)
    close(only()(x, uniform(5, NUMBERS)), x, rtol=1e-12)
    close(only(colour=1.0, shift=0.5)(x, rows(5, value=0.5)), x, rtol=1e-12)


# Colour


@pytest.mark.parametrize("colour", [0.5, 1.0])
@pytest.mark.parametrize("u", [0.0, 0.2, 0.9])
def test_colour_is_the_formula(u: float, colour: float) -> None:
    x, augment = numbers(4, 3, 5, 6), only(colour=colour)
    close(augment(x, rows(4, 0, value=u)), x + colour * (u - 0.5))
    grey = x.mean(1, keepdim=True)
    close(augment(x, rows(4, 1, value=u)), grey + (x - grey) * (1 + colour * (2 * u - 1)))
    middle = x.flatten(1).mean(1)[:, None, None, None]
    close(augment(x, rows(4, 2, value=u)), middle + (x - middle) * (1 + colour * (u - 0.5)))


def test_the_ranges_of_colour_are_those_of_the_paper() -> None:
    """Brightness +-0.5, saturation 0 to 2, contrast 0.5 to 1.5."""
    x = torch.tensor([-1.0, 1.0, 0.3]).double()[None, :, None, None].expand(1, 3, 2, 2)
    augment = only(colour=1.0)
    for u, brightness, saturation, contrast in ((0.0, -0.5, 0.0, 0.5), (1.0, 0.5, 2.0, 1.5)):
        close(augment(x, rows(1, 0, value=u)) - x, torch.full_like(x, brightness))
        for place, factor in ((1, saturation), (2, contrast)):
            close(augment(x, rows(1, place, value=u)) - x.mean(), factor * (x - x.mean()))


def test_grey_images_have_no_saturation() -> None:
    x = numbers(3, 1, 4, 4)
    close(only(colour=1.0)(x, rows(3, 1, value=0.0)), x)


# Place


@pytest.mark.parametrize("axis", [2, 3], ids=["down", "across"])
@pytest.mark.parametrize(
    ("u", "offset"), [(0.0, -1), (0.32, -1), (0.34, 0), (0.66, 0), (0.67, 1), (0.999, 1), (1.0, 1)]
)
def test_translation_moves_by_whole_pixels_and_leaves_grey(u: float, offset: int, axis: int) -> None:
    x = numbers(2, 3, 5, 4)
    expected = x.roll(offset, axis)
    if offset:
        expected.select(axis, 0 if offset > 0 else -1).zero_()
    close(only(shift=0.25)(x, rows(2, 3 + axis - 2, value=u)), expected)


def test_translations_are_uniform() -> None:
    x = torch.zeros(90, 1, 9, 9)
    x[:, :, 4, 4] = 1
    u = rows(90, value=0.5)
    u[:, 4] = (torch.arange(90) + 0.5) / 90
    places = only(shift=0.25)(x, u)[:, 0, 4].argmax(1)
    assert places.bincount(minlength=9).tolist() == [0, 0, 18, 18, 18, 18, 18, 0, 0]


def test_the_share_of_a_shift_is_of_each_side() -> None:
    x = torch.ones(1, 1, 4, 8)
    moved = only(shift=0.25)(x, rows(1, 3, 4, value=1.0))
    assert (moved != 0).nonzero()[0].tolist() == [0, 0, 1, 2] and moved.sum() == 3 * 6


@pytest.mark.parametrize(
    ("down", "across", "cut"),
    [
        (0.5, 0.5, {(1, 1), (1, 2), (2, 1), (2, 2)}),
        (0.0, 0.5, {(0, 1), (0, 2)}),
        (1.0, 0.0, {(3, 0)}),
        (0.375, 0.5, {(1, 1), (1, 2)}),
    ],
)
def test_cutout_is_a_grey_square_that_may_leave_the_image(
    down: float, across: float, cut: set[tuple[int, int]]
) -> None:
    x, u = torch.ones(1, 2, 4, 4), rows(1, value=0.5)
    u[0, 5:] = torch.tensor([down, across])
    found = only(cutout=0.5)(x, u)[0]
    assert {tuple(place) for place in (found[0] == 0).nonzero().tolist()} == cut
    assert torch.equal(found[0], found[1]) and set(found.unique().tolist()) <= {0.0, 1.0}


def test_the_share_of_a_cutout_is_of_each_side() -> None:
    found = only(cutout=0.5)(torch.ones(1, 1, 4, 8), rows(1, value=0.5))
    assert (found == 0).nonzero()[:, 2:].tolist() == [[y, x] for y in (1, 2) for x in (2, 3, 4, 5)]


# Which row does what


def test_one_row_is_one_transform_whatever_the_batch() -> None:
    x, u, augment = numbers(6, 3, 8, 8), uniform(9, NUMBERS), DiffAugment()
    together = augment(x, u)
    for i in range(6):
        close(together[i : i + 1], augment(x[i : i + 1], u[i : i + 1]))
    others = x.clone()
    others[2:] += 1
    assert torch.equal(augment(others, u)[:2], together[:2])
    equal = augment(x[:1].expand(4, -1, -1, -1), u[:1].expand(4, -1))
    assert torch.equal(equal, equal[:1].expand_as(equal))


def test_every_number_counts() -> None:
    x, u, augment = numbers(4, 3, 8, 8), torch.full((4, NUMBERS), 0.1, dtype=torch.float64), DiffAugment()
    for place in range(NUMBERS):
        other = u.clone()
        other[:, place] = 0.9
        changed = (augment(x, other) - augment(x, u)).flatten(1).abs().amax(1)
        assert (changed > 1e-6).all(), place


def test_all_randomness_is_in_the_numbers() -> None:
    x, u = numbers(4, 3, 8, 8), uniform(4, NUMBERS)
    before = torch.random.get_rng_state()
    once = DiffAugment()(x, u)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(7)
    assert torch.equal(DiffAugment()(x, u), once)


def test_the_image_gets_an_exact_gradient() -> None:
    x, u = numbers(2, 3, 4, 5).requires_grad_(), uniform(2, NUMBERS)
    assert torch.autograd.gradcheck(lambda image: DiffAugment()(image, u), [x])
    (slope,) = torch.autograd.grad(only(cutout=0.5)(x, u).sum(), x)
    assert set(slope.unique().tolist()) == {0.0, 1.0}


def test_particles_have_jitter_of_their_own_under_vmap() -> None:
    x, u, augment = numbers(3, 2, 3, 6, 6), uniform(3, 5, NUMBERS), DiffAugment()
    close(torch.vmap(augment)(x, u), torch.stack([augment(x[k], u[k]) for k in range(3)]))
    shared = torch.vmap(augment, in_dims=(None, 0))(x[0], u)
    close(shared, torch.stack([augment(x[0], u[k]) for k in range(3)]))


@pytest.mark.parametrize(("name", "value"), [*itertools.product(NOTHING, (-0.1, 1.5, float("nan")))])
def test_shares_are_shares(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"DiffAugment: {name} = {value}: expected 0 to 1"):
        DiffAugment(**{name: value})


def test_whole_shares_stay_finite() -> None:
    x = numbers(4, 1, 5, 5)
    assert DiffAugment(1.0, 1.0, 1.0)(x, uniform(4, NUMBERS)).isfinite().all()
    assert (only(cutout=1.0)(x, rows(4, value=0.5)) == 0).all()
