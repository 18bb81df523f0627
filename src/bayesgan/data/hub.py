"""Sets of the Hugging Face hub, read as a stream; needs the extra ``datasets``."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from PIL import Image

from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.decode import check_size, kind, pixels
from bayesgan.data.folders import TEST_PARTS, Raw
from bayesgan.errors import BayesganError, DataError, UsageError

PREFIX = "hf:"
SITE = "https://huggingface.co"
IMAGE_COLUMNS, LABEL_COLUMNS = ("image", "img"), ("label", "labels")


def load(spec: str) -> DataSet:
    """Load ``hf:OWNER/NAME``, ``hf:OWNER/NAME:CONFIG`` or ``hf:FOLDER``: the parts train and test of a set of images.

    The validation part tests where there is no test part. Raises UsageError without the package, DataError for a set
    that cannot be reached or that has no images.
    """
    name, _, config = spec.removeprefix(PREFIX).partition(":")
    if not name:
        raise DataError(f"{spec} names no set: write hf:OWNER/NAME, or hf:OWNER/NAME:CONFIG")
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise UsageError(f"{spec} needs the package datasets: pip install 'bayesgan[datasets]'") from error
    try:
        if not Path(name).exists():
            reach()
        splits = dict(datasets.load_dataset(name, config or None, streaming=True))
        chosen = choose(spec, splits)
        parts = [gather(f"{spec} ({split} part)", splits[split]) for split in chosen]
        classes = class_names(splits[chosen[0]])
    except BayesganError:
        raise
    except Exception as error:  # of the package, of what it is built on, or of the network
        why = shorten(" ".join(str(error).split()), 160) or type(error).__name__
        raise DataError(f"{spec} cannot be read ({why}): check the name, {SITE}/datasets has them all") from error
    return from_arrays(spec, parts, classes)


def reach() -> None:
    """Raise DataError where the hub cannot be reached; the package itself would try for half a minute."""
    import requests

    site = os.environ.get("HF_ENDPOINT") or SITE
    try:
        requests.head(site, timeout=5)
    except requests.RequestException as error:
        cure = "check the network, or name a folder, a zip or an npz with --data"
        raise DataError(f"{site} cannot be reached: {cure}") from error


def choose(spec: str, splits: Mapping[str, Any]) -> list[str]:
    """Return the names of the training part and, where there is one, of the test part."""
    if "train" not in splits:
        raise DataError(f"{spec} has the parts {', '.join(splits) or '(none)'}; expected train")
    return ["train", *[name for name in TEST_PARTS if name in splits][:1]]


def class_names(part: Any) -> list[str] | None:
    """Return the names of the classes, None where the set numbers them only or has none."""
    label = label_column(part.features or {})
    names = getattr((part.features or {}).get(label), "names", None)
    return list(names) if names else None


def gather(where: str, part: Any) -> Raw:
    """Iterate once over a part and return its images, uint8 (N, C, H, W), and labels."""
    features = part.features or {}
    images: list[np.ndarray] = []
    labels: list[Any] = []
    for number, row in enumerate(part):
        column = image_column(where, features or row)
        image = decode(f"{where}: image {number}", row[column])
        if images and image.shape != images[0].shape:
            found = f"{kind(image)}; expected {kind(images[0])} like the first"
            raise DataError(f"{where}: image {number} is {found}: save them at one size, as a folder")
        images.append(image)
        label = label_column(features or row)
        labels.append(None if label is None else row[label])
    if not images:
        raise DataError(f"{where} holds no images")
    return np.stack(images), numbered(where, labels)


def numbered(where: str, labels: Sequence[Any]) -> np.ndarray:
    """Return labels (N,), numbers of classes with -1 for None, or names."""
    kinds = {type(label) for label in labels}
    if kinds != {str} and not kinds <= {int, type(None)}:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"{where}: labels are {found}; expected whole numbers, or names throughout")
    return np.array([-1 if label is None else label for label in labels])


def image_column(where: str, features: Mapping[str, Any]) -> str:
    """Return the first column of images: by its type, else by its name."""
    typed = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    named = [name for name in IMAGE_COLUMNS if name in features]
    if not typed and not named:
        raise DataError(f"{where} has no images; its columns are {', '.join(features)}")
    return (typed or named)[0]


def label_column(features: Mapping[str, Any]) -> str | None:
    """Return the column of classes: by its name, else the first whose type says so."""
    named = [name for name in LABEL_COLUMNS if name in features]
    typed = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    return next(iter(named + typed), None)


def decode(where: str, value: Any) -> np.ndarray:
    """Return an image as uint8 (C, H, W), from what the package hands out: decoded, or its bytes."""
    if isinstance(value, Mapping):
        value = Image.open(io.BytesIO(value["bytes"]))
    if not isinstance(value, Image.Image):
        raise DataError(f"{where} is a {type(value).__name__}; expected an image")
    check_size(where, value.height, value.width)
    return pixels(value)
