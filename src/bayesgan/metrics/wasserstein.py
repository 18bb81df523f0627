"""How far samples are from data: the Wasserstein distance that a fresh critic finds, on images it was not trained on.

Danihelka et al. 2017 (arXiv 1705.05263) and Rosca et al. 2017 compare generators so: the critic is independent of all
of a run's players, and has the same architecture and budget for every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bayesgan.networks import DCGAN, MLP
from bayesgan.objectives.penalties import mixtures, slopes
from bayesgan.particles import Ensemble
from bayesgan.samplers.schedules import Cosine
from bayesgan.seeds import derive, generator
from bayesgan.types import Network

STEPS, BATCH, CHUNK = 400, 64, 250
LR, BETAS = 2e-3, (0.5, 0.9)
PENALTY = 10.0


@dataclass(frozen=True)
class Distance:
    """Values of one critic on the images it was trained on and on held-out ones; what they differ by is overfitting."""

    train: float
    held_out: float


def critic_distance(real: Tensor, fake: Tensor, steps: int = STEPS, seed: int = 0) -> Distance:
    """Return lower bounds of the Wasserstein-1 distance between real and generated images, in the Euclidean norm.

    ``real``, ``fake``: ``(N, C, H, W)`` or points ``(N, D)``, in random order: a fresh critic learns from the first
    halves, the second ones are held out. Distances are those of whole images with values in [-1, 1]. On held-out
    images the value of two equal distributions is 0 on average, and can be negative.
    """
    (real_seen, real_new), (fake_seen, fake_new) = real.tensor_split(2), fake.tensor_split(2)
    critic = fit(real_seen, fake_seen, steps, seed)
    return Distance(value(critic, real_seen, fake_seen, seed), value(critic, real_new, fake_new, seed))


def critic_distances(
    validation: Tensor,
    fake: Tensor,
    others: Mapping[str, Tensor],
    fresh_fake: Tensor,
    steps: int = STEPS,
    seed: int = 0,
) -> dict[str, float]:
    """Return the distances of fresh samples from validation images and from other real ones, by one critic.

    The protocol of Danihelka et al. 2017: a fresh critic learns to tell ``validation`` from ``fake``, and is then asked
    how far ``fresh_fake`` is from ``"validation"`` and from each of ``others``, by name. A generator that remembers its
    training images is nearer to them than to test images; a critic that overfits sees validation images farthest.
    All are as in :func:`critic_distance`, whole.
    """
    critic = fit(validation, fake, steps, seed)
    named = {"validation": validation, **others}
    return {name: value(critic, real, fresh_fake, seed) for name, real in named.items()}


def fit(real: Tensor, fake: Tensor, steps: int, seed: int) -> Network:
    """Return a critic ``(B, ...) -> (B,)`` that was trained to tell real images from generated ones."""
    family = DCGAN(16, 64) if real.ndim == 4 else MLP(64, 2)
    ensemble = Ensemble.init(partial(family.discriminator, tuple(real.shape[1:]), 1), 1, derive(seed, "critic"))
    leaves = {name: leaf.detach().to(real.device).requires_grad_() for name, leaf in ensemble.params.items()}
    optimiser = torch.optim.Adam(leaves.values(), LR, BETAS)
    rng = generator(seed, "critic", "batches")
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = LR * Cosine()(step / steps)
        x, y = (images[torch.randint(len(images), (BATCH,), generator=rng)] for images in (real, fake))
        mix = torch.rand(BATCH, generator=rng).to(real.device)
        optimiser.zero_grad()
        loss(single(ensemble, leaves), x, y, mix).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return single(ensemble, {name: leaf.detach() for name, leaf in leaves.items()})


def single(ensemble: Ensemble, leaves: dict[str, Tensor]) -> Network:
    """Return the only particle of an ensemble as a function ``(B, ...) -> (B,)``."""
    net = ensemble.bind({name: leaf[0] for name, leaf in leaves.items()})
    return lambda x: net(x)[:, 0]


def loss(critic: Network, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Return minus ``E f(x) - E f(y) - 10 E max(0, ||grad f|| - 1)^2``, the penalty at random mixtures.

    It punishes steepness alone (Petzka et al. 2018, arXiv 1709.08894, equation 7). With the two-sided penalty of
    WGAN-GP a critic that starts out with the wrong sign cannot pass slope 0, and measures minus the distance.
    """
    steepness = (slopes(critic, mixtures(real, fake, mix)) + 1e-12).sqrt()
    return critic(fake).mean() - critic(real).mean() + PENALTY * (steepness - 1).clamp_min(0).square().mean()


def value(critic: Network, real: Tensor, fake: Tensor, seed: int) -> float:
    """Return ``E f(x) - E f(y)`` divided by the steepness of f where that is above 1.

    Steepness is the root mean square of ``||grad f||`` at mixtures. The penalty is finite: the farther the samples
    are, the more it pays f to be steeper than 1, which would be no distance any more.
    """
    pairs = min(len(real), len(fake))
    between = mixtures(real, fake, torch.rand(pairs, generator=generator(seed, "critic", "value")).to(real.device))
    chunks = torch.split(between[: 4 * CHUNK], CHUNK)
    steepness = torch.cat([slopes(critic, some) for some in chunks]).mean().sqrt()
    gap = mean_score(critic, real) - mean_score(critic, fake)
    return gap / max(1.0, steepness.item())


@torch.no_grad()
def mean_score(critic: Network, images: Tensor) -> float:
    """Return the mean of ``f`` over images."""
    return torch.cat([critic(some) for some in torch.split(images, CHUNK)]).double().mean().item()
