"""What a reproduction is asked for: the flags as they were given, and what lists of them mean."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bayesgan.errors import UsageError, nearest


@dataclass(frozen=True)
class Options:
    """The flags of ``bayesgan reproduce`` as they were given, None where they were not; the command explains them."""

    data: str = "mnist"
    labels: str | None = None
    seeds: str = "0-9"
    systems: str = "all"
    columns: str = "all"
    ablations: str = "none"
    steps: int | None = None
    validation: int = 0
    outside: str | None = None
    jobs: int = 1
    out: Path | None = None
    data_dir: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    add: Path | None = None
    result: Path | None = None
    keep: bool = False
    collect: bool = False


def names(flag: str, text: str, choices: Collection[str]) -> tuple[str, ...]:
    """Return a comma-separated list of ``choices`` in their order; ``all`` and ``none`` are lists too.

    Raises a UsageError that names the nearest choice.
    """
    given = [*choices] if text == "all" else [] if text == "none" else [name.strip() for name in text.split(",")]
    if unknown := [name for name in given if name not in choices]:
        raise UsageError(f"--{flag}: unknown {unknown[0]!r}; {nearest(unknown[0], [*choices, 'all'])}")
    return tuple(name for name in choices if name in given)


def numbers(flag: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers of ``0-9``, ``0,3,5`` or ``0-2,7``, each once and in order.

    Raises a UsageError for anything else.
    """
    found: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise UsageError(f"--{flag} {text}: expected whole numbers such as 0-9 or 0,3,5")
        if dash and int(high) < int(low):
            raise UsageError(f"--{flag} {text}: {part.strip()} counts backwards; did you mean {high}-{low}?")
        found |= set(range(int(low), int(high or low) + 1))
    return tuple(sorted(found))
