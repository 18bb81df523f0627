"""Codes: uniform on the sphere where that is their prior, and paths that keep to where a prior has its mass."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bayesgan.data.codes import draw_codes, on_sphere, path
from contract import close, numbers


def angles(z: Tensor) -> Tensor:
    """Angles between neighbours of a path ``(B, steps, Z)``; by the arc tangent, which is exact for small ones."""
    a, b = on_sphere(z[:, :-1]), on_sphere(z[:, 1:])
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))


def test_a_path_leads_from_one_code_to_the_other_at_constant_speed() -> None:
    a, b = numbers(5, 7), 3 * numbers(5, 7, seed=1)
    codes = path(a, b, 9)
    assert codes.shape == (5, 9, 7) and codes.dtype == a.dtype
    close(codes[:, 0], a)
    close(codes[:, -1], b)
    turns = angles(codes)
    whole = torch.acos((on_sphere(a) * on_sphere(b)).sum(-1))
    close(turns, (whole / 8)[:, None].expand(-1, 8))
    t = torch.linspace(0, 1, 9, dtype=a.dtype)
    close(codes.norm(dim=-1), (1 - t) * a.norm(dim=-1)[:, None] + t * b.norm(dim=-1)[:, None])


def test_a_path_lies_in_the_plane_of_its_ends() -> None:
    a, b = numbers(1, 6), numbers(1, 6, seed=1)
    plane = torch.linalg.qr(torch.cat([a, b]).T)[0]
    codes = path(a, b, 11)[0]
    close(codes @ plane @ plane.T, codes)


def test_a_quarter_circle() -> None:
    codes = path(torch.tensor([[2.0, 0.0]]).double(), torch.tensor([[0.0, 2.0]]).double(), 4)[0]
    angle = torch.tensor([0.0, 30.0, 60.0, 90.0], dtype=torch.float64) * math.pi / 180
    close(codes, 2 * torch.stack([angle.cos(), angle.sin()], 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("other", [1.0, 2.5, 1 + 1e-6, -1.0, -2.5], ids="x{}".format)
def test_parallel_and_opposite_codes_are_finite_and_keep_their_ends(other: float, dtype: torch.dtype) -> None:
    for a in (numbers(3, 4), numbers(3, 1), torch.ones(2, 2).double()):
        a = a.to(dtype)
        codes = path(a, other * a, 7)
        assert codes.isfinite().all()
        close(codes[:, 0], a, rtol=1e-5, atol=1e-6)
        close(codes[:, -1], other * a, rtol=1e-5, atol=1e-6)
        if other > 0:
            straight = torch.linspace(1, other, 7, dtype=dtype)[:, None] * a[:, None]
            close(codes, straight, rtol=1e-5, atol=1e-6)


def test_nearly_parallel_codes_are_nearly_a_line() -> None:
    a = numbers(4, 5)
    for distance in (1e-7, 1e-5, 1e-3):
        b = a + distance * numbers(4, 5, seed=1)
        t = torch.linspace(0, 1, 5, dtype=a.dtype)[:, None]
        close(path(a, b, 5), (1 - t) * a[:, None] + t * b[:, None], rtol=0, atol=3 * distance**2 + 1e-12)


def test_codes_of_the_sphere_are_normal_ones_scaled_to_it() -> None:
    rng = [torch.Generator().manual_seed(4) for _ in range(2)]
    normal, sphere = (draw_codes(500, 3, codes, g) for codes, g in zip(("normal", "sphere"), rng, strict=True))
    assert normal.shape == sphere.shape == (500, 3)
    close(sphere, normal / normal.norm(dim=1, keepdim=True), rtol=1e-6, atol=1e-7)
    close(sphere.norm(dim=1), torch.ones(500), rtol=1e-6)
    assert abs(normal.square().mean() - 1) < 0.1
    # Uniform: no direction is preferred, and each coordinate has the variance 1 / Z.
    assert sphere.mean(0).abs().max() < 0.1
    close(sphere.T @ sphere / 500, torch.eye(3) / 3, rtol=0, atol=0.05)
