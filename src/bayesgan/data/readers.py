"""Files to arrays: idx, image folders, zips of the same layout, npz and single images; nothing is resized."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from bayesgan.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
SIZES = range(8, 129)  # heights and widths that the networks can build
NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
NPZ_ALIASES = {"images": "x_train", "x": "x_train", "labels": "y_train", "y": "y_train"}

Raw = tuple[np.ndarray, np.ndarray | None]  # images and label values as the files hold them


@dataclass(frozen=True)
class Part:
    """One part (train or test) of a data set.

    ``images`` is uint8 (N, C, H, W), or float32 (N, D) for points. ``labels`` is int64 (N,) with classes
    0..Y-1 and -1 where none is known; None when the part has no labels.
    """

    images: np.ndarray
    labels: np.ndarray | None


def read(path: Path) -> list[Raw]:
    """Read a folder, a zip, an npz or one image: a training part and, where there is one, a test part."""
    readers = {".zip": read_zip, ".npz": read_npz} | dict.fromkeys(IMAGE_SUFFIXES, read_image)
    reader = read_folder if path.is_dir() else readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: expected a folder, a zip, an npz or an image ({', '.join(IMAGE_SUFFIXES)})")
    return reader(path)


def read_idx(path: Path) -> np.ndarray:
    """Return the uint8 array of an idx file (the format of MNIST), plain or gzipped; DataError if broken."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is cut short or broken: fetch it again") from error
    if content[:3] != b"\0\0\x08" or len(content) < 4 or len(content) < 4 + 4 * content[3]:
        raise DataError(f"{path} is not an idx file of unsigned bytes")
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4").tolist()
    if (found := len(content) - start) != (promised := math.prod(shape)):
        raise DataError(f"{path} is cut short or broken ({found} of {promised} bytes): fetch it again")
    # A bytearray, because torch warns about the read-only array that bytes would give.
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(shape)


def read_folder(path: Traversable) -> list[Raw]:
    """Read ``CLASS/*.png`` (a folder per class) or ``*.png`` (no labels), or ``train`` + ``test`` of either.

    All images must have one size and be all grey or all colour; hidden files are ignored. Raises DataError
    naming the first file that does not fit.
    """
    folders = {entry.name: entry for entry in _entries(path) if entry.is_dir()}
    roots = [folders["train"], folders["test"]] if {"train", "test"} <= folders.keys() else [path]
    listings = [_listing(root) for root in roots]
    images = _read_images([file for files, _ in listings for file in files])
    pieces = np.split(images, [len(files) for files, _ in listings[:-1]])  # views: nothing is held twice
    return [(piece, names) for piece, (_, names) in zip(pieces, listings, strict=True)]


def read_zip(path: Path) -> list[Raw]:
    """Read a zip of the layout of :func:`read_folder` in place; one folder around everything is skipped."""
    try:
        with zipfile.ZipFile(path) as archive:
            root: Traversable = zipfile.Path(archive)
            entries = _entries(root)
            return read_folder(entries[0] if len(entries) == 1 and entries[0].is_dir() else root)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is cut short, or is no zip file") from error


def read_npz(path: Path) -> list[Raw]:
    """Read the keys ``x_train y_train x_test y_test``, or ``images`` (``x``) and ``labels`` (``y``).

    Only the training images are required. Raises DataError for any other key and for arrays of objects.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names = _npz_names(path, file.files)
            arrays = {name: file[key] for name, key in names.items()}
    # TypeError: a lone npy array under this suffix is no context manager.
    except (ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is broken, or no npz of plain arrays (objects are not read)") from error
    return [(arrays[x], arrays.get(y)) for x, y in (NPZ_KEYS[:2], NPZ_KEYS[2:]) if x in arrays]


def read_image(path: Path) -> list[Raw]:
    """Read one image file as a part of one image without a label."""
    return [(_read_images([path]), None)]


def check_size(where: object, height: int, width: int) -> None:
    """Raise DataError for images that are smaller or larger than the networks can build."""
    if height not in SIZES or width not in SIZES:
        raise DataError(f"{where}: {width}x{height} pixels; expected {SIZES[0]} to {SIZES[-1]} a side")


def _npz_names(path: Path, keys: list[str]) -> dict[str, str]:
    """Map the names of NPZ_KEYS to the keys of a file."""
    names = {NPZ_ALIASES.get(key, key): key for key in keys}
    strangers = set(names) - set(NPZ_KEYS) or len(names) < len(keys)
    if strangers or "x_train" not in names or ("y_test" in names and "x_test" not in names):
        accepted = f"{', '.join(NPZ_KEYS)}; or images (or x) and labels (or y)"
        raise DataError(f"{path} has the keys {', '.join(keys) or '(none)'}; accepted are {accepted}")
    return names


def _entries(folder: Traversable) -> list[Traversable]:
    """List the folders and images in a folder by name, without what operating systems leave behind."""
    seen = (entry for entry in folder.iterdir() if entry.name[0] != "." and entry.name != "__MACOSX")
    kept = (entry for entry in seen if entry.is_dir() or entry.name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(kept, key=lambda entry: entry.name)


def _listing(folder: Traversable) -> tuple[list[Traversable], np.ndarray | None]:
    """Return the images of one part and, where they lie in class folders, the class name of each."""
    entries = _entries(folder)
    folders = [entry for entry in entries if entry.is_dir()]
    flat = [entry for entry in entries if not entry.is_dir()]
    nested = [[file for file in _entries(entry) if not file.is_dir()] for entry in folders]
    if flat and any(nested):
        raise DataError(f"{folder} mixes images ({flat[0].name}) with class folders: use one or the other")
    if flat:
        return flat, None
    if not nested or not all(nested):
        empty = folders[nested.index([])] if nested else folder
        raise DataError(f"{empty} holds no images ({', '.join(IMAGE_SUFFIXES)})")
    names = np.repeat([entry.name for entry in folders], [len(files) for files in nested])
    return [file for files in nested for file in files], names


def _read_images(files: Sequence[Traversable]) -> np.ndarray:
    """Decode files of one size and kind into uint8 (N, C, H, W)."""
    first = _decode(files[0])
    images = np.empty((len(files), *first.shape), np.uint8)
    for row, file in zip(images, files, strict=True):
        image = _decode(file)
        if image.shape != first.shape:
            cure = "convert all to one" if image.shape[1:] == first.shape[1:] else "resize all to one size"
            raise DataError(f"{file} is {_kind(image)}; expected {_kind(first)} like {files[0].name}: {cure}")
        row[...] = image
    return images


def _kind(image: np.ndarray) -> str:
    channels, height, width = image.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"


def _decode(file: Traversable) -> np.ndarray:
    """Decode one image into uint8 (C, H, W), C = 1 for grey and 3 for anything else."""
    try:
        with file.open("rb") as stream, Image.open(stream) as image:
            check_size(file, image.height, image.width)  # from the header, before a huge image is decoded
            return _pixels(image)
    except DataError:
        raise
    except Exception as error:  # on a broken file a decoder may raise anything
        raise DataError(f"{file} is broken, cut short or no image") from error


def _pixels(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits, which PIL would clip instead of scale
        return (np.asarray(image) >> 8).astype(np.uint8)[None]
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))[None]
    if image.mode == "P":  # straight to RGB, PIL warns about palettes with transparency
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
