"""Which tables there are.

A further one is a function of :class:`~bayesgan.reproduce.options.Options` and a line in ``REPRODUCTIONS``; rows on
disk, processes, progress and lines over seeds are shared.
"""

from __future__ import annotations

from collections.abc import Callable

from bayesgan.errors import UsageError, nearest
from bayesgan.reproduce.options import Options
from bayesgan.reproduce.semi_supervised import semi_supervised

REPRODUCTIONS: dict[str, Callable[[Options], str]] = {"semi-supervised": semi_supervised}


def reproduce(name: str, options: Options) -> str:
    """Make a table of ``REPRODUCTIONS`` and return it. Raises a UsageError for another name."""
    if name not in REPRODUCTIONS:
        raise UsageError(f"unknown table {name!r}; {nearest(name, REPRODUCTIONS)}")
    return REPRODUCTIONS[name](options)
