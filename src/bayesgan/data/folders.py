"""Image files to arrays: folders, zips of the same layout, single images; nothing is resized."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from bayesgan.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
SIZES = range(8, 129)  # heights and widths that the networks can build

Raw = tuple[np.ndarray, np.ndarray | None]  # images and label values as the files hold them


def read_folder(path: Traversable) -> list[Raw]:
    """Read ``CLASS/*.png`` (a folder per class) or ``*.png`` (no labels), or ``train`` + ``test`` of either.

    All images must have one size and be all grey or all colour; hidden files are ignored. Raises DataError
    naming the first file that does not fit.
    """
    listings = [_listing(root) for root in _parts(path)]
    images = _read_images([file for files, _ in listings for file in files])
    pieces = np.split(images, [len(files) for files, _ in listings[:-1]])  # views: nothing is held twice
    return [(piece, names) for piece, (_, names) in zip(pieces, listings, strict=True)]


def read_zip(path: Path) -> list[Raw]:
    """Read a zip of the layout of :func:`read_folder` in place; one folder around everything is skipped."""
    try:
        with zipfile.ZipFile(path) as archive:
            return read_folder(_zip_root(archive))
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is cut short, or is no zip file") from error


def read_image(path: Path) -> list[Raw]:
    """Read one image file as a part of one image without a label."""
    return [(_read_images([path]), None)]


def image_names(path: Path) -> list[str]:
    """Return the file of every image of a folder, a zip or a single image, in the order in which it is read."""
    if path.is_dir():
        return [str(file) for root in _parts(path) for file in _listing(root)[0]]
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            return [str(file) for root in _parts(_zip_root(archive)) for file in _listing(root)[0]]
    return [str(path)] if path.suffix.lower() in IMAGE_SUFFIXES else []


def check_size(where: object, height: int, width: int) -> None:
    """Raise DataError for images that are smaller or larger than the networks can build."""
    if height not in SIZES or width not in SIZES:
        raise DataError(f"{where}: {width}x{height} pixels; expected {SIZES[0]} to {SIZES[-1]} a side")


def _parts(folder: Traversable) -> list[Traversable]:
    """Return the folders ``train`` and ``test`` where there are both, else the folder itself."""
    folders = {entry.name: entry for entry in _entries(folder) if entry.is_dir()}
    return [folders["train"], folders["test"]] if {"train", "test"} <= folders.keys() else [folder]


def _zip_root(archive: zipfile.ZipFile) -> Traversable:
    """Return the top of a zip, or the one folder around everything."""
    root: Traversable = zipfile.Path(archive)
    entries = _entries(root)
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else root


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
            raise DataError(f"{file} is {kind(image)}; expected {kind(first)} like {files[0].name}: {cure}")
        row[...] = image
    return images


def kind(image: np.ndarray) -> str:
    """Return size and kind of an image (C, H, W) in words."""
    channels, height, width = image.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"


def _decode(file: Traversable) -> np.ndarray:
    """Decode one image into uint8 (C, H, W), C = 1 for grey and 3 for anything else."""
    try:
        with file.open("rb") as stream, Image.open(stream) as image:
            check_size(file, image.height, image.width)  # from the header, before a huge image is decoded
            return pixels(image)
    except DataError:
        raise
    except Exception as error:  # on a broken file a decoder may raise anything
        raise DataError(f"{file} is broken, cut short or no image") from error


def pixels(image: Image.Image) -> np.ndarray:
    """Return one image as uint8 (C, H, W), C = 1 for grey and 3 for anything else."""
    if image.mode.startswith("I"):  # 16 bits, which PIL would clip instead of scale
        return (np.asarray(image) >> 8).astype(np.uint8)[None]
    if image.mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))[None]
    if image.mode == "P":  # straight to RGB, PIL warns about palettes with transparency
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
