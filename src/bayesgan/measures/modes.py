"""Lost modes: of toy sets by their centres, of labelled images by a classifier, of Stacked MNIST digit by digit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bayesgan.data.toy import CENTRES, STD, centres
from bayesgan.measures.metric import Metric, protocol, training_images
from bayesgan.metrics.modes import ENOUGH, modes_and_kl, modes_found, reverse_kl
from bayesgan.subject import Subject

SURE = 0.5


def measure_modes(s: Subject) -> dict[str, Any]:
    """Count the modes among the samples, and their divergence from a uniform one."""
    return measure_centres(s) if s.data.name in CENTRES else measure_classes(s)


def measure_centres(s: Subject) -> dict[str, Any]:
    """Count the modes of a toy set; in the divergence every sample stands for the nearest mode."""
    middle = torch.from_numpy(centres(s.data.name))
    found, quality = modes_found(s.samples, middle, STD)
    counts = torch.bincount(torch.cdist(s.samples, middle).argmin(1), minlength=len(middle))
    how = protocol(s, 0, s.n, "none", rule="20 of 2,500 samples within 3 sd")
    return {"value": found, "of": len(middle), "quality": quality, "reverse_kl": reverse_kl(counts), "protocol": how}


def measure_classes(s: Subject) -> dict[str, Any]:
    """Count the classes that a classifier of the data set sees among the samples, beside as many training images.

    A class is found when 0.8 % of the samples are assigned to it with probability 1/2 or more. Of more classes than
    could have so many each, such as Stacked MNIST's, one sample is enough. Both counts and divergences depend on how
    many images there are.
    """
    # Not the space of --features: its classes are its own.
    space = s.data_space
    assert space is not None and space.classify is not None
    count = len(s.data.classes)
    real = training_images(s, s.n)
    fake = s.draw(len(real))
    (found, kl), (of_real, real_kl) = (tally(space.classify(x), count) for x in (fake, real))
    rule = "1 sample" if many(count) else "0.8 % of the samples, with probability 1/2 or more"
    how = protocol(s, len(real), len(fake), "train", space.name, resize=space.resize, rule=rule)
    numbers = {"value": found, "of": count, "real": of_real, "reverse_kl": kl, "reverse_kl_real": real_kl}
    return numbers | {"protocol": how}


def tally(probs: Tensor, classes: int) -> tuple[int, float]:
    """Return how many classes are found by ``probs (N, Y)``, and their reverse KL."""
    sure, guess = probs.max(1)
    if many(classes):
        return modes_and_kl(guess, classes)
    counts = torch.bincount(guess[sure >= SURE], minlength=classes)
    return int((counts >= ENOUGH * len(probs)).sum()), reverse_kl(torch.bincount(guess, minlength=classes))


def many(classes: int) -> bool:
    """Return whether there are too many classes for a share of the samples each."""
    return classes * ENOUGH > 1


METRICS = {
    "modes": Metric(
        measure_modes,
        lambda s: s.generates and (s.data.name in CENTRES or (s.pictorial and bool(s.known))),
        "a generator of ring or grid, or of images with two classes at least",
    )
}
