"""Pickles of plain arrays, read without the power to run anything else."""

from __future__ import annotations

import pickle
from typing import IO, Any

from bayesgan.errors import DataError

# Both spellings of one module: NumPy 2 moved it.
ALLOWED = {("numpy", name) for name in ("ndarray", "dtype")} | {
    (f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler of numbers, strings, containers and numpy arrays; raises DataError for any other class."""

    def __init__(self, stream: IO[bytes], where: object) -> None:
        # Python 2 wrote strings of bytes; latin-1 keeps every byte, as numpy expects.
        super().__init__(stream, encoding="latin1")
        self.where = where

    def find_class(self, module: str, name: str) -> Any:
        """Return a piece of numpy's arrays."""
        if (module, name) not in ALLOWED:
            what = f"asks for {module}.{name}, which no array needs"
            raise DataError(f"{self.where} {what}: it was not read; fetch it again from its publisher")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(stream: IO[bytes], where: object) -> dict[Any, Any]:
    """Return the dictionary that a pickle of plain arrays holds.

    Raises DataError for a broken pickle, for one of anything else, and for one that asks for a class that
    arrays do not need.
    """
    try:
        content = ArrayUnpickler(stream, where).load()
    except DataError:
        raise
    except Exception as error:  # on broken bytes an unpickler may raise anything
        raise DataError(f"{where} is cut short or broken: fetch it again") from error
    if not isinstance(content, dict):
        raise DataError(f"{where} holds a {type(content).__name__}; expected a dictionary")
    return content
