"""Randomness belongs to the item: a seed for every (run seed, name, particle, step), wherever it is computed."""

from __future__ import annotations

import hashlib

import torch


def derive(*path: int | str) -> int:
    """Return a 63-bit seed for a path such as ``(seed, "discriminator", particle)``; stable across machines."""
    digest = hashlib.blake2b(repr(path).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*path: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh ``torch.Generator`` for a path; see :func:`derive`."""
    return torch.Generator(device).manual_seed(derive(*path))
