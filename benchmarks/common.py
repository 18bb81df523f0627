"""What every benchmark shares: where its result file lies, and the command that made it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

from bayesgan import machine

RESULTS = Path(__file__).parent / "results"


def command() -> str:
    """Return the command line that is running."""
    return shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])


def write_result(name: str, figures: dict[str, float], rows: list[dict[str, Any]]) -> Path:
    """Write ``benchmarks/results/NAME.json``, ``NAME-cuda.json`` where a GPU made it."""
    path = RESULTS / f"{name}{'-cuda' if torch.cuda.is_available() else ''}.json"
    machine.write_result(path, command(), figures, rows)
    return path
