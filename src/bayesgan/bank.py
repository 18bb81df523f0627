"""The bank: weight samples as networks that can be asked."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from bayesgan.errors import DataError
from bayesgan.particles import Ensemble
from bayesgan.store import Weights, load_sample
from bayesgan.types import Network

CHUNK = 256


def stand_in(players: Container[str], role: str) -> str:
    """Return the player that is asked in the place of ``role``: the running average of its weights, if it has one."""
    return f"averaged_{role}" if f"averaged_{role}" in players else role


def read_sample(path: Path) -> Weights:
    """Return one weight sample; the most recently used few stay in memory until their files change."""
    return _cached(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _cached(path: Path, changed: int) -> Weights:
    return load_sample(path)


def fits(path: Path, ensembles: Mapping[str, Ensemble]) -> None:
    """Raise a DataError where a weight sample is not of these networks."""
    sample = read_sample(path)
    for player, ensemble in ensembles.items():
        for name, leaf in ensemble.params.items():
            if player not in sample or name not in sample[player] or sample[player][name].shape != leaf.shape:
                raise DataError(f"{path}: weights of {player} are not of the network in config.toml ({name})")


@torch.no_grad()
def apply(net: Network, device: torch.device, *inputs: Tensor | None) -> Tensor:
    """Return ``net(*inputs)`` on the CPU, computed in chunks on the device; an input that is None is left out."""
    chunks = zip(*(torch.split(one, CHUNK) for one in inputs if one is not None), strict=True)
    return torch.cat([net(*(part.to(device) for part in chunk)).cpu() for chunk in chunks])
