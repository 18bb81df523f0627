"""How well a run classifies, and whether it knows what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bayesgan.baselines import BASELINES
from bayesgan.data.sets import load
from bayesgan.errors import UsageError
from bayesgan.measures.metric import Metric
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import reliability
from bayesgan.metrics.detection import auroc
from bayesgan.predict import shape_text
from bayesgan.subject import Subject

OUTSIDE = 10_000  # images of the other set, at most


def of_probs(score: Callable[[Tensor, Tensor], Any]) -> Metric:
    """Return the metric of a score of test probabilities."""

    def measure(s: Subject) -> dict[str, Any]:
        return {"value": score(s.probs, s.y), "protocol": predicted(s)}

    return Metric(measure, lambda s: s.classifies, "a run with labels and labelled test images")


def predicted(s: Subject) -> dict[str, Any]:
    """Return on how many test images, of which part and split, with how many networks a prediction was measured."""
    members = len(s.posterior.bank) * s.posterior.chains("discriminator")
    return {"n_real": len(s.test.images), "part": s.part, "split": s.split, "networks": members}


def risk(probs: Tensor, y: Tensor) -> dict[str, float]:
    """Return the area under the risk-coverage curve, and the error in percent on the surest 80, 90, 95 % of images."""
    curve = classification.risk_coverage(probs, y)
    sure = {f"error_at_{share}": kept(curve, share / 100) for share in (80, 90, 95)}
    return {"risk_coverage_area": curve.area, **sure}


def kept(curve: classification.RiskCoverage, share: float) -> float:
    """Return the error in percent at the smallest coverage that is at least ``share``."""
    place = int(torch.searchsorted(curve.coverage.contiguous(), share - 1e-9))
    return 100 * curve.risk[place].item()


def measure_outside(s: Subject) -> dict[str, Any]:
    """Measure how well doubt tells images of another set from test images: AUROC of entropy, information, P(fake)."""
    assert s.outside is not None
    x = outside_images(s.outside, s.posterior.run.data_dir, s.data.shape)
    inside, outside = doubts(*s.predicted), doubts(*classification.mutual_information(s.posterior.predict_each(x)))
    if s.posterior.judges:
        inside["fake"] = -s.posterior.realness(torch.from_numpy(s.test.images))
        outside["fake"] = -s.posterior.realness(x)
    value = {name: auroc(inside[name], outside[name]) for name in inside}
    return {"value": value, "protocol": predicted(s) | {"outside": s.outside, "n_outside": len(x)}}


def doubts(probs: Tensor, information: Tensor) -> dict[str, Tensor]:
    """Return predictive entropy and mutual information of images by name, ``(B,)`` each."""
    return {"entropy": classification.entropy(probs), "mutual_information": information}


def outside_images(spec: str, data_dir: str | None, shape: tuple[int, ...]) -> Tensor:
    """Return the test images of another set, those of its only part where it has one; 10,000 at random where more.

    Raises a UsageError where they do not have the run's ``shape``.
    """
    data = load(spec, data_dir)
    part = data.test or data.train
    if data.shape != shape:
        raise UsageError(f"--outside {spec}: images are {shape_text(data.shape)}, the run's {shape_text(shape)}")
    images = part.images
    if len(images) > OUTSIDE:
        images = images[np.sort(np.random.default_rng(0).permutation(len(images))[:OUTSIDE])]
    return torch.from_numpy(np.ascontiguousarray(images))


def measure_baselines(s: Subject) -> dict[str, Any]:
    """Measure scikit-learn's baselines on the same labels and test images."""
    how = {"n_real": len(s.test.images), "part": s.part, "split": s.split, "labels": len(s.data.labels)}
    return {"value": {name: fit(s.data, s.test) for name, fit in BASELINES.items()}, "protocol": how}


METRICS = {
    "error": of_probs(classification.error),
    "nll": of_probs(classification.nll),
    "brier": of_probs(classification.brier),
    "ece": of_probs(lambda probs, y: reliability(probs, y).ece),
    "risk": of_probs(risk),
    "outside": Metric(
        measure_outside, lambda s: s.classifies and s.outside is not None, "a run with labels, and --outside SPEC"
    ),
    "baselines": Metric(
        measure_baselines,
        # On the toys' separate clusters LabelSpreading's graph falls apart and scikit-learn divides by zero.
        lambda s: (
            s.classifies
            and isinstance(s.posterior.run.labels, int)
            and s.pictorial
            and len(np.unique(s.data.labels)) > 1
        ),
        "a run with --labels N on images, of two classes at least",
    ),
}
