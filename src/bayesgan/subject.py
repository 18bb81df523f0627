"""What is measured and shown: a posterior with its data, and what was computed of them so far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bayesgan.data.batches import to_float
from bayesgan.data.labels import Training, open_data
from bayesgan.data.readers import Part
from bayesgan.errors import UsageError
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import Reliability, reliability
from bayesgan.predict import Posterior
from bayesgan.store import Store

PartName = Literal["test", "validation"]


@dataclass(frozen=True)
class Subject:
    """What is measured: a posterior, its training view and the test images; ``n`` draws by ``seed``.

    Where ``part`` is validation, the validation images take the place of the test images everywhere.
    """

    posterior: Posterior
    data: Training
    test: Part
    n: int
    seed: int
    part: PartName = "test"

    @cached_property
    def y(self) -> Tensor:
        """The test images' classes, ``(B,)``."""
        return torch.from_numpy(self.test.labels)

    @cached_property
    def predicted(self) -> tuple[Tensor, Tensor]:
        """Probabilities ``(B, Y)`` of the test images, averaged over the bank, and mutual information ``(B,)``."""
        return classification.mutual_information(self.posterior.predict_each(torch.from_numpy(self.test.images)))

    @property
    def probs(self) -> Tensor:
        """Probabilities of the test images, ``(B, Y)``."""
        return self.predicted[0]

    @cached_property
    def reliability(self) -> Reliability:
        """The test images' reliability in 15 bins."""
        return reliability(self.probs, self.y)

    @cached_property
    def samples(self) -> Tensor:
        """``n`` draws from the posterior predictive."""
        return self.posterior.sample(self.n, self.seed)

    def draw(self, count: int) -> Tensor:
        """Return the first ``count`` draws from the posterior predictive, also where that is more than ``n``."""
        return self.samples[:count] if self.n >= count else self.posterior.sample(count, self.seed)

    def tested(self, count: int) -> tuple[Tensor, list[str] | None]:
        """Return at most ``count`` random test images ``(B, ...)`` in [-1, 1]; of a conditional run, their classes."""
        rng = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.test.images), generator=rng)[:count].numpy()
        x = to_float(torch.from_numpy(self.test.images[rows]))
        labels = self.test.labels if self.conditional else None
        return x, None if labels is None else [self.data.classes[number] for number in labels[rows]]

    @property
    def split(self) -> int | str:
        """What decided which images are which: a seed, or a file."""
        return self.posterior.run.split or self.posterior.run.label_seed

    @property
    def labelled(self) -> bool:
        """Whether the test images have classes."""
        return self.test.labels is not None

    @property
    def classifies(self) -> bool:
        """Whether there are class probabilities and true classes to compare."""
        return self.posterior.classifies and self.labelled

    @property
    def generates(self) -> bool:
        """Whether there is a generator."""
        return "generator" in self.posterior.run.players

    @property
    def conditional(self) -> bool:
        """Whether the networks are given the class."""
        return self.posterior.conditional

    @property
    def auto_encodes(self) -> bool:
        """Whether test images can be encoded and reconstructed."""
        axes = self.posterior.run.axes()
        paired = "encoder" in axes and axes["encoder"] == axes.get("generator")
        return paired and (self.labelled or not self.conditional)

    @property
    def pictorial(self) -> bool:
        """Whether the data are images, not points."""
        return len(self.data.shape) == 3


def open_subject(path: Path, n: int, seed: int, part: PartName = "test") -> Subject:
    """Load a run's posterior and data; of the parts that training does not see only the one that is asked for.

    Raises a DataError where the data are not those of the run's split, a UsageError where it has no such part.
    """
    posterior, store = Posterior.load(path), Store(path)
    prepared = open_data(posterior.run, path)
    prepared.split.check(store.json("split.json"))
    held = prepared.test if part == "test" else prepared.validation
    if held is None:
        raise UsageError(f"--part validation: {path} has no validation images; train with --validation N")
    return Subject(posterior, prepared.training, held.open(), n, seed, part)
