"""How many fakes a step the Bayesian GAN needs: python benchmarks/fakes.py [--games ring,mnist] [--jobs 2] [--add].

Recommended settings but for the fakes. Without labels (ring, mnist) ``spread`` shares one budget of codes out among ten
generators, ``each`` gives every one the whole budget, ten times the work: modes, and the distance that an independent
critic finds between samples and test images. With 100 labels (labelled-digits, labelled-mnist) all generators share 20
or 80: errors and Frechet distance on images set aside from training. Means over seeds, with the standard deviation of a
seed. With --add, the result file keeps what it has of games that are not asked for. The first two take 15 minutes on
two cores, the others 25.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common
import resumable
import torch

from bayesgan import presets
from bayesgan.evaluate import evaluate
from bayesgan.training import train

SHARED = {"20": {"noise_batch": 20}, "80": {"noise_batch": 80}}
MEASURES = ("modes", "quality", "distance", "error", "frechet", "seconds")


@dataclass(frozen=True)
class Game:
    """What is compared on one set: settings by the name of the way, for as many iterations, and the metrics of each."""

    data: str
    steps: int
    ways: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[str] = ("modes", "critic")
    labels: int | None = None
    validation: int = 0


def unlabelled(data: str, steps: int, codes: int) -> Game:
    """Return the comparison of one budget with one for each generator."""
    ways = {"spread": {"noise_batch": codes, "spread": True}, "each": {"noise_batch": codes, "spread": False}}
    return Game(data, steps, ways)


GAMES = {
    "ring": unlabelled("ring", 4000, 128),
    "mnist": unlabelled("mnist", 300, 64),
    "labelled-digits": Game("digits", 800, SHARED, ("error", "frechet"), 100, 400),
    "labelled-mnist": Game("mnist", 1000, SHARED, ("error", "frechet"), 100, 10_000),
}


def one_run(job: tuple[str, str, int, int]) -> dict[str, Any]:
    """Train and measure a game, in one way, with a seed and for so many iterations, on one thread."""
    name, way, seed, steps = job
    torch.set_num_threads(1)
    game = GAMES[name]
    run = replace(presets.bayesgan(game.data, game.labels).lasting(steps), seed=seed, label_seed=seed)
    run = replace(run, validation=game.validation, **game.ways[way])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train(run, Path(folder) / "run")
        seconds = round(time.perf_counter() - start, 1)
        where = Path(folder) / "run"
        metrics = evaluate(where, game.metrics, part="validation" if game.validation else "test")["metrics"]
    named = {"data": name, "way": way, "seed": seed, "steps": steps, "seconds": seconds}
    return named | found_in(metrics)


def found_in(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a row says of the metrics."""
    found: dict[str, Any] = {name: value["value"] for name, value in metrics.items() if name != "critic"}
    if modes := metrics.get("modes"):
        found |= {"of": modes["of"], "quality": modes.get("quality"), "distance": metrics["critic"]["value"]}
    return found


def figures(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return means over seeds, and standard deviations of a seed."""
    values: dict[str, float] = {}
    for name, way in dict.fromkeys((row["data"], row["way"]) for row in found):
        mine = [row for row in found if (row["data"], row["way"]) == (name, way)]
        columns = {measure: [row[measure] for row in mine if row.get(measure) is not None] for measure in MEASURES}
        known = {measure: value for measure, value in common.moments(columns).items() if value is not None}
        values |= {f"{name}.{way}.{measure}": value for measure, value in known.items()}
    return values


def others(games: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows that the result file has of other games."""
    path = common.result_path("fakes")
    earlier = json.loads(path.read_text())["rows"] if path.exists() else []
    return [row for row in earlier if row["data"] not in games]


def main() -> None:
    """Run all seeds and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", default=",".join(GAMES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--add", action="store_true", help="keep what the result file has of other games")
    given = parser.parse_args()
    games = given.games.split(",")
    if unknown := [name for name in games if name not in GAMES]:
        parser.error(f"no game {unknown[0]!r}: choose from {', '.join(GAMES)}")
    jobs = [
        (name, way, seed, given.steps or GAMES[name].steps)
        for name in games
        for seed in range(given.seeds)
        for way in GAMES[name].ways
    ]
    found = others(games) if given.add else []
    for row in resumable.performed(one_run, jobs, given.jobs):
        print(row, flush=True)
        found.append(row)
    found.sort(key=lambda row: ([*GAMES].index(row["data"]), row["seed"], [*GAMES[row["data"]].ways].index(row["way"])))
    print(common.write_result("fakes", figures(found), found))


if __name__ == "__main__":
    main()
