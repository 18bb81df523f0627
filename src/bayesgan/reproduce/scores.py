"""What is measured of a trained run, in one pass over the images: of its whole bank, and of its last weight sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bayesgan.measures.classes import outside_images
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import reliability
from bayesgan.metrics.detection import auroc
from bayesgan.subject import PartName, open_subject


def part(validation: int) -> PartName:
    """Return which part is measured on: validation images where some are set aside, else the test images."""
    return "validation" if validation else "test"


def measured(folder: Path, where: PartName, outside: str | None) -> dict[str, Any]:
    """Measure a run folder.

    Returns:
        ``errors`` (a count), ``error`` (percent), ``nll``, ``ece`` of probabilities averaged over the bank;
        ``last_errors``, ``last_error``, ``last_nll`` of the last weight sample, averaged over its particles;
        ``auroc_NAME`` of predictive entropy against the images of the set ``outside``, ``auroc_fake_NAME`` of P(fake)
        where the run has it; ``images``, ``networks``.
    """
    s = open_subject(folder, 0, 0, where, outside=outside)
    members_SBY = torch.stack([*s.posterior.predict_each(torch.from_numpy(s.test.images))])
    bank_BY = members_SBY.mean(0)
    last_BY = members_SBY[-s.posterior.chains("discriminator") :].mean(0)
    row = {"images": len(s.y), "networks": len(members_SBY), **scores(bank_BY, s.y)}
    row |= {f"last_{name}": value for name, value in scores(last_BY, s.y).items() if name != "ece"}
    if outside is not None:
        x = outside_images(outside, s.posterior.run.data_dir, s.data.shape)
        doubts = (classification.entropy(probs) for probs in (bank_BY, s.posterior.predict_proba(x)))
        row[auroc_of(outside)] = auroc(*doubts)
        if s.posterior.judges:
            fake = (-s.posterior.realness(images) for images in (torch.from_numpy(s.test.images), x))
            row[auroc_of(outside, "auroc_fake")] = auroc(*fake)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}


def scores(probs: Tensor, y: Tensor) -> dict[str, float]:
    """Return the numbers of probabilities ``(B, Y)`` of images of the classes ``y (B,)``."""
    wrong = int((probs.argmax(1) != y).sum())
    found = {"error": classification.error(probs, y), "nll": classification.nll(probs, y)}
    return {"errors": wrong, **found, "ece": reliability(probs, y).ece}


def auroc_of(outside: str, score: str = "auroc") -> str:
    """Return the name of the number that a set outside gives: ``auroc_fashion`` of fashion-mnist."""
    return f"{score}_{Path(outside).stem.partition('-')[0]}"
