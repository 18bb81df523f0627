"""A network as numbers that compare between weight samples: what it says of fixed examples, makes of fixed codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bayesgan.autoencode import AutoEncoding
from bayesgan.bank import apply
from bayesgan.data.batches import to_float
from bayesgan.data.codes import draw_codes
from bayesgan.data.labels import Training
from bayesgan.predict import Posterior
from bayesgan.seeds import generator
from bayesgan.types import Network

PROBES, DIRECTIONS = 64, 4


@dataclass(frozen=True)
class Probes:
    """What every network is asked: images ``(B, ...)``, codes ``(B, Z)``, their classes ``(B, Y)`` if conditional.

    ``directions (D, P)``: random ones onto which images of D pixels are projected, of unit length on the average
    over pixels, so that a projection varies as much as a pixel does.
    """

    x: Tensor
    z: Tensor
    label: Tensor | None
    directions: Tensor


def probes(posterior: Posterior, data: Training, count: int = PROBES) -> Probes:
    """Return random training images (of a conditional run: labelled ones) and codes, always the same."""
    run, rng = posterior.run, generator(0, "probes")
    order = torch.randperm(len(data.labels) if posterior.conditional else len(data.images), generator=rng)[:count]
    rows = data.labelled[order.numpy()] if posterior.conditional else order.numpy()
    x = to_float(torch.from_numpy(data.images[rows])).float()
    label = posterior.one_hot(data.labels[order.numpy()].tolist()) if posterior.conditional else None
    z = draw_codes(len(x), run.latent, run.codes, rng)
    size = x[0].numel()
    project = torch.randn(size, DIRECTIONS, generator=rng).double() / size**0.5
    return Probes(x, z, label, torch.eye(size).double() if size <= DIRECTIONS else project)


def images(posterior: Posterior, asked: Probes, net: Network) -> Tensor:
    """Return projections of the images that a generator makes of the codes, ``(B, P)``; points as they are."""
    return apply(net, posterior.device, asked.z, asked.label).flatten(1).double() @ asked.directions


def judgements(posterior: Posterior, asked: Probes, net: Network) -> Tensor:
    """Return a discriminator's class probabilities ``(B, Y)`` or its P(real) or score, ``(B,)``."""
    out = apply(net, posterior.device, asked.x, asked.label).double()
    if posterior.classifies:
        return out[:, -len(posterior.classes) :].softmax(-1)
    read: Callable[[Tensor], Tensor] = posterior.run.objective.realness  # type: ignore[union-attr]
    return read(out)


def codes(posterior: Posterior, asked: Probes, net: Network) -> Tensor:
    """Return the codes that an encoder gives the images, ``(B, Z)``."""
    objective = posterior.run.objective
    assert isinstance(objective, AutoEncoding)
    return objective.code(apply(net, posterior.device, asked.x, asked.label)).double()


def code_judgements(posterior: Posterior, asked: Probes, net: Network) -> Tensor:
    """Return a code discriminator's P(from the prior) of the codes, ``(B, 1)``."""
    return apply(net, posterior.device, asked.z, asked.label).double().sigmoid()


@dataclass(frozen=True)
class Function:
    """How a player is asked, what its values are called, and whether they mean the same to all particles.

    Two generators may be equally good and turn their codes differently: an image at a code compares within one only.
    """

    values: Callable[[Posterior, Probes, Network], Tensor]
    name: Callable[[Posterior], str]
    common: bool


def is_probability(posterior: Posterior) -> bool:
    """Return whether a discriminator's verdict is P(real) and not a critic's score: it has an upper end."""
    read: Callable[[Tensor], Tensor] | None = getattr(posterior.run.objective, "realness", None)
    return read is not None and read(torch.full((1, max(1, len(posterior.classes))), 1e6)).item() <= 1


def verdict(posterior: Posterior) -> str:
    """Return what a discriminator's values are called."""
    if posterior.classifies:
        return "class probabilities of fixed examples"
    return f"{'P(real)' if is_probability(posterior) else 'scores'} of fixed examples"


FUNCTIONS = {
    "generator": Function(images, lambda p: f"{'images' if len(p.shape) == 3 else 'points'} of fixed codes", False),
    "encoder": Function(codes, lambda _: "codes of fixed examples", False),
    "discriminator": Function(judgements, verdict, True),
    "code_discriminator": Function(code_judgements, lambda _: "P(from the prior) of fixed codes", False),
}
