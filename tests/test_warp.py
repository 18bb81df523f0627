"""Warps of images: closed forms of every range, what a seed decides, and how far larger images move."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesgan.data.augment import Warp
from bayesgan.errors import UsageError
from contract import close

STILL = Warp(rotation=0.0, scale=0.0, shear=0.0, shift=0.0, elastic=0.0, cutout=0.0)


def pictures(side: int = 8, count: int = 3) -> Tensor:
    """Return smooth images, dark at their borders."""
    line = torch.linspace(-1, 1, side)
    blob = torch.exp(-4 * (line**2 + (line[:, None] - 0.2) ** 2))
    return (2 * blob - 1).expand(count, 1, side, side).contiguous()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_ranges_nothing_moves() -> None:
    x = pictures()
    close(STILL(x, rng()), x)
    assert torch.equal(STILL.cut(x, rng()), x)


def test_matrices_are_those_of_each_range() -> None:
    def matrix(aspect: float = 1.0, **numbers: float) -> Tensor:
        names = ("rotation", "shear", "wide", "high", "across", "down")
        u = torch.tensor([[numbers.get(name, 0.0)] for name in names])
        return Warp(rotation=90.0, scale=0.5, shear=0.3, shift=0.25).matrices(u, aspect)[0]

    close(matrix(), torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    close(matrix(rotation=1.0), torch.tensor([[0.0, -1, 0], [1, 0, 0]]), atol=1e-6)
    close(matrix(shear=1.0), torch.tensor([[1.0, 0.3, 0], [0, 1, 0]]))
    close(matrix(wide=1.0, high=-1.0), torch.tensor([[1.5, 0, 0], [0, 0.5, 0]]))
    # A grid of half sides: a quarter of the side is half of that.
    close(matrix(across=1.0, down=-1.0), torch.tensor([[1.0, 0, 0.5], [0, 1, -0.5]]))


@pytest.mark.parametrize(("high", "wide"), [(16, 48), (48, 16)])
def test_images_that_are_not_square_turn_and_shear_as_squares_do(high: int, wide: int) -> None:
    """A square in the middle of a dark band: what happens to it does not depend on the band."""
    square = pictures(16)
    down, across = (high - 16) // 2, (wide - 16) // 2
    band = torch.nn.functional.pad(square, (across, across, down, down), value=-1.0)
    warp = replace(STILL, rotation=40.0, shear=0.3)
    turned, alone = warp(band, rng()), warp(square, rng())
    middle = turned[..., down : down + 16, across : across + 16]
    close(middle[..., 2:-2, 2:-2], alone[..., 2:-2, 2:-2], atol=0.02)
    assert (alone - square).abs().max() > 0.2


@pytest.mark.parametrize("name", ["rotation", "scale", "shear", "shift", "elastic"])
def test_every_range_moves_every_image_in_its_own_way(name: str) -> None:
    warp = replace(STILL, **{name: getattr(Warp(), name)})
    view = warp(pictures(16), rng())
    assert view.shape == (3, 1, 16, 16) and view.abs().max() <= 1
    assert not torch.equal(view[0], view[1]) and not torch.allclose(view, pictures(16), atol=1e-3)


def test_a_weaker_view_is_nearer() -> None:
    x, warp = pictures(16, 64), Warp()
    near, far = ((warp(x, rng(), strength) - x).square().mean() for strength in (warp.weak, 1.0))
    assert 0 < near < far


def test_a_square_is_cut_and_nothing_else() -> None:
    x, warp = torch.ones(4000, 2, 10, 10), replace(STILL, cutout=0.4)
    cut = warp.cut(x, rng())
    assert set(cut.unique().tolist()) == {-1.0, 1.0} and torch.equal(cut[:, 0], cut[:, 1])
    rows, columns = ((cut[:, 0] < 0).any(axis).sum(-1) for axis in (2, 1))
    assert rows.max() <= 4 and columns.max() <= 4
    # The side is uniform up to 0.4, its square 0.16 / 3 in the mean, and less where it sticks out over a border.
    share = (cut[:, 0] < 0).float().mean()
    assert 0.7 * 0.16 / 3 < share < 0.16 / 3


def test_a_seed_decides() -> None:
    x = pictures(16)
    assert torch.equal(Warp()(x, rng(1)), Warp()(x, rng(1)))
    assert not torch.equal(Warp()(x, rng(1)), Warp()(x, rng(2)))


@pytest.mark.parametrize("name", ["shift", "elastic"])
def test_larger_images_move_with_the_root_of_their_side(name: str) -> None:
    x, given = pictures(32), getattr(Warp(), name)
    half = replace(STILL, **{name: given * math.sqrt(8 / 32)})(x, rng())
    close(replace(STILL, **{name: given}, side=8)(x, rng()), half)
    assert not torch.allclose(replace(STILL, **{name: given})(x, rng()), half, atol=1e-3)


@pytest.mark.parametrize("name", ["rotation", "scale", "shear"])
def test_the_side_leaves_the_other_ranges_alone(name: str) -> None:
    x, warp = pictures(32), replace(STILL, **{name: getattr(Warp(), name)})
    assert torch.equal(replace(warp, side=8)(x, rng()), warp(x, rng()))


def test_at_its_side_a_warp_is_as_it_says() -> None:
    assert torch.equal(Warp(side=8)(pictures(8), rng()), Warp()(pictures(8), rng()))


@pytest.mark.parametrize("side", [0, -8])
def test_a_side_that_is_none_is_refused(side: int) -> None:
    with pytest.raises(UsageError, match=f"Warp: side = {side}: expected above 0"):
        Warp(side=side)


def test_about_half_of_the_images_are_mirrored_and_the_others_are_not() -> None:
    x = torch.rand(200, 1, 6, 6) * 2 - 1
    seen = replace(STILL, mirror=True)(x, rng())
    turned = torch.tensor([torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(seen, x, strict=True)])
    close(seen[~turned], x[~turned], 1e-5, 1e-5)
    assert 70 < turned.sum() < 130


def test_every_field_is_tried_here() -> None:
    known: set[Any] = {"rotation", "scale", "shear", "shift", "elastic", "cutout", "weak", "side", "mirror"}
    assert {field.name for field in fields(Warp)} == known


def test_without_cut_outs_nothing_is_cut_and_as_much_is_drawn() -> None:
    x, streams = torch.ones(4, 1, 8, 8), [torch.Generator().manual_seed(0) for _ in range(2)]
    plain, cut = (replace(STILL, cutout=size).cut(x, rng) for size, rng in zip((0.0, 0.9), streams, strict=True))
    assert torch.equal(plain, x) and not torch.equal(cut, x)
    assert torch.equal(*(rng.get_state() for rng in streams))
