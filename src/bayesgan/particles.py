"""Particles: K copies of a network with stacked weights, and ``lift``, which runs a function of one particle on all.

This is the only file that knows ``vmap``. How a lift runs is decided here, never in an objective or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from bayesgan.kernels import kernels
from bayesgan.recompute import recomputed
from bayesgan.seeds import derive
from bayesgan.types import Network, Params

How = Literal["auto", "vmap", "loop"]
OneParticle = Callable[[dict[str, Params], dict[str, Tensor]], Tensor]


@dataclass
class Ensemble:
    """K particles of one network: a skeleton without weights, and the weights of all particles.

    ``params`` maps a name to a leaf tensor ``(K, *shape)``; particle k is slice k of every leaf.
    """

    skeleton: nn.Module
    params: Params

    @classmethod
    def init(cls, make: Callable[[], nn.Module], particles: int, seed: int) -> Ensemble:
        """Stack ``particles`` networks from ``make``; particle k depends on ``(seed, k)`` alone, not on K.

        Raises:
            ValueError: the network has buffers (batch norm with running statistics, say), which particles
                cannot share and which would make the likelihood depend on the past; or a weight under two names.
        """
        nets = [_seeded(make, derive(seed, "particle", k)) for k in range(particles)]
        params, buffers = stack_module_state(nets)
        if buffers:
            raise ValueError(f"a network with state cannot be lifted: {', '.join(buffers)}; use group norm")
        if tied := dict(nets[0].named_parameters(remove_duplicate=False)).keys() - params.keys():
            raise ValueError(f"a weight under two names cannot be lifted: {', '.join(sorted(tied))}; share a submodule")
        leaves = {name: leaf.detach().requires_grad_() for name, leaf in params.items()}
        return cls(nets[0].to("meta"), leaves)

    def __len__(self) -> int:
        return next(iter(self.params.values())).shape[0]

    def detached(self) -> Params:
        """Return the weights without gradients: how opponents enter a player's energy."""
        return {name: leaf.detach() for name, leaf in self.params.items()}

    def particle(self, k: int) -> Network:
        """Return particle k as a function."""
        return self.bind({name: leaf[k] for name, leaf in self.params.items()})

    def bind(self, params: Params) -> Network:
        """Return the network with one particle's weights ``params`` as a function."""

        def run(*inputs: Tensor, **options: Any) -> Tensor:
            with kernels(inputs[0].device):
                out: Tensor = functional_call(self.skeleton, params, inputs, options)
            # Logits and codes, unlike images, are what likelihoods are computed of: in float32 from here on.
            return out.float() if out.dtype == torch.bfloat16 and out.ndim < 3 else out

        return run


def lift(
    fn: OneParticle,
    axes: Mapping[str, str],
    fields: Mapping[str, str | None],
    how: How | Mapping[str, How] = "auto",
    chunk_size: int | None = None,
) -> OneParticle:
    """Lift ``fn(params, batch)``, written for one particle of each player, over named particle axes.

    Players (and batch fields) whose axes have the same name are zipped; different names are crossed. A field
    with axis ``None`` is shared by all particles.

    Args:
        fn: takes ``{player: {name: (*shape)}}`` and ``{field: (B, ...)}``, returns a scalar.
        axes: player -> axis name. Its order is the order of the result's dimensions.
        fields: batch field -> axis name or None.
        how: ``vmap`` runs each network only as often as needed; ``loop`` is dense calls, one per combination;
            both give equal values and gradients. ``auto`` is vmap, unless a run's :mod:`~bayesgan.levers` say loop. A
            mapping says it axis by axis: what does not depend on an axis that is no loop is then computed once.
        chunk_size: particles at once, of the axis that has most. What a chunk computed is not kept but computed again
            for its gradients, so that memory holds one chunk. None for all at once.

    Returns:
        a function of stacked weights ``{player: {name: (K, *shape)}}`` and fields ``(K, B, ...)`` that returns
        one dimension per distinct axis.
    """
    for axis in reversed(dict.fromkeys(axes.values())):
        players, riders = _along(axis, axes), _along(axis, fields)
        fn = _lift_one(fn, players, riders, how if isinstance(how, str) else how.get(axis, "auto"))
    return _in_chunks(fn, axes, fields, chunk_size) if chunk_size else fn


def _along(axis: str, axes: Mapping[str, str | None]) -> set[str]:
    return {name for name, its in axes.items() if its == axis}


def _lift_one(fn: OneParticle, players: set[str], riders: set[str], how: How) -> OneParticle:
    def lifted(params: dict[str, Params], batch: dict[str, Tensor]) -> Tensor:
        mine = {player: weights for player, weights in params.items() if player in players}
        size = _size(mine)
        if size > 1 and how != "loop":
            dims = (
                {p: dict.fromkeys(w, 0 if p in players else None) for p, w in params.items()},
                {f: 0 if f in riders else None for f in batch},
            )
            return torch.vmap(fn, in_dims=dims)(params, batch)
        return torch.stack([fn(*_slice(params, batch, players, riders, k)) for k in range(size)])

    return lifted


def _in_chunks(
    fn: OneParticle, axes: Mapping[str, str], fields: Mapping[str, str | None], chunk_size: int
) -> OneParticle:
    def chunked(params: dict[str, Params], batch: dict[str, Tensor]) -> Tensor:
        sizes = {axis: _size({p: params[p] for p in _along(axis, axes)}) for axis in dict.fromkeys(axes.values())}
        axis, size = max(sizes.items(), key=lambda item: item[1])
        if size <= chunk_size:
            return fn(params, batch)
        players, riders = _along(axis, axes), _along(axis, fields)
        starts = range(0, size, chunk_size)
        parts = [_slice(params, batch, players, riders, slice(start, start + chunk_size)) for start in starts]
        return torch.cat([recomputed(fn, *part) for part in parts], [*sizes].index(axis))

    return chunked


def _size(players: dict[str, Params]) -> int:
    size, *others = {leaf.shape[0] for weights in players.values() for leaf in weights.values()}
    if others:
        raise ValueError(f"{' and '.join(players)} share an axis and must have equally many particles")
    return size


def _slice(
    params: dict[str, Params], batch: dict[str, Tensor], players: set[str], riders: set[str], k: int | slice
) -> tuple[dict[str, Params], dict[str, Tensor]]:
    one = {p: {n: t[k] for n, t in w.items()} if p in players else w for p, w in params.items()}
    return one, {f: t[k] if f in riders else t for f, t in batch.items()}


def _seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
