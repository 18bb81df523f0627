"""What a user can do wrong: one line that names the thing and the nearest valid choice, and an exit code."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


class BayesganError(Exception):
    """Base of every error that ends a command with one clear line instead of a traceback."""

    code = 1


class UsageError(BayesganError):
    """A wrong system, key, value, metric or flag (exit code 2)."""

    code = 2


class DataError(BayesganError):
    """Data, a run folder or a disk that cannot be used (exit code 3)."""

    code = 3


class Diverged(BayesganError):
    """An energy or a weight that is no longer finite (exit code 4)."""

    code = 4


class Interrupted(BayesganError):
    """Training stopped by the user; the run folder holds a checkpoint to resume from (exit code 130)."""

    code = 130


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return the end of an error line: the nearest valid choice, or all of them where none is near."""
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(choices)}"


def require(owner: object, name: str, value: float, valid: bool, expected: str) -> None:
    """Raise a UsageError unless ``valid`` and finite: which field of which object is what, and what was expected."""
    if not valid or not math.isfinite(value):
        raise UsageError(f"{type(owner).__name__.removesuffix('Spec')}: {name} = {value}: expected {expected}")
