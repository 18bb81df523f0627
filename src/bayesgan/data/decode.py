"""Image files to pixels, many at once: threads decode while Python counts, as Pillow lets go of the interpreter."""

from __future__ import annotations

import io
import os
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources.abc import Traversable
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from bayesgan.errors import DataError

SIZES = range(8, 129)  # heights and widths that the networks can build
CHUNK = 1024  # images that are in memory at once
CLEAN = "bayesgan data check, with --fix OUT.npz, does"
LONG = 4000  # images whose decoding shows a bar, a second or two

T = TypeVar("T")
Reader = Callable[[Traversable], np.ndarray]  # a file to an image (C, H, W) uint8
_ARCHIVE = threading.Lock()


def check_size(where: object, height: int, width: int, cure: str = "") -> None:
    """Raise DataError for images that are smaller or larger than the networks can build."""
    if height not in SIZES or width not in SIZES:
        raise DataError(f"{where}: {width}x{height} pixels; expected {SIZES[0]} to {SIZES[-1]} a side{cure}")


def each(files: Sequence[Traversable], read: Callable[[Traversable], T]) -> Iterator[T]:
    """Yield what ``read`` makes of every file, in order; its first error comes where its file would have."""
    from bayesgan.progress import Progress

    shown = len(files) >= LONG and sys.stderr.isatty()
    workers = min(8, (os.cpu_count() or 1) + 2)
    with Progress("decoding", 0, len(files), shown) as bar, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(files), CHUNK):  # in pieces, so that an error does not wait for all files
            piece = files[start : start + CHUNK]
            yield from pool.map(read, piece)
            bar.advance(len(piece))


def alike(files: Sequence[Traversable], read: Reader) -> tuple[tuple[int, ...], Iterator[np.ndarray]]:
    """Return the shape (N, C, H, W) of images of one size and kind, and an iterator of pieces of them.

    ``read`` decodes one. Raises DataError naming the first file that does not fit.
    """
    first = read(files[0])
    return (len(files), *first.shape), _pieces(files, first, read)


def _pieces(files: Sequence[Traversable], first: np.ndarray, read: Reader) -> Iterator[np.ndarray]:
    images = np.empty((min(CHUNK, len(files)), *first.shape), np.uint8)
    for number, (file, image) in enumerate(zip(files, each(files, read), strict=True), 1):
        if image.shape != first.shape:
            cure = "convert all to one" if image.shape[1:] == first.shape[1:] else "resize all to one size"
            raise DataError(f"{file} is {kind(image)}; expected {kind(first)} like {files[0].name}: {cure} ({CLEAN})")
        images[(number - 1) % CHUNK] = image
        if number % CHUNK == 0 or number == len(files):
            yield images[: (number - 1) % CHUNK + 1]


def kind(image: np.ndarray) -> str:
    """Return the size and the kind of an image (C, H, W) in words."""
    channels, height, width = image.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"


def decode(file: Traversable) -> np.ndarray:
    """Decode one image of a size that the networks can build into uint8 (C, H, W), C = 1 for grey and 3 otherwise."""
    return decode_any(file, checked=True, cure=f": resize all ({CLEAN})")


def decode_any(file: Traversable, checked: bool = False, cure: str = "") -> np.ndarray:
    """Decode one image, of any size unless ``checked``; raises DataError where it is broken."""
    try:
        with Image.open(io.BytesIO(_content(file))) as image:
            if checked:
                check_size(file, image.height, image.width, cure)  # from the header, before a huge image is decoded
            image.load()
            return pixels(upright(image))
    except DataError:
        raise
    except Exception as error:  # on a broken file a decoder may raise anything
        raise DataError(f"{file} is broken, cut short or no image") from error


def upright(image: Image.Image) -> Image.Image:
    """Return a photograph as it was held; as it is where that cannot be read, since all pixels are there."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # of broken EXIF its reader may raise anything
        return image


def _content(file: Traversable) -> bytes:
    if isinstance(file, zipfile.Path):
        with _ARCHIVE:  # its threads would share one position in one file
            return file.read_bytes()
    return file.read_bytes()


def pixels(image: Image.Image) -> np.ndarray:
    """Return one image as uint8 (C, H, W), C = 1 for grey and 3 for anything else; what is transparent is white."""
    if image.mode.startswith("I"):  # 16 bits, which PIL would clip instead of scale
        values = np.asarray(image)
        return np.where(values == image.info.get("transparency", -1), 255, values >> 8).astype(np.uint8)[None]
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    if grey:
        return np.asarray(image.convert("L"))[None]
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
