"""What is measured and shown: a posterior with its data, and what was computed of them so far."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bayesgan import spaces
from bayesgan.data.batches import to_float
from bayesgan.data.labels import Held, Training, open_data
from bayesgan.data.readers import Part
from bayesgan.data.splits import check_data
from bayesgan.errors import UsageError
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import Reliability, reliability
from bayesgan.predict import Posterior
from bayesgan.spaces import Space
from bayesgan.store import Store

PartName = Literal["test", "validation"]


@dataclass(frozen=True)
class Subject:
    """What is measured: a posterior, its training view and the test images; ``n`` draws by ``seed``.

    Where ``part`` is validation, the validation images take the place of the test images everywhere; else
    ``validation`` holds them, unopened, where the run has any. ``known``: training images whose class the data set
    knows, where there are two classes at least. ``features``: a file with a feature space. ``outside``: another data
    set. ``folder``: that of the run.
    """

    posterior: Posterior
    data: Training
    test: Part
    n: int
    seed: int
    part: PartName = "test"
    validation: Held | None = None
    known: Held | None = None
    features: Path | None = None
    outside: str | None = None
    folder: Path = Path()

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

    def halves(self, count: int) -> tuple[Tensor, Tensor, str]:
        """Return images to learn from and others to be asked about, at most ``count`` in all, and where they are from.

        The first are the run's validation images; where it has none, half of the test images.
        """
        if self.validation is None:
            learnt, asked = self.tested(count)[0].tensor_split(2)
            return learnt, asked, f"{self.part}, halved"
        images, rng = self.validation.open().images, torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(images), generator=rng)[: count // 2].numpy()
        learnt = to_float(torch.from_numpy(images[rows]))
        return learnt, self.tested(count // 2)[0], f"validation, {self.part}"

    @cached_property
    def space(self) -> Space | None:
        """The feature space: the file's, else a classifier of the data set; None where there is neither."""
        if self.features is None:
            return self.data_space
        return spaces.of_file(self.features, self.data.shape, self.posterior.device)

    @cached_property
    def data_space(self) -> Space | None:
        """The space of a classifier of the data set; None where no classes are known."""
        if not self.pictorial or not self.known:
            return None
        data, place = self.data, self.posterior.device
        return spaces.of_data(self.known, self.test, data.name, len(data.classes), self.folder, place)

    @property
    def has_space(self) -> bool:
        """Whether there is a feature space of images."""
        return self.pictorial and (self.features is not None or bool(self.known))

    @property
    def space_classifies(self) -> bool:
        """Whether the feature space gives class probabilities; a file is asked."""
        if self.features is None:
            return self.has_space
        return self.space is not None and self.space.classify is not None

    @cached_property
    def fake_features(self) -> Tensor:
        """Features of the samples, ``(n, F)``."""
        assert self.space is not None
        return self.space.features(self.samples)

    @cached_property
    def real_features(self) -> tuple[Tensor, Tensor]:
        """Features of at most ``n`` random training images and as many test images, kept beside the data."""
        assert self.space is not None
        space, found = self.space, []
        for images in (self.data.images, self.test.images):
            order = torch.randperm(len(images), generator=torch.Generator().manual_seed(self.seed))[: self.n]
            found.append(spaces.remembered(space, images, order))
        return found[0], found[1]

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


def open_subject(
    path: Path, n: int, seed: int, part: PartName = "test", features: Path | None = None, outside: str | None = None
) -> Subject:
    """Load a run's posterior and data; the test images are not read where another part is asked for.

    Raises a DataError where the data are not those of the run's split, a UsageError where it has no such part.
    """
    posterior, store = Posterior.load(path), Store(path)
    prepared = open_data(posterior.run, path)
    prepared.split.check(store.json("split.json"))
    training = prepared.training
    check_data(store.json("env.json", "data"), {"shape": training.shape, "classes": training.classes})
    held = prepared.test if part == "test" else prepared.validation
    if held is None:
        raise UsageError(f"--part validation: {path} has no validation images; train with --validation N")
    validation = prepared.validation if part == "test" else None
    known = prepared.known if len(prepared.known) and len(training.classes) > 1 else None
    return Subject(
        posterior, prepared.training, held.open(), n, seed, part, validation, known, features, outside, Path(path)
    )
