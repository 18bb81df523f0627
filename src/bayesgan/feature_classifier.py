"""A classifier of a data set, whose last hidden layer is a space of features; trained once, stored with the run."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from bayesgan.data.augment import Warp
from bayesgan.data.batches import to_float
from bayesgan.data.cache import cache_folder
from bayesgan.data.labels import Held
from bayesgan.data.rows import Rows
from bayesgan.errors import DataError
from bayesgan.files import atomic
from bayesgan.networks import DCGAN
from bayesgan.samplers.schedules import Cosine
from bayesgan.seeds import derive, generator

STEPS, BATCH, LR = 600, 128, 2e-3
FILE = "features.safetensors"
DIGITS, STACKED = 10, "stacked-mnist"


class Classifier(nn.Module):
    """A convolutional classifier ``(B, C, H, W) -> (B, Y)``; with ``features`` its last hidden layer ``(B, F)``.

    Of images that are three digits side by side, one per channel (Stacked MNIST), each channel is classified by one
    network of ten classes: probabilities multiply, features are joined.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, stacked: bool = False) -> None:
        super().__init__()
        self.split = shape[0] if stacked else 1
        channels = shape[0] // self.split
        outputs = DIGITS if self.split > 1 else classes
        self.net = DCGAN(32).discriminator((channels, *shape[1:]), outputs)

    def forward(self, x: Tensor, *, features: bool = False) -> Tensor:
        """Return logits, or the last hidden layer."""
        each: Tensor = self.net(x.reshape(len(x) * self.split, -1, *x.shape[2:]), features=features)
        if features or self.split == 1:
            return each.reshape(len(x), -1)
        hundreds, tens, ones = each.log_softmax(1).view(len(x), self.split, DIGITS).unbind(1)
        joint: Tensor = hundreds[:, :, None, None] + tens[:, None, :, None] + ones[:, None, None, :]
        return joint.flatten(1)


@dataclass(frozen=True)
class Trained:
    """A trained classifier; ``key`` is the same for the same data and budget."""

    network: Classifier
    key: str

    @classmethod
    def of(cls, known: Held, data: str, classes: int, folder: Path) -> Trained:
        """Return the classifier stored in the run's ``folder``, or in the cache beside the data, or a new one."""
        assert known.source.labels is not None
        images, labels = Rows(known.source.images, known.rows), known.source.labels[known.rows]
        network, key = seeded(images.shape[1:], classes, data == STACKED), data_key(images, labels, data)
        own, shared = folder / FILE, spaces_folder() / f"{key}.safetensors"
        kept, cached = (weights_of(path, key, network) for path in (own, shared))
        if found := kept or cached:
            network.load_state_dict(found)
        else:
            fit(network, images, labels, derive(0, "feature-classifier"))
        if kept is None:
            save(own, network, key)
        if cached is None:
            with suppress(DataError):  # a cache that cannot be written is no reason to stop
                save(shared, network, key)
        return cls(network.eval(), key)

    @property
    def weights(self) -> str:
        """8 hex digits over the weights, which the same data do not decide on every machine."""
        digest = hashlib.blake2b(digest_size=4)
        for leaf in self.network.state_dict().values():
            digest.update(leaf.cpu().numpy().tobytes())
        return digest.hexdigest()


def spaces_folder() -> Path:
    """Return the folder of classifiers and features that runs on the same data share."""
    return cache_folder().parent / "spaces"


def seeded(shape: tuple[int, ...], classes: int, stacked: bool = False) -> Classifier:
    """Return a new classifier, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "feature-classifier", "weights"))
        return Classifier(shape, classes, stacked)


def data_key(images: Rows, labels: np.ndarray, data: str) -> str:
    """Return 16 hex digits over the name, all labels, every hundredth image and the budget."""
    digest = hashlib.blake2b(f"{data} {images.shape} {STEPS} {BATCH} {LR}".encode(), digest_size=8)
    digest.update(labels.tobytes())
    digest.update(images[np.arange(0, len(images), 100)].tobytes())
    return digest.hexdigest()


def fit(network: Classifier, images: Rows, labels: np.ndarray, seed: int) -> None:
    """Train on the known classes, images under random distortions."""
    optimiser, rng, warp = torch.optim.Adam(network.parameters(), LR), generator(seed, "batches"), Warp()
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = LR * Cosine(0.02)(step / STEPS)
        rows = torch.randint(len(images), (BATCH,), generator=rng).numpy()
        x, y = warp(to_float(torch.from_numpy(images[rows])), rng), torch.from_numpy(labels[rows])
        optimiser.zero_grad()
        F.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def weights_of(path: Path, key: str, network: Classifier) -> dict[str, Tensor] | None:
    """Return the weights in a file that are of this key, or None."""
    try:
        leaves = load_file(path)
    except (SafetensorError, OSError):
        return None
    mark = leaves.pop(f"key.{key}", None)
    shapes = {name: t.shape for name, t in network.state_dict().items()}
    return leaves if mark is not None and {n: t.shape for n, t in leaves.items()} == shapes else None


def save(path: Path, network: Classifier, key: str) -> None:
    """Write the weights with their key."""
    leaves = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(to_safetensors(leaves | {f"key.{key}": torch.zeros(1)}))
