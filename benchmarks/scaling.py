"""How the cost of the Bayesian GAN grows: python benchmarks/scaling.py [--rounds N].

One thing at a time: generators (8 codes each, 64 each, or 80 spread over all), images of a step, pixels, images of the
data set, and weight samples of the bank, against milliseconds. Exponents are slopes of a line through logarithms:
0 costs nothing, 1 is proportional. All settings of one thing are measured in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import speed_ours
import torch
from common import write_result

from bayesgan.config import Run
from bayesgan.energy import WARM_UP
from bayesgan.levers import choose_device
from bayesgan.serialise import assignment, from_config

Step = Callable[[], Any]
PICTURE = Path(__file__).parents[1] / "docs" / "scaling.png"
PARTICLES, BATCHES, SIDES = (1, 2, 4, 8, 16, 32, 64), (16, 32, 64, 128, 256), (16, 32, 64)
SETS, BANKS = (1_000, 10_000, 60_000), (1, 2, 4, 8, 16)
UP_TO = 16  # particles, for the exponent
TICKS = [digit * 10**power for power in range(5) for digit in (1, 2, 5)]  # ms


def made_up(count: int = 1000, side: int = 28) -> np.ndarray:
    """Return grey images of noise."""
    return np.random.default_rng(0).integers(0, 256, (count, 1, side, side), np.uint8)


def training(run: Run, images: np.ndarray, device: torch.device) -> Step:
    """Return an iteration of training."""
    return speed_ours.stepper(speed_ours.prepare(run, images, device))


def generators(count: int, **options: Any) -> Run:
    """Return the Bayesian GAN with ``count`` generators."""
    return from_config(assignment(f"players.generator.particles={count}"), base=speed_ours.plain("bayesgan", **options))


def bank(samples: int, device: torch.device) -> Step:
    """Return the mean prediction for 64 images by a bank of as many different discriminators."""
    base = from_config(assignment(f"players.discriminator.particles={samples}"), base=speed_ours.plain("dcgan"))
    _, state, batches = speed_ours.prepare(base, made_up(), device)
    x, net = batches("discriminator", 0)["x"][0], state.game.ensembles["discriminator"]

    @torch.no_grad()
    def step() -> torch.Tensor:
        return torch.stack([net.particle(k)(x) for k in range(samples)]).mean(0)

    return step


def series(device: torch.device) -> dict[str, Mapping[int, Step]]:
    """Return what is measured: for every thing that grows, a step at each of its sizes."""
    images = made_up()
    all_fakes = {"noise_batch": 64, "spread": False}
    few = {"noise_batch": 8, "spread": False}
    return {
        "particles, 8 codes each": {k: training(generators(k, **few), images, device) for k in PARTICLES},
        "particles, 64 codes each": {k: training(generators(k, **all_fakes), images, device) for k in PARTICLES[:5]},
        "particles, 80 codes in all": {k: training(generators(k), images, device) for k in PARTICLES},
        "batch": {n: training(speed_ours.plain("bayesgan", batch=n, noise_batch=n), images, device) for n in BATCHES},
        "pixels": {s * s: training(speed_ours.plain("bayesgan"), made_up(side=s), device) for s in SIDES},
        "data set": {n: training(speed_ours.plain("bayesgan"), made_up(n), device) for n in SETS},
        "bank": {n: bank(n, device) for n in BANKS},
    }


def cost(steps: Mapping[int, Step], rounds: int, device: torch.device) -> dict[int, float]:
    """Return the median milliseconds of each step, measured in turn."""
    taken: dict[int, list[float]] = {size: [] for size in steps}
    for _ in range(WARM_UP + 1 + rounds):
        for size, step in steps.items():
            start = speed_ours.now(device)
            step()
            taken[size].append(1000 * (speed_ours.now(device) - start))
    return {size: median(times[WARM_UP + 1 :]) for size, times in taken.items()}  # the first ones allocate


def exponent(costs: Mapping[int, float], up_to: float = float("inf")) -> float:
    """Return the slope of log cost against log size."""
    sizes = [size for size in costs if size <= up_to]
    slope, _ = np.polyfit(np.log(sizes), np.log([costs[size] for size in sizes]), 1)
    return float(slope)


def picture(path: Path, found: Mapping[str, Mapping[int, float]]) -> None:
    """Draw cost against size, a panel per thing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3), layout="constrained")
    things = list(dict.fromkeys(name.split(",")[0] for name in found))
    for axes, thing in zip(figure.subplots(1, len(things)), things, strict=True):
        for name, costs in found.items():
            if name.split(",")[0] == thing:
                axes.loglog([*costs], [*costs.values()], "o-", label=name.partition(", ")[2] or None)
                axes.set_xticks([*costs], [f"{size:,}" for size in costs], fontsize=7)
        low, high = axes.get_ylim()
        ticks = [tick for tick in TICKS if low / 1.5 < tick < 1.5 * high]
        axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set(xlabel=thing, ylabel="ms" if thing == things[0] else "", ylim=(low / 1.5, 1.5 * high))
        axes.minorticks_off()
        if thing == "particles":
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print, draw and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    device = choose_device("auto")
    found = {name: cost(steps, given.rounds, device) for name, steps in series(device).items()}
    figures = {
        "particles_exponent": exponent(found["particles, 64 codes each"], UP_TO),
        "particles_few_codes_exponent": exponent(found["particles, 8 codes each"], UP_TO),
        "particles_spread_exponent": exponent(found["particles, 80 codes in all"], UP_TO),
        "batch_exponent": exponent(found["batch"]),
        "pixels_exponent": exponent(found["pixels"]),
        "data_exponent": exponent(found["data set"]),
        "bank_exponent": exponent(found["bank"]),
    }
    rows = [{"thing": name, "size": s, "ms": round(ms, 3)} for name, costs in found.items() for s, ms in costs.items()]
    for row in rows:
        print(f"{row['thing']:28s} {row['size']:6d} {row['ms']:10.2f} ms")
    picture(PICTURE, found)
    print(write_result("scaling", {key: round(value, 3) for key, value in figures.items()}, rows), PICTURE, sep="\n")


if __name__ == "__main__":
    main()
