"""What every benchmark shares: the machine in words, and the result file."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

from bayesgan.store import git_commit, write_text

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return the machine that a number was measured on."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def command() -> str:
    """Return the command line that is running."""
    return shlex.join(["python", os.path.relpath(sys.argv[0]), *sys.argv[1:]])


def write_result(name: str, figures: dict[str, float], rows: list[dict[str, Any]]) -> Path:
    """Write ``benchmarks/results/NAME.json``, ``NAME-cuda.json`` where a GPU made it."""
    path = RESULTS / f"{name}{'-cuda' if torch.cuda.is_available() else ''}.json"
    result = {"command": command(), "machine": machine(), "commit": git_commit(), "figures": figures, "rows": rows}
    write_text(path, json.dumps(result, indent=1) + "\n")
    return path
