"""What benchmarks/posterior.py compares: each method is a preset and a function from run to run, at equal compute.

Compute is counted: the floating-point operations of matrix products and convolutions, forward and backward, in one
iteration of all players. A count is the same on every machine and whatever else runs there; processor seconds, which
also have noise, averages and overhead in them, stand beside it in every row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import conv_flop_count, flop_registry

from bayesgan import presets
from bayesgan.build import initialise
from bayesgan.config import Player, Run
from bayesgan.data.batches import Batches
from bayesgan.data.labels import open_data
from bayesgan.iteration import iterate
from bayesgan.priors import Flat
from bayesgan.samplers.specs import EMASpec
from bayesgan.serialise import assigned

COLD = 0.1
PREFIX = "averaged_"


def point(run: Run) -> Run:
    """Return a run without averages: the last weights of Adam answer."""
    return replace(run, players={name: p for name, p in run.players.items() if not name.startswith(PREFIX)})


def averaged(run: Run) -> Run:
    """Return a run in which running averages of generator and discriminator answer, with the presets' horizon."""
    players = dict(point(run).players)
    for name in ("generator", "discriminator"):
        spec = EMASpec(name, 0.999, power=12.0)
        players[PREFIX + name] = Player(players[name].network, spec, Flat(), players[name].axis)
    return replace(run, players=players)


def shipped(run: Run) -> Run:
    """Return the preset as it is."""
    return run


@dataclass(frozen=True)
class Method:
    """A preset by name, and what is changed of it."""

    preset: str
    change: Callable[[Run], Run]

    def run(self, data: str, labels: int | None) -> Run:
        """Return the run."""
        return self.change(presets.PRESETS[self.preset](data, labels))


METHODS = {
    "point": Method("dcgan", point),
    "ema": Method("dcgan", averaged),
    "ensemble": Method("ensemble", shipped),
    "bayesgan-t0": Method("bayesgan", partial(Run.tempered, temperature=0.0)),
    "bayesgan-t1": Method("bayesgan", partial(Run.tempered, temperature=1.0)),
    "bayesgan-cold": Method("bayesgan", partial(Run.tempered, temperature=COLD)),
}


class Operations(TorchDispatchMode):
    """Counts operations; torch's own counter of modules does not know ``torch.func.grad``."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Run an operation and count it."""
        out = func(*args, **(kwargs or {}))
        if func._overloadpacket is torch.ops.aten.convolution_backward:
            # The registered count is wrong for groups, which several particles at once are: each gradient costs what
            # the convolution itself does.
            out_grad, x, weight, *_, transposed, _, _, mask = args
            one = conv_flop_count(x.shape, weight.shape, out_grad.shape, transposed)
            self.total += one * sum(mask[:2])
        elif count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


@lru_cache
def operations(preset: str, data: str, labels: int | None, changes: tuple[str, ...] = ()) -> int:
    """Return the operations of one iteration of a preset with ``changes``."""
    run, cpu = assigned(presets.PRESETS[preset](data, labels), changes), torch.device("cpu")
    training = open_data(run).training
    run = run.resolved(len(training.images))
    state, batches = initialise(run, training, cpu), Batches(run, training, cpu)
    with Operations() as counter:
        iterate(run, state, batches)
    return counter.total


def steps_for(method: str, data: str, labels: int | None, budget: int, changes: tuple[str, ...] = ()) -> int:
    """Return how many iterations of a method cost as much as ``budget`` iterations of the Bayesian GAN."""
    cost, whole = (operations(preset, data, labels, changes) for preset in (METHODS[method].preset, "bayesgan"))
    return max(1, round(budget * whole / cost))
