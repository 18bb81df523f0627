"""Image files to arrays: folders, zips of the same layout, single images; nothing is resized, all is cached."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np

from bayesgan.data.cache import Stamp, cached, stamp
from bayesgan.data.decode import Reader, alike, decode, decode_any
from bayesgan.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")

ENCRYPTED = 1  # the bit of a zip entry's flags
TEST_PARTS = ("test", "validation", "valid", "val")  # what a test part may be called, likeliest first

Raw = tuple[np.ndarray, np.ndarray | None]  # images and label values as the files hold them
Listing = tuple[Sequence[Traversable], np.ndarray | None]  # the files of a part, and the class name of each


def read_folder(path: Path) -> list[Raw]:
    """Read ``CLASS/*.png`` (a folder per class) or ``*.png`` (no labels), or ``train`` + ``test`` of either.

    Where there is no ``test``, another of :data:`TEST_PARTS` beside ``train`` is the test part. All images must have
    one size and be all grey or all colour; hidden files are ignored. Raises DataError naming the first file that does
    not fit.
    """
    return read_parts(path, _listings(path), file_stamps)


def read_zip(path: Path) -> list[Raw]:
    """Read a zip of the layout of :func:`read_folder` in place; one folder around everything is skipped."""
    with open_zip(path) as archive:
        return read_parts(path, _listings(_zip_root(archive)), lambda files: [stamp(path)])


def read_image(path: Path) -> list[Raw]:
    """Read one image file as a part of one image without a label."""
    return [(decode_any(path, checked=True)[None], None)]


def image_names(path: Path) -> list[str]:
    """Return the file of every image of a folder, a zip or a single image, in the order in which it is read."""
    if path.is_dir():
        return [str(file) for files, _ in _listings(path) for file in files]
    if path.suffix.lower() == ".zip":
        with open_zip(path) as archive:
            return [str(file) for files, _ in _listings(_zip_root(archive)) for file in files]
    return [str(path)] if path.suffix.lower() in IMAGE_SUFFIXES else []


def listings(path: Path) -> list[Listing]:
    """Return the files of the parts of a folder or a zip; those of a zip hold it open."""
    return _listings(path if path.is_dir() else _zip_root(open_zip(path)))


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip; raises DataError for a broken one, and for one whose images cannot be read in place."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path} is cut short, or is no zip file") from error
    encrypted = any(entry.flag_bits & ENCRYPTED for entry in archive.filelist)
    if encrypted or any("\\" in entry.filename for entry in archive.filelist):
        archive.close()
        wrong = "is encrypted" if encrypted else "has backslashes between its folders"
        raise DataError(f"{path} {wrong}: unpack it and give the folder")
    return archive


def _listings(root: Traversable) -> list[Listing]:
    return [_listing(part) for part in _parts(root)]


def file_stamps(files: Sequence[Traversable]) -> Iterator[Stamp]:
    """Yield the stamps of files that lie in folders, the same however the folders are spelled."""
    whole = cache(os.path.realpath)
    for file in files:
        path = Path(str(file))
        yield stamp(path, f"{whole(path.parent)}/{path.name}")


def read_parts(
    path: Path,
    parts: Sequence[Listing],
    stamps: Callable[[Sequence[Traversable]], Iterable[Stamp]],
    read: Reader = decode,
    kind: str = "",
) -> list[Raw]:
    """Decode all parts of ``path`` together, or map them from the cache; ``kind`` tells one ``read`` from another."""
    files = [file for part, _ in parts for file in part]
    images = cached(path, len(files), stamps(files), lambda: alike(files, read), kind)
    pieces = np.split(images, [len(part) for part, _ in parts[:-1]])  # views: nothing is held twice
    return [(piece, names) for piece, (_, names) in zip(pieces, parts, strict=True)]


def _parts(folder: Traversable) -> list[Traversable]:
    """Return the folders ``train`` and the test part where there are both, else the folder itself."""
    folders = {entry.name: entry for entry in _entries(folder) if entry.is_dir()}
    held = next((folders[name] for name in TEST_PARTS if name in folders), None)
    return [folders["train"], held] if held and "train" in folders else [folder]


def _zip_root(archive: zipfile.ZipFile) -> Traversable:
    """Return the top of a zip, or the one folder around everything."""
    root: Traversable = zipfile.Path(archive)
    entries = _entries(root)
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else root


def _entries(folder: Traversable) -> list[Traversable]:
    """List the folders and images in a folder by name, without what operating systems leave behind."""
    seen = (entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.name != "__MACOSX")
    kept = (entry for entry in seen if entry.is_dir() or entry.name.lower().endswith(IMAGE_SUFFIXES))
    return sorted(kept, key=lambda entry: entry.name)


def _listing(folder: Traversable) -> Listing:
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
