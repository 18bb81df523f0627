"""Few labels on the digits: the Bayesian GAN, one DCGAN, the supervised network, and scikit-learn's baselines.

    python benchmarks/digits.py [--splits 10] [--labels 100] [--steps 800] [--first 0]

Each split draws its own 500 test images (stratified; 1,297 remain for training) and its own labels. Prints a table and
writes benchmarks/results/digits.json. Settings were chosen on other splits of the
same 1,797 images, so these are not wholly new data.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from common import write_result

from bayesgan import presets
from bayesgan.evaluate import evaluate
from bayesgan.training import train

SYSTEMS = ("supervised", "dcgan", "bayesgan")
NAMES = {"LabelSpreading": "label_spreading", "logistic regression": "logistic"}


def one_split(split: int, labels: int, steps: int, folder: Path) -> dict[str, float]:
    """Train every system on one split and return its errors in percent, with NLL, ECE and seconds."""
    row: dict[str, float] = {"split": split}
    for system in SYSTEMS:
        start, run = time.perf_counter(), presets.PRESETS[system]("digits", labels).lasting(steps)
        train(replace(run, seed=split, label_seed=split), folder / system)
        row[f"{system}_seconds"] = round(time.perf_counter() - start, 1)
        metrics = evaluate(
            folder / system, ["error", "nll", "ece", *(["baselines"] if system == "supervised" else [])]
        )["metrics"]
        row |= {f"{system}_{key}": metrics[key]["value"] for key in ("error", "nll", "ece")}
        row |= {f"{NAMES[key]}_error": e for key, e in metrics.get("baselines", {"value": {}})["value"].items()}
    return row


def main() -> None:
    """Run all splits and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--first", type=int, default=0, help="first split; only 0 writes the result file")
    options = parser.parse_args()
    rows = []
    for split in range(options.first, options.first + options.splits):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(one_split(split, options.labels, options.steps, Path(folder)))
        print({key: round(value, 3) for key, value in rows[-1].items()}, flush=True)
    columns = {key: [row[key] for row in rows] for key in rows[0] if key != "split"}
    figures = {key: round(statistics.mean(values), 4) for key, values in columns.items()}
    for key, value in figures.items():
        spread = statistics.stdev(columns[key]) if len(rows) > 1 else 0.0
        print(f"{key:24s} {value:8.3f} +- {spread:.3f} (sd over {len(rows)} splits)")
    if options.first == 0:
        print(write_result("digits", figures, rows))


if __name__ == "__main__":
    main()
