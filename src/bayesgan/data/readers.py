"""Files to arrays: the reader of every kind of file, idx and npz; images: see ``folders``."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from bayesgan.data.cache import cached, stamp
from bayesgan.data.folders import IMAGE_SUFFIXES, Raw, read_folder, read_image, read_zip
from bayesgan.errors import DataError

ROWS = 4096
NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
NPZ_ALIASES = {"images": "x_train", "x": "x_train", "labels": "y_train", "y": "y_train"}


@dataclass(frozen=True)
class Part:
    """One part (train or test) of a data set.

    ``images`` is uint8 (N, C, H, W), or float32 (N, D) for points. ``labels`` is int64 (N,) with classes
    0..Y-1 and -1 where none is known; None when the part has no labels.
    """

    images: np.ndarray
    labels: np.ndarray | None


def read(path: Path, *, stream: bool = False) -> list[Raw]:
    """Read a folder, a zip, an npz or one image: a training part and, where there is one, a test part.

    ``stream``: map the images of an npz from a copy in the cache.
    """
    readers = {".zip": read_zip, ".npz": map_npz if stream else read_npz} | dict.fromkeys(IMAGE_SUFFIXES, read_image)
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


def read_npz(path: Path) -> list[Raw]:
    """Read the keys ``x_train y_train x_test y_test``, or ``images`` (``x``) and ``labels`` (``y``).

    Only the training images are required. Raises DataError for any other key and for arrays of objects.
    """
    with _unbroken(path), path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        names = _npz_names(path, file.files)
        arrays = {name: file[key] for name, key in names.items()}
    return [(arrays[x], arrays.get(y)) for x, y in (NPZ_KEYS[:2], NPZ_KEYS[2:]) if x in arrays]


def map_npz(path: Path) -> list[Raw]:
    """Read as :func:`read_npz` does, the images mapped from an unpacked copy in the cache."""
    with _unbroken(path), zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as file:
        names = _npz_names(path, file.files)
        parts = [(names[x], names.get(y)) for x, y in (NPZ_KEYS[:2], NPZ_KEYS[2:]) if x in names]
        return [(_member(path, archive, x), None if y is None else file[y]) for x, y in parts]


@contextmanager
def _unbroken(path: Path) -> Iterator[None]:
    """Turn what numpy and zipfile raise on a broken npz, or on one that is too large, into a DataError."""
    try:
        yield
    except (DataError, OSError):
        raise
    except MemoryError as error:
        cure = "train with --stream, which leaves its images on disk"
        raise DataError(f"{path} says that it holds more than fits into memory: {cure}") from error
    except Exception as error:  # on broken bytes numpy may raise anything
        raise DataError(f"{path} is broken, or no npz of plain arrays (objects are not read)") from error


def _member(path: Path, archive: zipfile.ZipFile, key: str) -> np.ndarray:
    """Map the images of one key; what is no array of bytes in rows is read as it is, for others to refuse."""
    with archive.open(f"{key}.npy") as file:
        shape, fortran, dtype = _npy_header(file)
    if dtype != np.uint8 or fortran or len(shape) < 3 or not math.prod(shape):
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[key])

    def pieces() -> tuple[tuple[int, ...], Iterator[np.ndarray]]:
        return shape, _npy_rows(archive, key)

    return cached(path, shape[0], [stamp(path)], pieces, key)


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reader(file)


def _npy_rows(archive: zipfile.ZipFile, key: str) -> Iterator[np.ndarray]:
    """Yield the rows of an array of bytes inside an npz, some thousand at once."""
    with archive.open(f"{key}.npy") as file:
        (count, *row), _, _ = _npy_header(file)
        for start in range(0, count, ROWS):
            wanted = (min(ROWS, count - start), *row)
            content = file.read(math.prod(wanted))
            yield np.frombuffer(content, np.uint8).reshape(wanted)


def _npz_names(path: Path, keys: list[str]) -> dict[str, str]:
    """Map the names of NPZ_KEYS to the keys of a file."""
    names = {NPZ_ALIASES.get(key, key): key for key in keys}
    strangers = set(names) - set(NPZ_KEYS) or len(names) < len(keys)
    if strangers or "x_train" not in names or ("y_test" in names and "x_test" not in names):
        accepted = f"{', '.join(NPZ_KEYS)}; or images (or x) and labels (or y)"
        raise DataError(f"{path} has the keys {', '.join(keys) or '(none)'}; accepted are {accepted}")
    return names
