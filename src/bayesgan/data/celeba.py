"""CelebA in its publisher's layout: aligned photographs, of which the face is cropped, and their attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.decode import pixels
from bayesgan.data.download import OR_NAME
from bayesgan.data.folders import file_stamps, read_parts
from bayesgan.errors import DataError

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
FOLDERS = ("celeba", ".")
DRIVES = ("", "Img", "Anno", "Eval")  # the publisher's folders
SIZE, CROP = (178, 218), (35, 55, 143, 163)  # the central square of 108 pixels: the face without the background
TASK = (9, 15, 20, 26, 39)  # hair, glasses, sex, skin and age, as Saatchi and Wilson 2017 take them
TEST = 2  # of the publisher's parts 0 training, 1 validation, 2 test


@dataclass(frozen=True)
class Table:
    """The rows of a publisher's list: the file of each image and its numbers (N, M), with the names of columns."""

    path: Path
    files: list[str]
    numbers: np.ndarray
    columns: list[str]


def celeba(root: Path, name: str, side: int) -> DataSet:
    """Return faces of ``side`` by ``side`` in colour, in the 32 classes of five attributes (Liu et al. 2015).

    Class c has attribute ``TASK[i]`` where bit i of c is set. Training and validation images train, where the
    publisher's partition is there; without it there is no test part. Faces of each size are kept in the cache. Raises
    DataError for lists that do not fit.
    """
    folder, attributes = _find(root, IMAGES), _find(root, ATTRIBUTES)
    if folder is None or attributes is None:
        raise _absent(root, name)
    table = read_table(attributes, headed=True)
    files = sorted(file.name for file in folder.iterdir() if file.suffix.lower() == ".jpg" and file.name[0] != ".")
    _same(table, files, folder)
    labels, classes = task(table)
    parts = split(table, _find(root, PARTITION))
    listings = [([folder / table.files[row] for row in rows], labels[rows]) for rows in parts]
    return from_arrays(name, read_parts(folder, listings, file_stamps, partial(crop, side=side), f"{side}"), classes)


def split(table: Table, partition: Path | None) -> list[np.ndarray]:
    """Return the rows of the training part and, where there is a partition, of the test part."""
    if partition is None:
        return [np.arange(len(table.files))]
    listed = read_table(partition, headed=False)
    _same(listed, table.files, table.path)
    test = listed.numbers[:, 0] == TEST
    return [np.flatnonzero(~test), np.flatnonzero(test)]


def task(table: Table) -> tuple[np.ndarray, list[str]]:
    """Return the class of every image (N,) int64 and the names of the 32 classes."""
    if len(table.columns) <= max(TASK):
        raise DataError(f"{table.path} has {len(table.columns)} attributes; expected 40")
    bits = 1 << np.arange(len(TASK))
    names = [[table.columns[column] for bit, column in zip(bits, TASK, strict=True) if c & bit] for c in range(32)]
    return (table.numbers[:, TASK] > 0) @ bits, ["+".join(held) or "none" for held in names]


def crop(file: Traversable, side: int) -> np.ndarray:
    """Return the face of an aligned image, uint8 (3, side, side)."""
    try:
        with file.open("rb") as stream, Image.open(stream) as image:
            if image.size == SIZE:
                face = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS, box=CROP)
                return pixels(face)
            found = "{}x{}".format(*image.size)
    except Exception as error:  # on a broken file a decoder may raise anything
        raise DataError(f"{file} is broken, cut short or no image") from error
    raise DataError(f"{file} is {found}; expected 178x218, the aligned images")


def read_table(path: Path, headed: bool) -> Table:
    """Read a list of a file name and whole numbers per row, with ``headed`` below a count and the columns' names."""
    rows = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    head, rows = (rows[:2], rows[2:]) if headed else ([], rows)
    try:
        numbers = np.array([[int(number) for number in row[1:]] for row in rows], np.int64)
        promised = int(head[0][0]) if headed else len(rows)
        if numbers.ndim != 2 or numbers.shape[1] != (len(head[1]) if headed else 1):
            raise ValueError("rows of another length than the head's")
    except (ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{path} is cut short or broken: fetch it again") from error
    if promised != len(rows):
        raise DataError(f"{path} says {promised} images and lists {len(rows)}: fetch it again")
    return Table(path, [row[0] for row in rows], numbers, head[1] if headed else [])


def _same(table: Table, files: Sequence[str], where: Path) -> None:
    """Raise DataError unless a list is of these very files, in this order."""
    if len(table.files) != len(files):
        raise DataError(f"{table.path} lists {len(table.files)} images, and {where} has {len(files)}: fetch both again")
    strange = [(mine, theirs) for mine, theirs in zip(table.files, files, strict=True) if mine != theirs]
    if strange:
        raise DataError(f"{table.path} lists {strange[0][0]} where {where} has {strange[0][1]}: fetch both again")


def _find(root: Path, name: str) -> Path | None:
    """Find a file or folder of the set."""
    places = (root / folder / drive / name for folder in FOLDERS for drive in DRIVES)
    return next((place for place in places if place.exists()), None)


def _absent(root: Path, name: str) -> DataError:
    where = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    files = f"{IMAGES} (unpacked), {ATTRIBUTES} and {PARTITION}"
    how = f"its publisher asks for a download by hand: put {files} from {where} into {root / FOLDERS[0]}"
    return DataError(f"{name} is not under {root}: {how}, {OR_NAME}")
