"""Modes of the ring of 8 and the grid of 25, Bayesian GAN against one GAN and ten.

    python benchmarks/ring.py [--seeds 5] [--data ring,grid] [--steps 4000]

Prints modes found and the share of samples within three standard deviations; writes benchmarks/results/ring.json.
Settings were chosen on seeds 0 to 4; these are seeds 10 and up.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import write_result

from bayesgan import presets
from bayesgan.evaluate import evaluate
from bayesgan.training import train

SYSTEMS = ("gan", "bayesgan")
FIRST_SEED = 10


def one_run(system: str, data: str, seed: int, steps: int) -> dict[str, Any]:
    """Train one system and count its modes."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(replace(presets.PRESETS[system](data).lasting(steps), seed=seed), Path(folder) / "run")
        seconds = time.perf_counter() - start
        modes = evaluate(Path(folder) / "run", ["modes"])["metrics"]["modes"]
    row = {"system": system, "data": data, "seed": seed, "modes": modes["value"], "of": modes["of"]}
    return row | {"quality": modes["quality"], "seconds": round(seconds, 1)}


def main() -> None:
    """Run all seeds and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--data", default="ring,grid")
    options = parser.parse_args()
    rows, figures = [], {}
    for data in options.data.split(","):
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
            for system in SYSTEMS:
                rows.append(one_run(system, data, seed, options.steps))
                print(rows[-1], flush=True)
        for system in SYSTEMS:
            mine = [r for r in rows if (r["system"], r["data"]) == (system, data)]
            figures[f"{data}.{system}.modes_fewest"] = min(r["modes"] for r in mine)
            figures[f"{data}.{system}.modes"] = statistics.mean(r["modes"] for r in mine)
            figures[f"{data}.{system}.quality"] = round(statistics.mean(r["quality"] for r in mine), 4)
    print(write_result("ring", figures, rows))


if __name__ == "__main__":
    main()
