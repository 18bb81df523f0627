"""Feature spaces by name: a file that the user brings, or a classifier of the data set that is stored with the run.

A distance in the second kind of space is no FID: numbers compare where the space, its name in every protocol, is one.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import Tensor

from bayesgan.bank import apply
from bayesgan.data.batches import to_float
from bayesgan.data.labels import Held
from bayesgan.data.readers import Part
from bayesgan.data.rows import Rows
from bayesgan.errors import DataError
from bayesgan.feature_classifier import Classifier, Trained, spaces_folder
from bayesgan.files import atomic

Function = Callable[[Tensor], Tensor]
CHUNK = 250


@dataclass(frozen=True)
class Space:
    """``features``: images ``(N, C, H, W)`` in [-1, 1] to ``(N, F)``; ``classify``: to class probabilities ``(N, Y)``.

    ``name`` says what it is and ``resize`` what happens to the images first; ``key`` is equal for equal spaces.
    ``classify`` is None where the space does not classify.
    """

    name: str
    resize: str
    key: str
    features: Function
    classify: Function | None


def of_file(path: Path, shape: tuple[int, ...], device: torch.device) -> Space:
    """Return the space of a TorchScript file, such as an Inception network.

    The network is given uint8 images ``(B, 3, H, W)``, grey ones as three equal channels, and resizes them itself. It
    returns features ``(B, F)``; one that takes ``return_features=True`` returns features with it and class
    probabilities or logits without. It is asked about an image of this ``shape`` at once: raises DataError for a file
    that is none, fails on the image or returns another shape.
    """
    net, arguments, key = opened(path, device)
    both = "return_features" in arguments
    features = partial(net, return_features=True) if both else net
    for function in (features, net):
        rows_of(path, function, torch.zeros(2, *shape, device=device))

    def run(function: Callable[..., Tensor], x: Tensor) -> Tensor:
        return torch.cat([rows_of(path, function, part.to(device)) for part in torch.split(x, CHUNK)])

    classify: Function | None = (lambda x: probabilities(run(net, x))) if both else None
    return Space(f"{path.name} ({key})", "by the file", key, lambda x: run(features, x), classify)


def opened(path: Path, device: torch.device) -> tuple[Any, list[str], str]:
    """Return the network of a TorchScript file, the names of its arguments, and 16 hex digits over the file."""
    try:
        with warnings.catch_warnings():
            # Deprecated, but it is what Inception networks for FID are published as.
            warnings.filterwarnings("ignore", "`torch.jit.load`", DeprecationWarning)
            net = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
        names = [argument.name for argument in net.forward.schema.arguments]
        return net, names, hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    except (RuntimeError, ValueError, OSError, AttributeError) as error:
        raise DataError(f"--features {path} is no TorchScript file: {brief(error, 0)}") from None


def brief(error: Exception, line: int) -> str:
    """Return one line of an error's message, cut short."""
    return (str(error).strip().splitlines() or [type(error).__name__])[line].partition(". ")[0][:100]


@torch.no_grad()
def rows_of(path: Path, function: Callable[..., Tensor], x: Tensor) -> Tensor:
    """Return what a file's network makes of images, ``(B, F)`` on the CPU."""
    images = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    try:
        out = function(images.repeat(1, 3, 1, 1) if images.shape[1] == 1 else images)
    except (RuntimeError, ValueError, LookupError, TypeError) as error:
        shape = (max(3, images.shape[1]), *images.shape[2:])
        raise DataError(f"--features {path} fails on uint8 images of {shape}: {brief(error, -1)}") from None
    if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(x):
        found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise DataError(f"--features {path} returns {found}; expected features of shape (B, F), here ({len(x)}, F)")
    return out.float().cpu()


def probabilities(out: Tensor) -> Tensor:
    """Return class probabilities, also of logits."""
    already = out.min() >= 0 and torch.allclose(out.sum(1), torch.ones(len(out)), atol=1e-3)
    return out if already else out.softmax(1)


def of_data(known: Held, test: Part, data: str, classes: int, folder: Path, device: torch.device) -> Space:
    """Return the space of a classifier of the data set, kept in the run's ``folder``, trained where it is not there.

    ``known``: training images whose classes are known, ``test``: held-out ones that its error is measured on.
    """
    trained = Trained.of(known, data, classes, folder)
    net = trained.network.to(device)
    said = ""
    if test.labels is not None:
        guess = apply(lambda x: net(to_float(x)), device, torch.from_numpy(test.images)).argmax(1)
        error = 100 * (guess != torch.from_numpy(test.labels)).double().mean().item()
        said = f", {error:.2f} % error on {len(guess)} others"
    name, key = f"classifier of {data} ({len(known)} images{said})", f"{trained.key}-{trained.weights}"
    return Space(name, "none", key, partial(run_features, net, device), partial(run_classes, net, device))


def remembered(space: Space, images: np.ndarray | Rows, order: Tensor) -> Tensor:
    """Return features of the images ``order (n,)``, ``(n, F)``; kept in the cache beside the decoded images."""
    chosen = images[order.numpy()]
    digest = hashlib.blake2b(np.ascontiguousarray(chosen).tobytes(), digest_size=8).hexdigest()
    path = spaces_folder() / f"{space.key}-{digest}.safetensors"
    with suppress(SafetensorError, OSError, KeyError):
        kept: Tensor = load_file(path)["features"]
        if len(kept) == len(order):
            return kept
    found = space.features(to_float(torch.from_numpy(chosen))).contiguous()
    with suppress(DataError), atomic(path) as temporary:  # a cache that cannot be written is no reason to stop
        temporary.write_bytes(to_safetensors({"features": found}))
    return found


def run_features(net: Classifier, device: torch.device, x: Tensor) -> Tensor:
    """Return the last hidden layer of images, ``(N, F)``."""
    return apply(partial(net, features=True), device, x)


def run_classes(net: Classifier, device: torch.device, x: Tensor) -> Tensor:
    """Return class probabilities of images, ``(N, Y)``."""
    return apply(net, device, x).softmax(1)
