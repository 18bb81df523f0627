"""The machine in words, and the file of a measured table: what every benchmark and reproduction leaves behind."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bayesgan.environment import git_commit
from bayesgan.files import write_json


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


def write_result(
    path: Path, command: str, figures: Mapping[str, float], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Write a result file and return its content: the headline numbers, and the rows of single seeds behind them."""
    result = {"command": command, "machine": machine(), "commit": git_commit(), "figures": figures, "rows": rows}
    write_json(path, result)
    return result
