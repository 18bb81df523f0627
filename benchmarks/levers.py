"""What each lever of speed gives, with it and without it in turn: python benchmarks/levers.py [--rounds N].

Figures are milliseconds, medians. Iterations are those of ``speed.py``; the discriminator's single call and the fakes
that are used again, which the package does not have, are measured on a DCGAN written the usual way.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import speed
import speed_ours
import torch
import torch.nn.functional as F
from common import write_result
from scaling import cost
from speed_usual import BATCH, LATENT, Step, adam, forever
from torch import Tensor

from bayesgan import kernels
from bayesgan.build import weights
from bayesgan.levers import choose_device
from bayesgan.networks import DCGAN
from bayesgan.networks.layers import StandardisedConv2d
from bayesgan.samplers.noise import Noise
from bayesgan.store import Store

NORMALS = (10, 232_481)  # particles, weights of a generator of 28 x 28


def iteration(system: str, size: int, device: torch.device, **options: Any) -> Step:
    """Return an iteration of a contestant of ``speed.py``."""
    run = replace(speed_ours.contestants()[system], **options)
    return speed_ours.stepper(speed_ours.prepare(run, speed.made_up(size), device))


def without(name: str, value: Any, step: Step) -> Step:
    """Return a step during which something of ``kernels`` is replaced."""

    def replaced() -> None:
        with mock.patch.object(kernels, name, value):
            step()

    return replaced


def group_norms(device: torch.device) -> dict[str, Step]:
    """Return a group norm of bfloat16 images there and back, in float32 and as it is."""
    x = kernels.channels_last(torch.randn(64, 64, 7, 7, device=device).bfloat16()).requires_grad_()

    def run(norm: Callable[..., Tensor]) -> None:
        torch.autograd.grad(norm(x, 8).sum(), x)

    def ours() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            run(kernels.group_norm)

    return {"on": ours, "off": partial(run, F.group_norm)}


def standardised(device: torch.device) -> dict[str, Step]:
    """Return how a convolution's kernels are standardised, there and back, in one pass and in parts."""
    layer = StandardisedConv2d(64, 128, 3).to(device)

    def from_parts() -> Tensor:
        variance, mean = torch.var_mean(layer.weight, dim=(1, 2, 3), keepdim=True, correction=0)
        return layer.gain * (layer.weight - mean) * torch.rsqrt(variance * layer.weight[0].numel() + 1e-6)

    def back(kernels: Callable[[], Tensor]) -> None:
        torch.autograd.grad(kernels().sum(), layer.weight)

    return {"on": partial(back, layer.kernels), "off": partial(back, from_parts)}


def usual(size: int, device: torch.device, *, once: bool = False, again: bool = True) -> Step:
    """Return a step of a usual DCGAN: the discriminator called ``once`` for both, its fakes used ``again``, or not."""
    shape, batches = speed.SHAPES[size], forever(torch.from_numpy(speed.made_up(size)).float() / 127.5 - 1)
    g, d = DCGAN().generator(shape, LATENT).to(device), DCGAN().discriminator(shape, 1).to(device)
    for_g, for_d = adam(g), adam(d)

    def step() -> None:
        real, fake = next(batches).to(device), g(torch.randn(BATCH, LATENT, device=device))
        judged = d(torch.cat([real, fake.detach()])).split(BATCH) if once else (d(real), d(fake.detach()))
        for_d.zero_grad()
        (F.softplus(-judged[0]).mean() + F.softplus(judged[1]).mean()).backward()
        for_d.step()
        fake = fake if again else g(torch.randn(BATCH, LATENT, device=device))
        for_g.zero_grad()
        F.softplus(-d(fake)).mean().backward()
        for_g.step()

    return step


def noise(threads: int, device: torch.device) -> Step:
    """Return a draw for ten generators, of which each core draws some, or one core all."""
    streams, like = Noise(range(NORMALS[0]), device), [torch.empty(NORMALS, device=device)]

    def draw() -> None:
        with mock.patch.object(torch, "get_num_threads", lambda: threads):
            streams.draw(like)

    return draw


@contextmanager
def bank(device: torch.device) -> Iterator[Step]:
    """Yield the writing of a sample of the Bayesian GAN's weights."""
    run, state, _ = speed_ours.prepare(speed_ours.plain("bayesgan"), speed.made_up(28), device)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "run", run)
        yield lambda: store.save_sample(1, weights(state))


def trials(device: torch.device) -> Iterator[tuple[str, dict[str, Step]]]:
    """Yield what is measured: a lever, and a step for it on and off."""
    for size in (28, 64):
        yield (
            f"{size}.bfloat16",
            {on: iteration("dcgan", size, device, precision=p) for on, p in (("on", "bf16"), ("off", "32"))},
        )
        step = partial(iteration, "dcgan", size, device, precision="bf16")
        yield f"{size}.channels_last", {"on": step(), "off": without("laid_out", lambda x: x, step())}
        step = partial(iteration, "bayesgan", size, device)
        yield f"{size}.at_once", {on: step(how=how) for on, how in (("on", "vmap"), ("off", "loop"))}
        yield f"{size}.single_call", {"on": usual(size, device, once=True), "off": usual(size, device)}
        yield f"{size}.fakes_again", {"on": usual(size, device), "off": usual(size, device, again=False)}
    yield "group_norm", group_norms(device)
    yield "standardised", standardised(device)
    yield "noise", {"on": noise(2, device), "off": noise(1, device)}


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    device, figures = choose_device("auto"), dict[str, float]()
    for name, steps in trials(device):
        ms = dict(zip(steps, cost(dict(enumerate(steps.values())), given.rounds, device).values(), strict=True))
        figures |= {f"{name}.{state}": round(value, 3) for state, value in ms.items()}
        print(f"{name:20s}", *(f"{state} {value:.2f}" for state, value in ms.items()), flush=True)
    with bank(device) as write:
        figures["bank_write.off"] = round(cost({0: write}, given.rounds, device)[0], 3)
    print(write_result("levers", figures, [{"lever": key, "ms": value} for key, value in figures.items()]))


if __name__ == "__main__":
    main()
