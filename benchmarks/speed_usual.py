"""Adversarial networks written the usual way: modules, an optimiser each, float32, a ``DataLoader``, Python loops.

The networks are those of the package, so that a comparison is one of how they are run. Each function returns a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bayesgan.networks import DCGAN

BATCH, LATENT = 64, 32
Step = Callable[[], None]


def forever(images: Tensor) -> Iterator[Tensor]:
    """Yield shuffled batches of images without end."""
    loader = DataLoader(TensorDataset(images), BATCH, shuffle=True, drop_last=True)
    while True:
        for (batch,) in loader:
            yield batch


def adam(net: nn.Module) -> torch.optim.Adam:
    """Return the optimiser of every network."""
    return torch.optim.Adam(net.parameters(), 1e-3, (0.5, 0.9))


def dcgan(images: Tensor, device: torch.device) -> Step:
    """Return a step of one DCGAN: the discriminator on a batch and on fakes, the generator on the same fakes."""
    shape, batches = tuple(images.shape[1:]), forever(images)
    generator = DCGAN().generator(shape, LATENT).to(device)
    discriminator = DCGAN().discriminator(shape, 1).to(device)
    for_generator, for_discriminator = adam(generator), adam(discriminator)

    def step() -> None:
        real = next(batches).to(device)
        fake = generator(torch.randn(BATCH, LATENT, device=device))
        for_discriminator.zero_grad()
        loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
        loss.backward()
        for_discriminator.step()
        for_generator.zero_grad()
        F.softplus(-discriminator(fake)).mean().backward()
        for_generator.step()

    return step


def ten_dcgans(images: Tensor, device: torch.device) -> Step:
    """Return a step of ten DCGANs, one after the other."""
    steps = [dcgan(images, device) for _ in range(10)]

    def step() -> None:
        for one in steps:
            one()

    return step


def bayesgan(images: Tensor, device: torch.device, fakes: int = BATCH) -> Step:
    """Return a step of a Bayesian GAN of ten generators with ``fakes`` each and a discriminator, moved by SGHMC."""
    shape, batches = tuple(images.shape[1:]), forever(images)
    generators = [DCGAN().generator(shape, LATENT).to(device) for _ in range(10)]
    discriminator = DCGAN().discriminator(shape, 1).to(device)
    momenta: dict[Any, Tensor] = {}

    def step() -> None:
        real = next(batches).to(device)
        discriminator.zero_grad()
        loss = F.softplus(-discriminator(real)).mean()
        for generator in generators:
            fake = generator(torch.randn(fakes, LATENT, device=device)).detach()
            loss = loss + F.softplus(discriminator(fake)).mean() / len(generators)
        (loss + prior(discriminator)).backward()
        sghmc(discriminator, momenta)
        for generator in generators:
            generator.zero_grad()
            fake = generator(torch.randn(fakes, LATENT, device=device))
            (F.softplus(-discriminator(fake)).mean() + prior(generator)).backward()
            sghmc(generator, momenta)

    return step


def prior(net: nn.Module) -> Tensor:
    """Return minus the log density of N(0, 1) on all weights, per image of 60,000."""
    return torch.stack([w.square().sum() for w in net.parameters()]).sum() / 120_000


@torch.no_grad()
def sghmc(net: nn.Module, momenta: dict[Any, Tensor], lr: float = 1e-4, decay: float = 0.9) -> None:
    """Move every weight with friction and noise, as in the papers' Algorithm 1."""
    for w in net.parameters():
        assert w.grad is not None
        v = momenta.setdefault(w, torch.zeros_like(w))
        v.mul_(decay).sub_(lr * w.grad).add_(1e-5 * torch.randn_like(w))
        w.add_(v)
