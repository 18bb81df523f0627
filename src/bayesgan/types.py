"""The vocabulary that every file shares.

Axis legend, used in names such as ``logit_GDB`` and in docstrings:

    K  particles of one player        G, D  particles of the generator, of the discriminator
    B  images of a minibatch          C, H, W  channels, height, width of an image
    Z  dimensions of the latent code  Y  classes      S  weight samples in the bank
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from torch import Tensor

Params = dict[str, Tensor]
"""Weights by name; stacked over particles, each leaf is ``(K, *shape)``."""

Network = Callable[[Tensor], Tensor]
"""One particle of one player, applied to a batch."""


class Nets:
    """One particle of every player, callable by the player's name: ``net.generator(z)``."""

    generator: Network
    discriminator: Network
    teacher: Network

    def __init__(self, **players: Network) -> None:
        self.__dict__.update(players)


class Batch:
    """Everything random or observed that one step of one particle sees; all randomness enters here.

    ``z (B, Z)`` latent codes; ``x (B, C, H, W)`` training images in [-1, 1] (points: ``(B, D)``);
    ``x_weak``, ``x_strong``: two augmented views of further training images; ``x_labelled``, ``y``: labelled
    images and their classes; ``labelled_fraction ()``: N_s / N, labelled over all training images.
    """

    z: Tensor
    x: Tensor
    x_weak: Tensor
    x_strong: Tensor
    x_labelled: Tensor
    y: Tensor
    labelled_fraction: Tensor

    def __init__(self, **fields: Tensor) -> None:
        self.__dict__.update(fields)


class Objective(Protocol):
    """A game, written for one particle of each player.

    A method named after a player takes ``(net: Nets, batch: Batch)`` and returns that player's mean
    log-likelihood per datum, a scalar to be *maximised*.
    """

    players: ClassVar[tuple[str, ...]]
    """Players with a likelihood, in the order of their updates."""

    rides: ClassVar[Mapping[str, str]]
    """Which player's axis a batch field is drawn along: ``{"z": "generator", "x": "discriminator", ...}``."""

    def fields(self, player: str) -> tuple[str, ...]:
        """Return the batch fields that the player's method reads."""
        ...

    def outputs(self, classes: int) -> int:
        """Return how many logits a discriminator must have."""
        ...


Config = dict[str, Any]
"""A run as plain values, as read from or written to TOML."""
