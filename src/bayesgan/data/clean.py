"""A clean copy of a data set: one size, one kind, every image once, written as an npz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bayesgan.data.decode import SIZES
from bayesgan.data.duplicates import contradictions, exact
from bayesgan.data.inspect import Collection, Item
from bayesgan.errors import DataError
from bayesgan.files import atomic


def write_clean(found: Collection, path: Path, size: int | None) -> str:
    """Write ``x_train y_train x_test y_test`` and return in words what was kept.

    Of equal images one is kept, the test part's where there is one; of those whose labels contradict each other none.
    All become grey or colour as most are, are cut around the middle to the wanted proportions and resized with
    antialiasing to ``size`` x ``size``, else to the most common size.
    """
    kept = chosen(found.items)
    parts = [part for test in (False, True) if (part := [item for item in kept if item.test == test])]
    if not kept or parts[0][0].test:
        raise DataError(f"{found.name}: no training image is left to write")
    if strange := {item.label for item in kept if item.test} - {item.label for item in parts[0]} - {None}:
        cure = "take its images out of the test part"
        raise DataError(f"{found.name}: no training image of the class {min(map(str, strange))} is left: {cure}")
    shape = target(found.items, size)
    arrays: dict[str, np.ndarray] = {}
    for name, part in zip(("train", "test"), parts, strict=False):
        arrays |= {f"x_{name}": np.stack([fitted(item.pixels(), shape) for item in part])} | labels(found, part, name)
    with atomic(path) as temporary, temporary.open("wb") as file:  # given a path, numpy would add another .npz to .NPZ
        np.savez(file, **arrays)  # type: ignore[arg-type]
    counts = " + ".join(f"{len(part):,}" for part in parts)
    return f"{counts} images of {shape[2]}x{shape[1]}, {'grey' if shape[0] == 1 else 'colour'}: {path}"


def chosen(items: Sequence[Item]) -> list[Item]:
    """Return the images to keep, in order."""
    groups = exact(items)
    dropped = {i for group in contradictions(items, groups) for i in group}
    for group in groups:
        # A test image decides; else one whose label is known. Sorting keeps the order of the others.
        best = sorted(group, key=lambda i: (not items[i].test, items[i].label is None))
        dropped |= {*best[1:]}
    return [item for number, item in enumerate(items) if number not in dropped]


def target(items: Sequence[Item], size: int | None) -> tuple[int, int, int]:
    """Return the shape that all images get: of what is most common what the networks can build."""
    channels = Counter(item.shape[0] for item in items).most_common(1)[0][0]
    if size is not None:
        return channels, size, size
    height, width = Counter(item.shape[1:] for item in items).most_common(1)[0][0]
    if height in SIZES and width in SIZES:
        return channels, height, width
    side = min(max(min(height, width), SIZES[0]), SIZES[-1])
    return channels, side, side


def fitted(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return an image (C, H, W) in another kind and size, its middle in the new proportions."""
    if image.shape == shape:
        return image
    channels, height, width = shape
    picture = Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
    picture = picture.convert("L" if channels == 1 else "RGB")
    scale = min(picture.width / width, picture.height / height)
    wide, high = max(1, round(scale * width)), max(1, round(scale * height))
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    # Cropped first: given a box, Pillow would let what lies outside of it shine in at the edges.
    middle = picture.crop((left, top, left + wide, top + high))
    resized = np.asarray(middle.resize((width, height), Image.Resampling.LANCZOS))
    return resized.reshape(height, width, channels).transpose(2, 0, 1)


def labels(found: Collection, part: Sequence[Item], name: str) -> dict[str, np.ndarray]:
    """Return the labels of a part: names where all are known, else numbers with -1 for what is not."""
    if not found.classes:
        return {}
    if all(item.label is not None for item in found.items):
        return {f"y_{name}": np.array([item.label for item in part])}
    numbered = all(label.isdecimal() for label in found.classes)  # they stay the numbers that they are
    number = {None: -1} | {label: int(label) if numbered else i for i, label in enumerate(found.classes)}
    return {f"y_{name}": np.array([number[item.label] for item in part])}
