"""The baseline beside the cells: scikit-learn's LabelSpreading on the same splits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bayesgan.baselines import label_spreading
from bayesgan.machine import machine
from bayesgan.reproduce.cells import Row, Terms, digest

SPREADING = "label_spreading"


@dataclass(frozen=True)
class Spreading:
    """scikit-learn's LabelSpreading on the split of the cells with the same labels and seed."""

    terms: Terms
    labels: int
    seed: int

    @property
    def named(self) -> Row:
        """See :class:`Job`; it has no columns."""
        return {"system": SPREADING, "labels": self.labels, "seed": self.seed}

    @property
    def settings(self) -> str:
        """See :class:`Job`."""
        return digest([self.named, self.terms.data, self.terms.validation])

    @property
    def folder(self) -> str:
        """See :class:`Job`."""
        return self.settings

    @property
    def cost(self) -> int:
        """See :class:`Job`."""
        return 0

    def work(self, folder: Path) -> Row:
        """Fit, predict, and count errors."""
        start, prepared = time.perf_counter(), self.terms.prepared(self.labels, self.seed)
        asked = prepared.validation or prepared.test
        error = round(label_spreading(prepared.training, asked.open()), 6)
        row = {
            "failed": None,
            "device": machine()["cpu"],
            "images": len(asked),
            "errors": round(error * len(asked) / 100),
            "error": error,
        }
        return row | {"minutes": round((time.perf_counter() - start) / 60, 3)}
