"""MNIST with 100 labels through the command line, as a user would run it; all 60,000 + 10,000 images.

    BAYESGAN_DATA=DIR python benchmarks/mnist_first.py [--label-seeds 0] [--steps 4000]

DIR holds the publisher's files (MNIST/raw/*.gz). Writes benchmarks/results/mnist_first.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import write_result

SYSTEMS = ("supervised", "bayesgan")


def one_run(system: str, label_seed: int, steps: int, folder: Path) -> dict[str, float | str]:
    """Train and evaluate in processes of their own, and return errors and minutes."""
    program = [sys.executable, "-c", "from bayesgan.cli import main; main()"]
    flags = ["--data", "mnist", "--labels", "100", "--label-seed", str(label_seed), "--steps", str(steps)]
    start = time.perf_counter()
    subprocess.run([*program, "train", system, *flags, "--out", str(folder)], check=True)
    minutes = (time.perf_counter() - start) / 60
    subprocess.run([*program, "evaluate", str(folder), "--metrics", "error,nll,ece"], check=True)
    metrics = json.loads((folder / "evaluation.json").read_text())["metrics"]
    row: dict[str, float | str] = {"system": system, "label_seed": label_seed, "minutes": round(minutes, 2)}
    row |= {
        "errors": round(metrics["error"]["value"] * 100),
        "nll": metrics["nll"]["value"],
        "ece": metrics["ece"]["value"],
    }
    print(row, flush=True)
    return row


def main() -> None:
    """Run both systems on every label subset and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-seeds", default="0")
    parser.add_argument("--steps", type=int, default=4000, help="the preset's own")
    options = parser.parse_args()
    rows = []
    for seed in map(int, options.label_seeds.split(",")):
        for system in SYSTEMS:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(one_run(system, seed, options.steps, Path(folder) / "run"))
    errors = {s: statistics.mean(float(r["errors"]) for r in rows if r["system"] == s) for s in SYSTEMS}
    minutes = max(float(r["minutes"]) for r in rows if r["system"] == "bayesgan")
    figures = {"bayesgan_errors": errors["bayesgan"], "supervised_errors": errors["supervised"], "minutes": minutes}
    print(write_result("mnist_first", figures, rows))


if __name__ == "__main__":
    main()
