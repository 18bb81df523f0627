"""Decoded images on disk: a folder, a zip or an npz becomes one ``.npy`` in the user's cache, mapped ever after."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

DECODER = "3"  # changes with what becomes of a file: entries of other decoders are not taken
Stamp = tuple[str, int, int]  # a file's name, size and time of change in nanoseconds
Pieces = Callable[[], tuple[tuple[int, ...], Iterator[np.ndarray]]]  # the shape (N, ...), and uint8 rows in pieces


def cache_folder() -> Path:
    """Return the folder of decoded images: ``$BAYESGAN_CACHE``, else ``bayesgan`` in the user's cache."""
    from platformdirs import user_cache_path

    root = os.environ.get("BAYESGAN_CACHE") or user_cache_path("bayesgan", appauthor=False)
    return Path(root).expanduser() / "decoded"


def stamp(path: Path, name: str | None = None) -> Stamp:
    """Return what changes when a file does."""
    found = path.stat()
    return name or path.name, found.st_size, found.st_mtime_ns


def cached(path: Path, count: int, stamps: Iterable[Stamp], pieces: Pieces, part: str = "") -> np.ndarray:
    """Return the images of ``path``, uint8 (count, ...), mapped from the cache; put there first where they are not.

    ``stamps``: of every file that they are made of; entries of the same path with others are deleted. A broken entry
    is made anew, and without a folder to write to the images are kept in memory. The map may be written to; that
    changes neither the file nor what others see.
    """
    folder, place = cache_folder(), _digest([f"{path.resolve()}{part and '/'}{part}"])
    made = [DECODER, *(f"{name}|{size}|{time};" for name, size, time in stamps)]
    entry = folder / f"{place}-{_digest(made)}.npy"
    if (images := _mapped(entry, count)) is not None:
        return images
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(entry, pieces)
    except OSError:
        return _gathered(pieces)  # an error of the source itself comes again
    for old in folder.glob(f"{place}-*.npy"):
        if old != entry:
            with suppress(OSError):
                old.unlink()
    images = _mapped(entry, count)
    return _gathered(pieces) if images is None else images


def _mapped(entry: Path, count: int) -> np.ndarray | None:
    """Return an entry's images, None where there is no whole one."""
    try:
        # Copy on write: torch warns about arrays that cannot be written to.
        images = np.load(entry, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = isinstance(images, np.memmap) and images.dtype == np.uint8 and images.ndim >= 3 and len(images) == count
    return images if whole else None


def _write(entry: Path, pieces: Pieces) -> None:
    """Write an entry piece by piece; nobody sees half of one.

    Not through a map: on a full disk writing to one kills the process, writing to a file is an OSError.
    """
    temporary = entry.with_name(f".{entry.stem}.{os.getpid()}.partial")
    try:
        shape, rows = pieces()
        with temporary.open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for piece in rows:
                file.write(np.ascontiguousarray(piece).data)
        temporary.replace(entry)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _gathered(pieces: Pieces) -> np.ndarray:
    """Return the images in memory."""
    shape, rows = pieces()
    images, start = np.empty(shape, np.uint8), 0
    for piece in rows:
        images[start : start + len(piece)] = piece
        start += len(piece)
    return images


def _digest(texts: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
