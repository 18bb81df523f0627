"""What a data set holds, image by image, also where the readers would refuse it: facts, and pixels on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np

from bayesgan.data.decode import decode_any, each
from bayesgan.data.folders import IMAGE_SUFFIXES, listings
from bayesgan.data.readers import ROWS, Part
from bayesgan.data.sets import SETS, DataSet, load, readable
from bayesgan.errors import DataError

OTHER_SUFFIXES = (".tif", ".tiff", ".heic", ".avif", ".jfif", ".jp2", ".ppm", ".pgm")  # images that are not read
THUMB = 16  # side of the small grey copies that near duplicates are found by


@dataclass(frozen=True)
class Item:
    """One image that can be read: where it is, what it is, and a small grey copy (256,) float32 in grey levels.

    ``digest`` stands for shape and pixels; ``label`` is a class name, None where unknown; ``test`` its part.
    """

    name: str
    shape: tuple[int, ...]
    digest: bytes
    thumb: np.ndarray
    label: str | None
    test: bool
    pixels: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Collection:
    """All images of a data set, in order, the names of those that cannot be read, and the names of the classes.

    ``left_out``: files in a folder that look like images and are none of its data, for their kind or place.
    """

    name: str
    items: list[Item]
    unreadable: list[str]
    classes: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def collect(spec: str, data_dir: Path | None) -> Collection:
    """Read everything that a spec names; raises DataError where there is nothing that can be read."""
    path = Path(spec).expanduser()
    with readable(spec):
        if spec and spec not in SETS and (path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file())):
            return _files(spec, path)
        return _arrays(load(spec, data_dir))


def _files(spec: str, path: Path) -> Collection:
    parts = listings(path)
    files = [file for part, _ in parts for file in part]
    labels = [None if names is None else str(names[i]) for part, names in parts for i in range(len(part))]
    tests = [number == 1 for number, (part, _) in enumerate(parts) for _ in part]
    items: list[Item] = []
    unreadable: list[str] = []
    names = [str(file).removeprefix(f"{path}{os.sep}").removeprefix(f"{path}/") for file in files]
    for file, name, label, test, found in zip(files, names, labels, tests, each(files, _examined), strict=True):
        if found is None:
            unreadable.append(name)
        else:
            items.append(Item(name, *found, label, test, partial(decode_any, file)))
    if not items:
        raise DataError(f"{spec}: not one of {len(files)} images can be read")
    classes = tuple(sorted({label for label in labels if label is not None}))
    return Collection(spec, items, unreadable, classes, tuple(sorted({*_looking(path)} - {*names})))


def _looking(folder: Path) -> Iterator[str]:
    """Yield all files of a folder that look like images, also of kinds and in places that are not read."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__MACOSX"]
        for name in files:
            if not name.startswith(".") and name.lower().endswith((*IMAGE_SUFFIXES, *OTHER_SUFFIXES)):
                yield str(Path(root, name).relative_to(folder))


def _examined(file: Traversable) -> tuple[tuple[int, ...], bytes, np.ndarray] | None:
    try:
        image = decode_any(file)
    except DataError:
        return None
    return image.shape, digest(image), thumbs(image[None])[0]


def _arrays(data: DataSet) -> Collection:
    if len(data.shape) != 3:
        raise DataError(f"{data.name} holds points; only images can be checked")
    parts = [part for part in (data.train, data.test) if part is not None]
    items = [item for number, part in enumerate(parts) for item in _part(part, data.classes, number == 1)]
    return Collection(data.name, items, [], data.classes)


def _part(part: Part, classes: Sequence[str], test: bool) -> Iterator[Item]:
    labels = [-1] * len(part.images) if part.labels is None else part.labels.tolist()
    for start in range(0, len(part.images), ROWS):
        images = part.images[start : start + ROWS]
        for i, (image, thumb) in enumerate(zip(images, thumbs(images), strict=True), start):
            label = classes[labels[i]] if labels[i] >= 0 else None
            name = f"{'test' if test else 'training'} image {i}"
            yield Item(name, image.shape, digest(image), thumb, label, test, partial(np.asarray, image))


def digest(image: np.ndarray) -> bytes:
    """Return 16 bytes that stand for shape and pixels."""
    content = np.ascontiguousarray(image).tobytes()
    return hashlib.blake2b(content, digest_size=16, key=repr(image.shape).encode()).digest()


def thumbs(images: np.ndarray) -> np.ndarray:
    """Return images (N, C, H, W) as grey averages over 16 x 16 areas, (N, 256) float32 from 0 to 255."""
    import torch
    import torch.nn.functional as F

    grey = torch.from_numpy(images.mean(1, keepdims=True, dtype=np.float32))
    small: np.ndarray = F.adaptive_avg_pool2d(grey, THUMB).flatten(1).numpy()
    return small
