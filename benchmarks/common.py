"""What every benchmark shares: where its result file lies, and the command that made it."""

from __future__ import annotations

import os
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bayesgan import machine
from bayesgan.files import write_text

RESULTS = Path(__file__).parent / "results"


def command() -> str:
    """Return the command line that is running."""
    return shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])


def result_path(name: str) -> Path:
    """Return ``benchmarks/results/NAME.json``, ``NAME-cuda.json`` where there is a GPU."""
    return RESULTS / f"{name}{'-cuda' if torch.cuda.is_available() else ''}.json"


def write_result(name: str, figures: dict[str, float], rows: list[dict[str, Any]]) -> Path:
    """Write the result file of a benchmark, and return where it lies."""
    path = result_path(name)
    machine.write_result(path, command(), figures, rows)
    return path


def publish(name: str, rows: list[dict[str, Any]], table: Any) -> None:
    """Write the result file of all rows and the page beside it, and print the page.

    ``table``: a module whose ``summaries`` of the rows have ``figures`` and are a page in ``markdown``.
    """
    found = table.summaries(rows)
    path = write_result(name, table.figures(found), rows + found)
    page = table.markdown(found, command(), machine.machine())
    write_text(path.with_suffix(".md"), page)
    print(page, path, sep="\n")


def moments(columns: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    """Return the mean of each column and, as ``NAME_sd``, its standard deviation; None of too few values."""
    found: dict[str, float | None] = {}
    for name, values in columns.items():
        found[name] = round(statistics.mean(values), 6) if values else None
        found[f"{name}_sd"] = round(statistics.stdev(values), 6) if len(values) > 1 else None
    return found
