"""What a user gets: a posterior over networks, averaged when asked for images, for classes or for codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bayesgan import autoencode
from bayesgan.autoencode import moments as moments
from bayesgan.bank import apply, fits, read_sample, stand_in
from bayesgan.build import build
from bayesgan.config import Run
from bayesgan.data.batches import to_float
from bayesgan.data.codes import draw_codes
from bayesgan.errors import DataError, UsageError, nearest
from bayesgan.levers import choose_device
from bayesgan.particles import Ensemble
from bayesgan.seeds import generator
from bayesgan.store import Store
from bayesgan.types import Network

SLACK = 1e-3  # beyond [-1, 1], by rounding


@dataclass(frozen=True)
class Posterior:
    """A bank of weight samples and the networks they belong to.

    ``shape``: of one image ``(C, H, W)`` or point ``(D,)``. ``classes``: names, empty without labels.
    ``bank``: files of stacked weights, oldest first. Images go in as uint8 or as float32 in [-1, 1], and come out as
    float32 on the CPU. Where a run keeps running averages of its generator, encoder or discriminator, those are asked.
    """

    run: Run
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    bank: tuple[Path, ...]
    ensembles: dict[str, Ensemble]
    device: torch.device

    @classmethod
    def load(cls, path: str | Path, device: Literal["auto", "cpu", "cuda"] = "auto") -> Posterior:
        """Load the posterior of a run folder.

        Raises:
            DataError: no run folder, or one without a weight sample yet.
        """
        store = Store.open(path)
        run, data = store.run(), store.json("env.json", "data")["data"]
        bank = tuple(store.bank())
        if not bank:
            raise DataError(f"{path} holds no weight samples yet; finish it with --resume")
        shape, classes = tuple(data["shape"]), tuple(data["classes"])
        place = choose_device(device)
        ensembles = build(run, shape, len(classes), place)
        fits(bank[-1], ensembles)
        return cls(run, shape, classes, bank, ensembles, place)

    def sample(
        self, n: int, seed: int = 0, particle: int | None = None, classes: Sequence[str] | None = None
    ) -> Tensor:
        """Draw images from the posterior predictive: theta_g from the bank, z from its prior, ``x = G(z; theta_g)``.

        Image i depends on ``(seed, i)`` and the bank alone, not on n or on how the work is batched.

        Args:
            n: how many images. seed: of the draws. particle: only this generator chain, or all.
            classes: names that the images of a conditional run take in turn; drawn uniformly where None.

        Returns:
            ``(n, C, H, W)`` in [-1, 1], or points ``(n, D)``.

        Raises:
            UsageError: no such particle or class, or classes for a run that is not conditional.
        """
        chains = self.chains("generator")
        if particle is not None and particle not in range(chains):
            raise UsageError(f"particle {particle}: expected 0 to {chains - 1}")
        turns = None if classes is None else self.numbers(classes)
        if turns == []:
            raise UsageError("classes: expected at least one name")
        groups: dict[tuple[int, int], list[tuple[int, Tensor, int]]] = defaultdict(list)
        for i in range(n):
            draw, chain, z, number = self._draw(seed, i)
            place = draw, chain if particle is None else particle
            groups[place].append((i, z, turns[i % len(turns)] if turns else number))
        images = torch.empty(n, *self.shape)
        for (draw, chain), items in sorted(groups.items()):
            rows, codes, numbers = zip(*items, strict=True)
            label = self.one_hot(numbers) if self.conditional else None
            images[list(rows)] = apply(self.shown("generator", draw, chain), self.device, torch.stack(codes), label)
        return images

    def _draw(self, seed: int, i: int) -> tuple[int, int, Tensor, int]:
        """Return what image i is made of: weight sample, chain, code ``(Z,)`` and class, drawn in this order."""
        rng = generator(seed, "sample", i)
        draw, chain = (int(torch.randint(top, (), generator=rng)) for top in (len(self.bank), self.chains("generator")))
        z = draw_codes(1, self.run.latent, self.run.codes, rng)[0]
        return draw, chain, z, int(torch.randint(max(1, len(self.classes)), (), generator=rng))

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return class probabilities ``(B, Y)`` of images ``(B, C, H, W)`` or points ``(B, D)``.

        They are averaged over the bank, the fake class removed. Raises what :meth:`predict_each` does.
        """
        total, count = torch.zeros(len(x), len(self.classes)), 0
        for probabilities in self.predict_each(x):
            total, count = total + probabilities, count + 1
        return total / count

    def predict_each(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the probabilities ``(B, Y)`` of every discriminator of the bank in turn.

        Raises:
            UsageError: the run has no classes. DataError: images of another shape.
        """
        chains = self.chains("discriminator")
        if not self.classifies:
            without = "a game that is given classes" if self.conditional else f"{self.run.system!r} without labels"
            cure = "train with --labels N" + (" and without --conditional" if self.conditional else "")
            raise UsageError(f"{without} does not classify; {cure}")
        inputs = self.inputs(x)
        for draw in range(len(self.bank)):
            for chain in range(chains):
                out = apply(self.shown("discriminator", draw, chain), self.device, inputs)
                yield out[:, -len(self.classes) :].softmax(-1)

    def realness(self, x: Tensor) -> Tensor:
        """Return P(real) of images ``(B,)``, or scores that are no probabilities, averaged over the discriminators."""
        if not self.judges:
            raise UsageError(f"{self.run.system!r} has no discriminator that tells real images from generated ones")
        read: Callable[[Tensor], Tensor] = self.run.objective.realness  # type: ignore[union-attr]
        inputs, places = self.inputs(x), product(range(len(self.bank)), range(self.chains("discriminator")))
        scores = [read(apply(self.shown("discriminator", *place), self.device, inputs)) for place in places]
        return torch.stack(scores).mean(0)

    # Pairs of encoder and generator have a room of their own.
    encode = autoencode.encode
    encode_each = autoencode.encode_each
    reconstruct = autoencode.reconstruct
    reconstruct_each = autoencode.reconstruct_each
    interpolate = autoencode.interpolate

    @property
    def classifies(self) -> bool:
        """Whether the discriminator was trained on labels."""
        return "x_labelled" in self.run.objective.fields("discriminator")

    @property
    def judges(self) -> bool:
        """Whether the discriminator tells real images from generated ones without being told a class."""
        return hasattr(self.run.objective, "realness") and not self.conditional

    @property
    def conditional(self) -> bool:
        """Whether the networks are given the class."""
        return bool(self.run.objective.conditioned)

    def chains(self, player: str) -> int:
        """Return how many particles a player has."""
        if player not in self.run.players:
            raise UsageError(f"system {self.run.system!r} has no {player}; its players: {', '.join(self.run.players)}")
        return self.run.particles(player)

    def network(self, player: str, draw: int, chain: int) -> Network:
        """Return one network: weight sample ``draw`` of the bank, particle ``chain`` of the player."""
        leaves = read_sample(self.bank[draw])[player]
        return self.ensembles[player].bind({name: t[chain].to(self.device) for name, t in leaves.items()})

    def shown(self, role: str, draw: int, chain: int) -> Network:
        """Return the network that makes what a user sees: the running average of a role's weights, if it has one."""
        return self.network(stand_in(self.run.players, role), draw, chain)

    def inputs(self, x: Tensor) -> Tensor:
        """Return images as float32; raises a DataError for another shape than the run's, and for no images."""
        x = torch.as_tensor(x)
        if tuple(x.shape[1:]) != self.shape:
            raise DataError(f"images are {shape_text(x.shape[1:])}, the run was trained on {shape_text(self.shape)}")
        floats = to_float(x).float()
        if len(self.shape) == 3 and not (x.dtype == torch.uint8 or x.is_floating_point()):
            raise DataError(f"images are {x.dtype}: expected uint8, or floats in [-1, 1]")
        if not floats.isfinite().all() or (len(self.shape) == 3 and (floats.abs() > 1 + SLACK).any()):
            raise DataError("images hold values that are not in [-1, 1]: give uint8, or scale 0 to 255 to -1 to 1")
        return floats

    def numbers(self, classes: Sequence[str]) -> list[int]:
        """Return the numbers of named classes; raises a UsageError for names that the run does not know."""
        if not self.conditional:
            raise UsageError(f"this {self.run.system!r} does not know of classes; train it with --conditional")
        if unknown := [name for name in map(str, classes) if name not in self.classes]:
            raise UsageError(f"unknown class {unknown[0]!r}; {nearest(unknown[0], self.classes)}")
        return [self.classes.index(str(name)) for name in classes]

    def one_hot(self, numbers: Sequence[int]) -> Tensor:
        """Return classes as rows ``(B, Y)``."""
        return torch.eye(len(self.classes))[list(numbers)]


def shape_text(shape: tuple[int, ...] | torch.Size) -> str:
    """Return ``28x28 with 1 channel`` and the like, for messages."""
    if len(shape) != 3:
        return "x".join(map(str, shape))
    return f"{shape[1]}x{shape[2]} with {shape[0]} channel{'s' if shape[0] > 1 else ''}"
