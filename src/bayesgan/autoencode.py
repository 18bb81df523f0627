"""From images to codes and back, with every encoder of the bank and the generator that was trained with it.

The public functions are methods of :class:`~bayesgan.predict.Posterior`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from bayesgan.bank import apply
from bayesgan.data.codes import path
from bayesgan.errors import DataError, UsageError
from bayesgan.types import Network

if TYPE_CHECKING:
    from bayesgan.predict import Posterior


def encode(posterior: Posterior, x: Tensor, classes: Sequence[str] | None = None) -> Tensor:
    """Return the posterior mean of the codes, ``(B, Z)``; see :func:`encode_each`."""
    return moments(encode_each(posterior, x, classes))[0]


def encode_each(posterior: Posterior, x: Tensor, classes: Sequence[str] | None = None) -> Iterator[Tensor]:
    """Return the codes ``(B, Z)`` that every pair of encoder and generator of the bank gives images.

    Each pair has a latent space of its own: axes may be turned or swapped, and codes of different pairs cannot be
    compared. All are therefore told in the coordinates of one encoder, that of the newest weight sample and its first
    chain: ``E(x)`` of itself, ``E(G_k(E_k(x)))`` of pair k, the code of what pair k makes of the image.

    Args:
        x: images ``(B, C, H, W)`` or points ``(B, D)``. classes: of a conditional run, one name per image.

    Raises:
        UsageError: no encoder, one that is not zipped with the generator, or classes missing, unknown or unasked.
        DataError: images of another shape.
    """
    inputs, label = given(posterior, x, classes)
    reference = newest(posterior)
    copies = (inputs if p.place == reference.place else p.reconstruct(inputs, label) for p in pairs(posterior))
    return (reference.encode(copy, label) for copy in copies)


def reconstruct(posterior: Posterior, x: Tensor, classes: Sequence[str] | None = None) -> Tensor:
    """Return the posterior mean of the reconstructions, ``(B, C, H, W)``; see :func:`reconstruct_each`."""
    return moments(reconstruct_each(posterior, x, classes))[0]


def reconstruct_each(posterior: Posterior, x: Tensor, classes: Sequence[str] | None = None) -> Iterator[Tensor]:
    """Return what every pair of the bank makes of images: ``G(E(x))``, ``(B, C, H, W)`` in [-1, 1].

    ``moments(posterior.reconstruct_each(x))`` is their mean and, in every pixel, how far the networks disagree. The
    order of the pairs, arguments and errors are those of :func:`encode_each`.
    """
    inputs, label = given(posterior, x, classes)
    return (pair.reconstruct(inputs, label) for pair in pairs(posterior))


def interpolate(
    posterior: Posterior,
    a: Tensor,
    b: Tensor,
    steps: int = 8,
    classes: Sequence[str] | None = None,
    to: Sequence[str] | None = None,
) -> Tensor:
    """Return images on the path of codes from images a to images b, both included: ``(B, steps, C, H, W)``.

    One pair of networks makes them all, that of the newest weight sample and its first chain; the first and the last
    image are its reconstructions of a and b. The path is :func:`bayesgan.data.codes.path`.

    Args:
        a, b: images ``(B, C, H, W)``. steps: images per path.
        classes, to: of a conditional run, the names of a's and of b's classes, the same where ``to`` is None; the
            generator is given their mixture in between.

    Raises:
        UsageError: see :func:`encode_each`; fewer than 2 steps. DataError: a and b are not alike.
    """
    if steps < 2:
        raise UsageError(f"steps = {steps}: expected at least 2, the two ends")
    if a.shape != b.shape:
        raise DataError(f"a and b have the shapes {tuple(a.shape)} and {tuple(b.shape)}; expected the same")
    start, first = given(posterior, a, classes)
    end, last = given(posterior, b, classes if to is None else to)
    pair = newest(posterior)
    codes = path(pair.encode(start, first), pair.encode(end, last), steps)
    label = None if first is None or last is None else mixtures(first, last, steps).flatten(0, 1)
    return pair.decode(codes.flatten(0, 1), label).reshape(len(a), steps, *posterior.shape)


def mixtures(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return ``steps`` mixtures of a and b ``(B, Y)``, evenly from one to the other, ``(B, steps, Y)``."""
    return torch.lerp(a[:, None], b[:, None], torch.linspace(0, 1, steps)[:, None])


def moments(each: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation over tensors of one shape, of the population, in a single pass.

    Of one tensor the standard deviation is 0. Raises a ValueError for none. The recurrence is that of Welford 1962.
    """
    mean, squares, count = torch.zeros(()), torch.zeros(()), 0
    for value in each:
        count, before = count + 1, mean
        mean = before + (value - before) / count
        squares = squares + (value - before) * (value - mean)
    if not count:
        raise ValueError("moments of no tensors")
    return mean, (squares / count).sqrt()


@runtime_checkable
class AutoEncoding(Protocol):
    """An objective with an encoder."""

    def code(self, out: Tensor, eps: Tensor | None = None) -> Tensor:
        """Return codes ``(B, Z)`` from the encoder's output; those of highest density without ``eps``."""
        ...


@dataclass(frozen=True)
class Pair:
    """An encoder and its generator, which share a latent space; ``place``: weight sample and chain."""

    place: tuple[int, int]
    encoder: Network
    generator: Network
    objective: AutoEncoding
    device: torch.device

    def encode(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the codes ``(B, Z)`` of images ``(B, C, H, W)``; ``label``: one-hot classes ``(B, Y)``."""
        return self.objective.code(apply(self.encoder, self.device, x, label))

    def decode(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the images ``(B, C, H, W)`` of codes ``(B, Z)``."""
        return apply(self.generator, self.device, z, label)

    def reconstruct(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return ``G(E(x))``, ``(B, C, H, W)``."""
        return self.decode(self.encode(x, label), label)


def pairs(posterior: Posterior) -> Iterator[Pair]:
    """Yield the pairs of the bank, oldest weight sample first."""
    for draw in range(len(posterior.bank)):
        for chain in range(posterior.chains("encoder")):
            yield pair_at(posterior, draw, chain)


def newest(posterior: Posterior) -> Pair:
    """Return the first chain of the newest weight sample."""
    return pair_at(posterior, len(posterior.bank) - 1, 0)


def pair_at(posterior: Posterior, draw: int, chain: int) -> Pair:
    """Return one pair of the bank."""
    objective = posterior.run.objective
    assert isinstance(objective, AutoEncoding)
    encoder, generator = (posterior.shown(role, draw, chain) for role in ("encoder", "generator"))
    return Pair((draw, chain), encoder, generator, objective, posterior.device)


def given(posterior: Posterior, x: Tensor, classes: Sequence[str] | None) -> tuple[Tensor, Tensor | None]:
    """Return what an encoder is given, images and perhaps one-hot classes ``(B, Y)``; raises what is wrong."""
    run, _ = posterior.run, posterior.chains("encoder")
    axes = run.axes()
    if axes["encoder"] != axes["generator"]:
        apart = f"the encoder is on axis {axes['encoder']!r}, the generator on {axes['generator']!r}"
        raise UsageError(f"an encoder needs a generator of its own, but {apart}; train with both on one")
    inputs = posterior.inputs(x)
    if classes is None:
        if posterior.conditional:
            raise UsageError(f"this {run.system!r} is conditional: give classes, one name per image")
        return inputs, None
    label = posterior.one_hot(posterior.numbers(classes))
    if len(label) != len(x):
        raise UsageError(f"classes: {len(label)} names for {len(x)} images")
    return inputs, label
