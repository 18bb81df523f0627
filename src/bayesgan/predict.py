"""What a user gets: a posterior over networks, averaged when asked for images or for classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bayesgan.build import build, choose_device
from bayesgan.config import Run
from bayesgan.data.batches import to_float
from bayesgan.errors import DataError, UsageError
from bayesgan.particles import Ensemble
from bayesgan.seeds import derive
from bayesgan.store import Store, Weights, load_sample
from bayesgan.types import Network

CHUNK = 256


@dataclass(frozen=True)
class Posterior:
    """A bank of weight samples and the networks they belong to.

    ``shape``: of one image ``(C, H, W)`` or point ``(D,)``. ``classes``: names, empty without labels.
    ``bank``: files of stacked weights, oldest first.
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

    def sample(self, n: int, seed: int = 0, particle: int | None = None) -> Tensor:
        """Draw images from the posterior predictive: theta_g from the bank, z from its prior, ``x = G(z; theta_g)``.

        Image i depends on ``(seed, i)`` and the bank alone, not on n or on how the work is batched.

        Args:
            n: how many images. seed: of the draws. particle: only this generator chain, or all.

        Returns:
            ``(n, C, H, W)`` float32 in [-1, 1], or points ``(n, D)``, on the CPU.
        """
        chains = self.chains("generator")
        if particle is not None and particle not in range(chains):
            raise UsageError(f"particle {particle}: expected 0 to {chains - 1}")
        rng, images = torch.Generator(), torch.empty(n, *self.shape)
        groups: dict[tuple[int, int], list[tuple[int, Tensor]]] = {}
        for i in range(n):
            rng.manual_seed(derive(seed, "sample", i))
            draw, chain = (int(torch.randint(top, (), generator=rng)) for top in (len(self.bank), chains))
            key = (draw, chain if particle is None else particle)
            groups.setdefault(key, []).append((i, torch.randn(self.run.latent, generator=rng)))
        for (draw, chain), items in sorted(groups.items()):
            net = self.network("generator", draw, chain)
            places, codes = zip(*items, strict=True)
            images[list(places)] = apply(net, torch.stack(codes).to(self.device)).cpu()
        return images

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return class probabilities ``(B, Y)``: averaged over the bank, the fake class removed.

        ``x``: images ``(B, C, H, W)``, uint8 or float32 in [-1, 1], or points ``(B, D)``.
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
        if not self.classifies:
            raise UsageError(f"{self.run.system!r} without labels does not classify; train with --labels N")
        if tuple(x.shape[1:]) != self.shape:
            raise DataError(f"images are {shape_text(x.shape[1:])}, the run was trained on {shape_text(self.shape)}")
        inputs = to_float(x)
        for draw in range(len(self.bank)):
            for chain in range(self.chains("discriminator")):
                net = self.network("discriminator", draw, chain)
                yield apply(net, inputs, self.device)[:, -len(self.classes) :].softmax(-1).cpu()

    @property
    def classifies(self) -> bool:
        """Whether the discriminator was trained on labels."""
        return "x_labelled" in self.run.objective.fields("discriminator")

    def chains(self, player: str) -> int:
        """Return how many particles a player has."""
        if player not in self.run.players:
            raise UsageError(f"system {self.run.system!r} has no {player}; its players: {', '.join(self.run.players)}")
        return self.run.particles(player)

    def network(self, player: str, draw: int, chain: int) -> Network:
        """Return one network: weight sample ``draw`` of the bank, particle ``chain`` of the player."""
        leaves = read_sample(self.bank[draw])[player]
        return self.ensembles[player].bind({name: t[chain].to(self.device) for name, t in leaves.items()})


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
def apply(net: Network, inputs: Tensor, device: torch.device | None = None) -> Tensor:
    """Return ``net(inputs)`` computed in chunks."""
    return torch.cat([net(chunk.to(device or inputs.device)) for chunk in torch.split(inputs, CHUNK)])


def shape_text(shape: tuple[int, ...] | torch.Size) -> str:
    """Return ``28x28 with 1 channel`` and the like, for messages."""
    if len(shape) != 3:
        return "x".join(map(str, shape))
    return f"{shape[1]}x{shape[2]} with {shape[0]} channel{'s' if shape[0] > 1 else ''}"
