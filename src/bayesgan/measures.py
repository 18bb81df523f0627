"""Every measure of a run by name: how it is taken, what it applies to, and its protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bayesgan.baselines import BASELINES
from bayesgan.data.batches import to_float
from bayesgan.data.toy import CENTRES, STD, centres
from bayesgan.metrics import classification, wasserstein
from bayesgan.metrics.calibration import reliability
from bayesgan.metrics.diversity import BATCH, BATCHES, diversity
from bayesgan.metrics.modes import modes_found
from bayesgan.subject import Subject

JUDGED, RECONSTRUCTED = 5000, 1000  # test images, at most

Measure = Callable[[Subject], dict[str, Any]]


@dataclass(frozen=True)
class Metric:
    """A measurement, whether it applies to a subject, and what it needs in words."""

    measure: Measure
    applies: Callable[[Subject], bool]
    needs: str


def of_probs(score: Callable[[Tensor, Tensor], float]) -> Metric:
    """Return the metric of a score of test probabilities."""

    def measure(s: Subject) -> dict[str, Any]:
        return {"value": score(s.probs, s.y), "protocol": protocol(s)}

    return Metric(measure, lambda s: s.classifies, "a run with labels and labelled test images")


def protocol(s: Subject) -> dict[str, Any]:
    """Return on how many test images, of which part and split, with how many networks a prediction was measured."""
    members = len(s.posterior.bank) * s.posterior.chains("discriminator")
    return {"n_real": len(s.test.images), "part": s.part, "split": s.split, "networks": members}


def measure_modes(s: Subject) -> dict[str, Any]:
    """Count the modes of a toy set among the samples."""
    middle = torch.from_numpy(centres(s.data.name))
    found, quality = modes_found(s.samples, middle, STD)
    rule = "20 of 2,500 samples within 3 sd"
    return {
        "value": found,
        "of": len(middle),
        "quality": quality,
        "protocol": {"n_fake": s.n, "seed": s.seed, "rule": rule},
    }


def measure_diversity(s: Subject) -> dict[str, Any]:
    """Measure 1 - MS-SSIM of samples, beside real images."""
    count = BATCHES * BATCH
    order = torch.randperm(len(s.data.images), generator=torch.Generator().manual_seed(s.seed))[:count]
    real = to_float(torch.from_numpy(s.data.images[order.numpy()]))
    how = {"n_real": len(real), "n_fake": count, "split": "train", "space": "pixels", "seed": s.seed}
    return {"value": diversity(s.draw(count)), "real": diversity(real), "protocol": how}


def measure_critic(s: Subject) -> dict[str, Any]:
    """Measure the Wasserstein distance of samples from test images by a fresh critic, beside real from real ones.

    The critic learns from half of the test images and is asked about the others; ``train`` is its value on the first.
    """
    real = s.tested(JUDGED)[0].to(s.posterior.device)
    budget = wasserstein.STEPS
    distance = wasserstein.critic_distance(real, s.draw(len(real)).to(real.device), budget, s.seed)
    half, other = real.tensor_split(2)
    among_real = wasserstein.critic_distance(half, other, budget, s.seed)
    how = {"n_real": len(real), "n_fake": len(real), "split": f"{s.part}, halved", "space": "pixels, Euclidean"}
    how |= {"critic_steps": budget, "critic_batch": wasserstein.BATCH, "seed": s.seed}
    return {"value": distance.held_out, "train": distance.train, "real": among_real.held_out, "protocol": how}


def measure_reconstruction(s: Subject) -> dict[str, Any]:
    """Measure the mean squared error per pixel of reconstructed test images, beside that of the mean training image."""
    x, classes = s.tested(RECONSTRUCTED)
    grey = torch.from_numpy(s.data.images.mean(0, dtype=np.float64))
    mean = grey / 127.5 - 1 if s.data.images.dtype == np.uint8 else grey
    members = len(s.posterior.bank) * s.posterior.chains("encoder")
    how = {"n_real": len(x), "split": s.part, "space": "pixels in [-1, 1]", "networks": members, "seed": s.seed}
    error = (s.posterior.reconstruct(x, classes) - x).square().mean().item()
    return {"value": error, "mean_image": (mean - x).square().mean().item(), "protocol": how}


def measure_baselines(s: Subject) -> dict[str, Any]:
    """Measure scikit-learn's baselines on the same labels and test images."""
    how = {"n_real": len(s.test.images), "part": s.part, "split": s.split, "labels": len(s.data.labels)}
    return {"value": {name: fit(s.data, s.test) for name, fit in BASELINES.items()}, "protocol": how}


METRICS: dict[str, Metric] = {
    "error": of_probs(classification.error),
    "nll": of_probs(classification.nll),
    "brier": of_probs(classification.brier),
    "ece": of_probs(lambda probs, y: reliability(probs, y).ece),
    "modes": Metric(measure_modes, lambda s: s.generates and s.data.name in CENTRES, "a generator of ring or grid"),
    "diversity": Metric(measure_diversity, lambda s: s.generates and s.pictorial, "a generator of images"),
    "critic": Metric(
        measure_critic, lambda s: s.generates and len(s.test.images) >= 4, "a generator, and 4 test images or more"
    ),
    "reconstruction": Metric(
        measure_reconstruction,
        lambda s: s.auto_encodes,
        "an encoder zipped with the generator (vae, alpha-gan, age), with classes of the test images if conditional",
    ),
    "baselines": Metric(
        measure_baselines,
        # On the toys' separate clusters LabelSpreading's graph falls apart and scikit-learn divides by zero.
        lambda s: s.classifies and isinstance(s.posterior.run.labels, int) and s.pictorial,
        "a run with --labels N on images",
    ),
}
