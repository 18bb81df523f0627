"""Injected noise: a random stream of its own for every particle, saved with the sampler's state."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import Tensor

from bayesgan.seeds import derive


@lru_cache(maxsize=1)
def pool(process: int) -> ThreadPoolExecutor:
    """Return threads of this process: those of a parent that forked would never answer."""
    return ThreadPoolExecutor(os.cpu_count(), "noise")


def fresh() -> int:
    """Return a seed that ``torch.manual_seed`` decides."""
    return int(torch.randint(2**63 - 1, ()))


class Noise:
    """Standard normal draws, one ``torch.Generator`` per seed.

    With K seeds the first dimension of every tensor is the particle axis (size K) and particle k's draws depend
    on seed k alone; with one seed there is no particle axis. One flat draw per particle serves all tensors.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self.generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def draw(self, like: Sequence[Tensor]) -> list[Tensor]:
        """Return one standard normal tensor for each tensor of ``like``, of its shape and dtype, where it is."""
        particles = len(self.generators)
        if particles > 1 and any(t.shape[:1] != (particles,) for t in like):
            shapes = ", ".join(str(tuple(t.shape)) for t in like)
            raise ValueError(f"{particles} seeds need tensors of {particles} particles, not {shapes}")
        sizes = [t.numel() // particles for t in like]
        device = self.generators[0].device
        flat = torch.empty(particles, sum(sizes), device=device)

        def fill(row: Tensor, generator: torch.Generator) -> None:
            torch.randn(len(row), generator=generator, out=row)

        parallel = particles > 1 and device.type == "cpu" and torch.get_num_threads() > 1
        # A stream on a CPU draws on one core; the streams of all particles draw on as many as there are.
        for _ in (pool(os.getpid()).map if parallel else map)(fill, flat, self.generators):
            pass
        parts = torch.split(flat, sizes, dim=1)
        return [part.reshape(t.shape).to(t) for part, t in zip(parts, like, strict=True)]

    def state(self) -> list[Tensor]:
        """Return the state of every stream."""
        return [g.get_state() for g in self.generators]

    def restore(self, states: Sequence[Tensor]) -> None:
        """Continue from :meth:`state`; from that of another kind of device with other numbers, which it decides."""
        for generator, state in zip(self.generators, states, strict=True):
            if state.shape == generator.get_state().shape:
                generator.set_state(state.cpu())
            else:  # CPUs and GPUs draw differently, and have states of their own sizes
                generator.manual_seed(derive(*state.tolist()))


def std(temperature: float, num_obs: int) -> float:
    """Return ``sqrt(T)`` for T = tempering / num_obs, the scale of noise on a per-datum energy."""
    return math.sqrt(temperature / num_obs)
