"""What encoders are worth: how well images come back, and how evenly paths between them change."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bayesgan.measures.metric import Metric
from bayesgan.metrics.traversal import largest_step
from bayesgan.subject import Subject

RECONSTRUCTED, PATHS, STEPS = 1000, 64, 16
NEEDS = "an encoder zipped with the generator (vae, alpha-gan, age), with classes of the test images if conditional"


def space_of(s: Subject) -> str:
    """Return where distances of reconstructions are taken."""
    return "pixels in [-1, 1]" if s.pictorial else "points"


def measure_reconstruction(s: Subject) -> dict[str, Any]:
    """Measure the mean squared error per pixel of reconstructed test images, beside that of the mean training image."""
    x, classes = s.tested(RECONSTRUCTED)
    grey = torch.from_numpy(s.data.images.mean(0, dtype=np.float64))
    mean = grey / 127.5 - 1 if s.data.images.dtype == np.uint8 else grey
    members = len(s.posterior.bank) * s.posterior.chains("encoder")
    how = {"n_real": len(x), "split": s.part, "space": space_of(s), "networks": members, "seed": s.seed}
    error = (s.posterior.reconstruct(x, classes) - x).square().mean().item()
    return {"value": error, "mean_image": (mean - x).square().mean().item(), "protocol": how}


def measure_smoothness(s: Subject) -> dict[str, Any]:
    """Measure the largest step over the mean step on paths between codes of test images: 1 is even, 15 one jump."""
    x, classes = s.tested(2 * PATHS)
    count = len(x) // 2
    ends = (None, None) if classes is None else (classes[:count], classes[count : 2 * count])
    paths = s.posterior.interpolate(x[:count], x[count : 2 * count], STEPS, *ends)
    how = {"n_real": 2 * count, "split": s.part, "space": space_of(s), "steps": STEPS, "seed": s.seed}
    return {"value": largest_step(paths), "protocol": how}


METRICS = {
    "reconstruction": Metric(measure_reconstruction, lambda s: s.auto_encodes, NEEDS),
    "smoothness": Metric(
        measure_smoothness, lambda s: s.auto_encodes and len(s.test.images) > 1, f"two test images, and {NEEDS}"
    ),
}
