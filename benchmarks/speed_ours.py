"""The same networks by this package, on made-up images; and what a step is made of."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch
from speed_usual import BATCH, LATENT, Step
from torch.utils.flop_counter import FlopCounterMode

from bayesgan import presets
from bayesgan.build import State, autocast, initialise
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.data.labels import Training
from bayesgan.iteration import iterate
from bayesgan.objectives import NonSaturating
from bayesgan.posterior import log_posterior

Parts = tuple[Run, State, Batches]


def plain(system: str, **options: Any) -> Run:
    """Return a recommended run as far as the usual way goes: without penalty, averages and augmentation."""
    run = presets.PRESETS[system]("mnist")
    players = {name: p for name, p in run.players.items() if not name.startswith("averaged_")}
    same = {"objective": NonSaturating(), "augment": None, "batch": BATCH, "latent": LATENT, "steps": 10**6}
    # One step of burn-in, for the preconditioner: what is measured is sampling.
    sampled = {"burn_in": 1} if run.burn_in else {}
    return replace(run, players=players, **same | sampled | options)


def contestants() -> dict[str, Run]:
    """Return what is measured: 64 codes for each generator, 80 spread over all; and the preset with all it has."""
    return {
        "dcgan": plain("dcgan"),
        "ensemble": plain("ensemble"),
        "bayesgan": plain("bayesgan", noise_batch=BATCH, spread=False),
        "bayesgan_spread": plain("bayesgan"),
        "bayesgan_preset": replace(presets.bayesgan("mnist"), steps=10**6, burn_in=1),
    }


def prepare(run: Run, images: np.ndarray, device: torch.device) -> Parts:
    """Return what moves in a run on some images."""
    none = np.zeros(0, np.int64)
    data = Training("made-up", images.shape[1:], (), images, none, none)
    run = run.resolved(len(images))
    return run, initialise(run, data, device), Batches(run, data, device)


def stepper(parts: Parts) -> Step:
    """Return a function that does one iteration of training."""
    run, state, batches = parts

    def step() -> None:
        iterate(run, state, batches)
        state.step += 1

    return step


def shares(parts: Parts, rounds: int) -> dict[str, float]:
    """Return the milliseconds that an iteration, without graphs, spends forward with the batch, backward, sampling."""
    (run, state, batches), taken = parts, list[Sequence[float]]()
    for _ in range(rounds):
        clock = [0.0, 0.0, 0.0]
        for player, spec in run.players.items():
            optimiser = state.optimisers[player]
            optimiser.param_groups[0].update(spec.inference.options(state.step, state.settings[player]))
            marks = [now(batches.device)]
            with autocast(run, batches.device):
                energy = -log_posterior(state.game, player, batches(player, state.step)).sum()
            marks.append(now(batches.device))
            optimiser.zero_grad()
            energy.backward()  # type: ignore[no-untyped-call]
            marks.append(now(batches.device))
            optimiser.step()
            marks.append(now(batches.device))
            clock = [c + 1000 * (b - a) for c, a, b in zip(clock, marks, marks[1:], strict=False)]
        state.step += 1
        taken.append(clock)
    return dict(zip(("forward_ms", "backward_ms", "sampler_ms"), map(median, zip(*taken, strict=True)), strict=True))


def now(device: torch.device) -> float:
    """Return the time in seconds, once the device has done what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def operations(run: Run, images: np.ndarray, device: torch.device) -> int:
    """Return the operations of an iteration's products and convolutions, each network as often as needed.

    Counted in dense calls, which give every generator the discriminator of the images once more; that is taken off.
    """
    run = replace(run, how="loop", precision="32")
    total = counted(stepper(prepare(run, images, device)))
    extra = sum(run.particles(name) - 1 for name in ("generator",) if run.axes()[name] != run.axes()["discriminator"])
    _, state, batches = prepare(run, images, device)
    x, net = batches("discriminator", 0)["x"][0], state.game.ensembles["discriminator"]

    def once() -> None:
        net.bind({name: leaf[0] for name, leaf in net.params.items()})(x).sum().backward()  # type: ignore[no-untyped-call]

    return total - extra * counted(once)


def counted(step: Step) -> int:
    """Return the operations of a function."""
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def gradient_error(run: Run, images: np.ndarray, device: torch.device) -> float:
    """Return how far the fast way's gradients are from those of float32 in a loop, as a share of their norm."""

    def gradients(run: Run) -> torch.Tensor:
        run, state, batches = prepare(run, images, device)
        found = []
        for player in run.players:
            with autocast(run, device):
                value = log_posterior(state.game, player, batches(player, 0)).sum()
            found += torch.autograd.grad(value, [*state.game.ensembles[player].params.values()])
        return torch.cat([g.flatten() for g in found])

    exact, fast = gradients(replace(run, how="loop", precision="32")), gradients(run)
    return math.sqrt(float((fast - exact).square().sum() / exact.square().sum()))
