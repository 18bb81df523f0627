"""How different samples are: from each other, within and between particles, and from training images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bayesgan.data.batches import to_float
from bayesgan.measures.metric import Metric, generates_images, protocol, training_images
from bayesgan.metrics.diversity import BATCH, BATCHES, diversity, diversity_between
from bayesgan.metrics.neighbours import compared, nearest
from bayesgan.metrics.support import SIZE, duplicate_distance, support
from bayesgan.seeds import derive
from bayesgan.subject import Subject

PER_PARTICLE = 32
COMPARED = 2000  # samples and held-out images whose nearest training images are looked for, at most
PIECE = 2048  # training images at once
PAIRS = 8  # of particles, at most


def measure_diversity(s: Subject) -> dict[str, Any]:
    """Measure 1 - MS-SSIM of samples, beside real images; of several particles within each and between them."""
    count = BATCHES * BATCH
    real = training_images(s, count)
    value = {"value": diversity(s.draw(count)), "real": diversity(real)}
    return value | among_particles(s) | {"protocol": protocol(s, len(real), count, "train", "1 - MS-SSIM")}


def among_particles(s: Subject) -> dict[str, float]:
    """Return the mean diversity within a particle and between neighbouring ones; nothing where there is but one."""
    chains = min(PAIRS, s.posterior.chains("generator"))
    if chains == 1:
        return {}
    # By seeds of their own: particles that are alike would else make the same images of the same codes.
    images = [s.posterior.sample(PER_PARTICLE, derive(s.seed, "particle", k), k) for k in range(chains)]
    within = [diversity(some) for some in images]
    # Each particle with the next, the last with the first; two make a single pair.
    pairs = [diversity_between(images[k], images[(k + 1) % chains]) for k in range(chains if chains > 2 else 1)]
    return {"within": sum(within) / chains, "between": sum(pairs) / len(pairs)}


def measure_support(s: Subject) -> dict[str, Any]:
    """Estimate by the birthday paradox how many different images there are, beside training images.

    Duplicates are as near as the nearest pair of 1 % of the real images. Where fewer than half of the batches have
    any the number is a lower bound; ``above`` names these.
    """
    real = training_images(s, max(len(s.samples), SIZE))
    size = min(SIZE, len(s.samples), len(real))
    threshold = duplicate_distance(real[: 4 * SIZE])
    found = {"value": support(s.samples, threshold, size), "real": support(real, threshold, size)}
    numbers: dict[str, Any] = {name: f.bound if f.estimate is None else f.estimate for name, f in found.items()}
    above = [name for name, f in found.items() if f.estimate is None]
    how = protocol(s, len(real), len(s.samples), "train", batch=size, duplicates=round(threshold, 4))
    return numbers | ({"above": above} if above else {}) | {"protocol": how}


def measure_memorisation(s: Subject) -> dict[str, Any]:
    """Measure how near samples are to training images: the median distance over that of test images, which is 1."""
    samples, held_out = s.samples[:COMPARED], s.tested(COMPARED)[0]
    found = compared(*(from_training(s, x) for x in (samples, held_out)))
    how = protocol(s, len(held_out), len(samples), s.part, n_train=len(s.data.images))
    return {"value": found.ratio, "real": 1.0, "closer": found.closer, "protocol": how}


def from_training(s: Subject, x: Tensor) -> Tensor:
    """Return the distance of each of ``x`` to the nearest of all training images, which need not fit into memory."""
    pieces = torch.split(torch.arange(len(s.data.images)), PIECE)
    parts = (to_float(torch.from_numpy(s.data.images[rows.numpy()])) for rows in pieces)
    return torch.stack([nearest(x, part)[1] for part in parts]).amin(0)


def enough(s: Subject) -> bool:
    """Return whether there are samples that are images, and training images to set beside them."""
    return generates_images(s) and len(s.data.images) > 1


METRICS = {
    "diversity": Metric(measure_diversity, enough, "a generator of images"),
    "support": Metric(measure_support, enough, "a generator of images"),
    "memorisation": Metric(measure_memorisation, enough, "a generator of images"),
}
