"""The vocabulary that every file shares.

Axis legend, used in names such as ``logit_GDB`` and in docstrings:

    K  particles of one player        G, D  particles of the generator, of the discriminator
    B  images of a minibatch          C, H, W  channels, height, width of an image
    Z  dimensions of the latent code  Y  classes      S  weight samples in the bank
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor

Params = dict[str, Tensor]
"""Weights by name; stacked over particles, each leaf is ``(K, *shape)``."""

Network = Callable[..., Tensor]
"""One particle of one player, applied to a batch; networks of a conditional game take the class second."""


class Nets:
    """One particle of every player, callable by the player's name: ``net.generator(z)``."""

    generator: Network
    discriminator: Network
    encoder: Network
    code_discriminator: Network
    teacher: Network

    def __init__(self, **players: Network) -> None:
        self.__dict__.update(players)


class Batch:
    """Everything random or observed that one step of one particle sees; all randomness enters here.

    ``z (B, Z)`` codes from their prior; ``x (B, C, H, W)`` training images in [-1, 1] (points: ``(B, D)``);
    ``eps (B, Z)`` standard normal numbers, a row per image of x; ``mix (B,)``, ``jitter (B, 7)``, ``views_mix (B,)``
    uniform numbers, for mixtures of images, for augmentation and for mixtures of views; ``label``, ``wanted (B, Y)``
    one-hot classes of x and of the images asked of the generator; ``x_weak``, ``x_strong``: two augmented views of
    further training images; ``x_labelled``, ``y``: labelled images and their classes; ``labelled_fraction ()``:
    N_s / N, labelled over all.
    """

    z: Tensor
    x: Tensor
    eps: Tensor
    mix: Tensor
    jitter: Tensor
    label: Tensor | None = None
    wanted: Tensor | None = None
    x_weak: Tensor
    x_strong: Tensor
    views_mix: Tensor
    x_labelled: Tensor
    y: Tensor
    labelled_fraction: Tensor

    def __init__(self, **fields: Tensor) -> None:
        self.__dict__.update(fields)


Fields = Mapping[str, str | None]
"""Batch field -> the player along whose axis it is drawn; None: one for all particles."""


class Objective(Protocol):
    """A game, written for one particle of each player.

    A method named after a player takes ``(net: Nets, batch: Batch)`` and returns that player's mean
    log-likelihood per datum, a scalar to be *maximised*.
    """

    @property
    def players(self) -> tuple[str, ...]:
        """Players with a likelihood, in the order of their updates."""
        ...

    @property
    def conditioned(self) -> tuple[str, ...]:
        """Players whose networks are given a class; none where the game is not conditional."""
        ...

    def fields(self, player: str) -> Fields:
        """Return the batch fields that the player's method reads, and along whose axis each is drawn."""
        ...

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return how many numbers the player's network puts out for one image or code; not asked of generators."""
        ...


Config = dict[str, Any]
"""A run as plain values, as read from or written to TOML."""
