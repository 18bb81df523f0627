"""MNIST and the sets made like it: four idx files, in the folders where publishers and other tools leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bayesgan.data import color_mnist, download, stacked_mnist
from bayesgan.data.arrays import DataSet, from_arrays
from bayesgan.data.download import IDX_FILES
from bayesgan.data.readers import read_idx

DIGITS = tuple("0123456789")
GARMENTS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
MNIST_FOLDERS = ("MNIST/raw", "mnist", ".")
FASHION_FOLDERS = ("FashionMNIST/raw", "fashion-mnist", ".")


def mnist(root: Path, name: str = "mnist") -> DataSet:
    """Return the digits, 60,000 and 10,000 grey images of 28 by 28 (LeCun et al. 1998)."""
    return _read(root, name, "mnist", MNIST_FOLDERS, DIGITS)


def fashion_mnist(root: Path) -> DataSet:
    """Return the garments, 60,000 and 10,000 grey images of 28 by 28 (Xiao et al. 2017, arXiv 1708.07747)."""
    return _read(root, "fashion-mnist", "fashion-mnist", FASHION_FOLDERS, GARMENTS)


def coloured(root: Path) -> DataSet:
    """Return MNIST's digits, each in a random colour; made from the same four files."""
    grey = mnist(root, "color-mnist")
    assert grey.test is not None
    train, test = color_mnist.coloured(grey.train, "train"), color_mnist.coloured(grey.test, "test")
    return DataSet("color-mnist", train, test, grey.classes)


def stacked(root: Path) -> DataSet:
    """Return triples of MNIST's digits as red, green and blue; made from the same four files."""
    grey = mnist(root, "stacked-mnist")
    assert grey.test is not None
    train, test = stacked_mnist.stacked(grey.train, "train"), stacked_mnist.stacked(grey.test, "test")
    return DataSet("stacked-mnist", train, test, stacked_mnist.CLASSES)


def _read(root: Path, name: str, source: str, folders: Sequence[str], classes: Sequence[str]) -> DataSet:
    """Read the first of ``folders`` under ``root`` that holds all four files; download them where none does."""
    files = _find(root, folders)
    if files is None:
        download.fetch(name, source, root)
        files = _find(root, folders[:1])
        assert files is not None
    arrays = [read_idx(file) for file in files]
    return from_arrays(name, [(arrays[0], arrays[1]), (arrays[2], arrays[3])], classes)


def _find(root: Path, folders: Sequence[str]) -> list[Path] | None:
    """Return the four files of the first folder that has them all."""
    for folder in folders:
        files = [file for stem in IDX_FILES if (file := _file(root / folder, stem))]
        if len(files) == len(IDX_FILES):
            return files
    return None


def _file(folder: Path, stem: str) -> Path | None:
    """Find one file, unpacked or not, also with the dot that some unpackers put before idx."""
    stems = (stem, stem.replace("-idx", ".idx"))
    files = [folder / f"{stem}-ubyte{ending}" for ending in ("", ".gz") for stem in stems]
    return next((file for file in files if file.is_file()), None)
