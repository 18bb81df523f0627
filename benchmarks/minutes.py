"""How soon a run with few labels is about as good as it gets: python benchmarks/minutes.py [--systems LIST].

Trains the recommended runs, supervised and bayesgan by default, one after the other on all threads of a machine that
should have nothing else to do, and counts errors on the test images at twenty points of each, while the clock stands
still. ``near`` is the first point from which on errors stay within 10 % of those at the end. Errors are those of the
newest weights, of a running average where a run keeps one; the bank is not asked. Nothing is chosen by them. 13 minutes
on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from common import write_result
from resumable import names
from speed_ours import now

from bayesgan import presets
from bayesgan.bank import apply, stand_in
from bayesgan.build import State, initialise
from bayesgan.config import Run
from bayesgan.data.batches import Batches, to_float
from bayesgan.data.labels import open_data
from bayesgan.data.readers import Part
from bayesgan.iteration import due, iterate
from bayesgan.levers import choose_device

POINTS, NEAR = 20, 1.1
Row = dict[str, Any]


def errors(run: Run, state: State, test: Part, device: torch.device) -> int:
    """Return how many test images the newest weights get wrong, with probabilities averaged over particles."""
    ensemble = state.game.ensembles[stand_in(run.players, "discriminator")]
    x, y = to_float(torch.from_numpy(test.images)), torch.from_numpy(test.labels)
    probs = torch.zeros(len(y), int(y.max()) + 1)
    for k in range(run.particles("discriminator")):
        probs += apply(ensemble.particle(k), device, x)[:, -probs.shape[1] :].softmax(-1)
    return int((probs.argmax(1) != y).sum())


def curve(run: Run) -> Iterator[Row]:
    """Train a run and yield, at each point, its iterations, its minutes so far and its errors."""
    device, prepared = choose_device(run.device), open_data(run)
    run, test, spent = run.resolved(len(prepared.training.images)), prepared.test.open(), 0.0
    state, batches = initialise(run, prepared.training, device), Batches(run, prepared.training, device)
    start = now(device)
    while state.step < run.steps:
        iterate(run, state, batches)
        state.step += 1
        if due(state.step, run.steps // POINTS) or state.step == run.steps:
            spent += now(device) - start
            yield {"steps": state.step, "minutes": round(spent / 60, 3), "errors": errors(run, state, test, device)}
            start = now(device)


def near(rows: Sequence[Row]) -> float:
    """Return the minutes after which errors stay within 10 % of those at the end."""
    far = [row["errors"] > NEAR * rows[-1]["errors"] for row in rows]
    return float(rows[len(far) - far[::-1].index(True) if any(far) else 0]["minutes"])


def main() -> None:
    """Train, print every point and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=names, default=["supervised", "bayesgan"])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    found, figures = list[Row](), dict[str, float]()
    for system in given.systems:
        run = presets.PRESETS[system](given.data, given.labels)
        run = replace(run, seed=given.seed, label_seed=given.seed)
        rows: list[Row] = []
        for row in curve(run.lasting(given.steps) if given.steps else run):
            rows.append({"system": system, **row})
            print(rows[-1], flush=True)
        found += rows
        figures |= {f"{system}.{key}": rows[-1][key] for key in ("minutes", "errors")}
        figures[f"{system}.near"] = near(rows)
    figures["threads"] = torch.get_num_threads()
    print(figures, write_result("minutes", figures, found), sep="\n")


if __name__ == "__main__":
    main()
