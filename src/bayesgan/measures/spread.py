"""How different samples are: from each other, within and between particles, and from training images."""

from __future__ import annotations

from typing import Any

import torch

from bayesgan.measures.metric import Metric, generates_images, protocol, training_images
from bayesgan.metrics.diversity import BATCH, BATCHES, diversity, diversity_between
from bayesgan.metrics.neighbours import memorisation
from bayesgan.metrics.support import SIZE, duplicate_distance, support
from bayesgan.subject import Subject

PER_PARTICLE = 32
COMPARED = 2000  # samples and held-out images whose nearest training images are looked for, at most
PAIRS = 8  # of particles, at most


def measure_diversity(s: Subject) -> dict[str, Any]:
    """Measure 1 - MS-SSIM of samples, beside real images; of several particles within each and between them."""
    count = BATCHES * BATCH
    real = training_images(s, count)
    value = {"value": diversity(s.draw(count)), "real": diversity(real)}
    return value | among_particles(s) | {"protocol": protocol(s, len(real), count, "train")}


def among_particles(s: Subject) -> dict[str, float]:
    """Return the mean diversity within a particle and between neighbouring ones; nothing where there is but one."""
    chains = min(PAIRS, s.posterior.chains("generator"))
    if chains == 1:
        return {}
    images = [s.posterior.sample(PER_PARTICLE, s.seed, k) for k in range(chains)]
    within = [diversity(some) for some in images]
    # Each particle with the next, the last with the first; two make a single pair.
    pairs = [diversity_between(images[k], images[(k + 1) % chains]) for k in range(chains if chains > 2 else 1)]
    return {"within": sum(within) / chains, "between": sum(pairs) / len(pairs)}


def measure_support(s: Subject) -> dict[str, Any]:
    """Estimate by the birthday paradox how many different images there are, beside training images.

    Duplicates are as near as the nearest pair of 1 % of the real images. Where fewer than half of the batches have
    any the number is a lower bound, which ``above`` says.
    """
    real = training_images(s, max(len(s.samples), SIZE))
    size = min(SIZE, len(s.samples), len(real))
    threshold = duplicate_distance(real[: 4 * SIZE])
    found = {"value": support(s.samples, threshold, size), "real": support(real, threshold, size)}
    numbers: dict[str, Any] = {name: bound(size) if f.estimate is None else f.estimate for name, f in found.items()}
    above = sorted(name for name, f in found.items() if f.estimate is None)
    how = protocol(
        s, len(real), len(s.samples), "train", "pixels, Euclidean", batch=size, duplicates=round(threshold, 4)
    )
    return numbers | ({"above": " and ".join(above)} if above else {}) | {"protocol": how}


def bound(size: int) -> float:
    """Return the number of images above which fewer than half of the batches would have duplicates."""
    return size * (size - 1) / (2 * torch.log(torch.tensor(2.0)).item())


def measure_memorisation(s: Subject) -> dict[str, Any]:
    """Measure how near samples are to training images: the median distance over that of test images, which is 1."""
    held_out = s.tested(COMPARED)[0]
    train = training_images(s, len(s.data.images))
    found = memorisation(s.samples[:COMPARED], held_out, train)
    how = protocol(s, len(held_out), min(COMPARED, len(s.samples)), s.part, "pixels, Euclidean", n_train=len(train))
    return {"value": found.ratio, "real": 1.0, "closer": found.closer, "protocol": how}


METRICS = {
    "diversity": Metric(measure_diversity, generates_images, "a generator of images"),
    "support": Metric(measure_support, generates_images, "a generator of images"),
    "memorisation": Metric(measure_memorisation, generates_images, "a generator of images"),
}
