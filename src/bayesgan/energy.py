"""A player's energy and its gradient: computed as written, or on a GPU replayed from a graph that was recorded once.

A step of small networks is hundreds of operations, each shorter on a GPU than its launch; a replay is one launch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from bayesgan.posterior import Game, log_posterior

WARM_UP = 3  # steps before a graph is recorded, in which libraries choose their kernels and take their memory


class Energy:
    """``energy(batch)`` returns the energies ``(K,)`` of a player's particles and leaves gradients in their weights.

    ``mixed`` returns the context of the forward pass, such as that of mixed precision.
    """

    def __init__(self, game: Game, player: str, mixed: Callable[[], AbstractContextManager[object]]) -> None:
        self.game, self.player, self.mixed = game, player, mixed

    def __call__(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return energies per datum; ``batch``: what the objective reads, ``(K, B, ...)`` each."""
        for leaf in self.game.ensembles[self.player].params.values():
            leaf.grad = None
        with self.mixed():
            energy_K = -log_posterior(self.game, self.player, batch)
        # A sum, never a mean: a mean would multiply the temperature by K.
        energy_K.sum().backward()  # type: ignore[no-untyped-call]
        return energy_K.detach()


class Captured(Energy):
    """The same on a CUDA device as a CUDA graph, which reads batch and weights where they lay when it was recorded.

    Weights may only change in place. Energies and gradients are overwritten by the next call.
    """

    def __init__(self, game: Game, player: str, mixed: Callable[[], AbstractContextManager[object]]) -> None:
        super().__init__(game, player, mixed)
        self.calls = 0
        self.graph = torch.cuda.CUDAGraph()
        self.inputs: dict[str, Tensor] = {}
        self.gradients: list[tuple[Tensor, Tensor | None]] = []
        self.energy_K = torch.empty(0)

    def __call__(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return energies as the graph finds them; the first calls compute them as written, and record it."""
        self.calls += 1
        if self.calls <= WARM_UP:
            return self.aside(batch)
        if self.calls == WARM_UP + 1:
            self.record(batch)
        for field, values in batch.items():
            self.inputs[field].copy_(values)
        self.graph.replay()
        for leaf, gradient in self.gradients:
            leaf.grad = gradient  # whatever has become of it since
        return self.energy_K

    def aside(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return energies computed on a stream of their own, as recording asks of what comes before it."""
        current, stream = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            energy_K = super().__call__(batch)
        current.wait_stream(stream)
        return energy_K

    def record(self, batch: Mapping[str, Tensor]) -> None:
        """Record what a call does; nothing is computed yet."""
        self.inputs = {field: values.clone() for field, values in batch.items()}
        with torch.cuda.graph(self.graph):
            self.energy_K = super().__call__(self.inputs)
        self.gradients = [(leaf, leaf.grad) for leaf in self.game.ensembles[self.player].params.values()]
