"""From a run folder to evaluation.json: every number with its protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bayesgan.baselines import BASELINES
from bayesgan.data.batches import to_float
from bayesgan.data.labels import Training, prepare
from bayesgan.data.readers import Part
from bayesgan.data.sets import load as load_data
from bayesgan.data.toy import CENTRES, STD, centres
from bayesgan.errors import UsageError, nearest
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import Reliability, reliability
from bayesgan.metrics.diversity import BATCH, BATCHES, diversity
from bayesgan.metrics.modes import modes_found
from bayesgan.predict import Posterior
from bayesgan.progress import Progress
from bayesgan.store import Store, write_json

MOST_UNCERTAIN = 24
SAMPLES = 2500


@dataclass(frozen=True)
class Subject:
    """What is measured: a posterior, its training view and the test images, and what was computed of them so far."""

    posterior: Posterior
    data: Training
    test: Part
    n: int
    seed: int

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

    @property
    def classifies(self) -> bool:
        """Whether there are class probabilities and true classes to compare."""
        return self.posterior.classifies and self.test.labels is not None

    @property
    def generates(self) -> bool:
        """Whether there is a generator."""
        return "generator" in self.posterior.run.players


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
    """Return on how many test images, of which split, with how many networks a prediction was measured."""
    members = len(s.posterior.bank) * s.posterior.chains("discriminator")
    return {"n_real": len(s.test.images), "split": s.posterior.run.label_seed, "networks": members}


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
    fake = s.samples if len(s.samples) >= count else s.posterior.sample(count, s.seed)
    how = {"n_real": len(real), "n_fake": count, "split": "train", "space": "pixels", "seed": s.seed}
    return {"value": diversity(fake), "real": diversity(real), "protocol": how}


def measure_baselines(s: Subject) -> dict[str, Any]:
    """Measure scikit-learn's baselines on the same labels and test images."""
    how = {"n_real": len(s.test.images), "split": s.posterior.run.label_seed, "labels": len(s.data.labels)}
    return {"value": {name: fit(s.data, s.test) for name, fit in BASELINES.items()}, "protocol": how}


METRICS: dict[str, Metric] = {
    "error": of_probs(classification.error),
    "nll": of_probs(classification.nll),
    "brier": of_probs(classification.brier),
    "ece": of_probs(lambda probs, y: reliability(probs, y).ece),
    "modes": Metric(measure_modes, lambda s: s.generates and s.data.name in CENTRES, "a generator of ring or grid"),
    "diversity": Metric(measure_diversity, lambda s: s.generates and len(s.data.shape) == 3, "a generator of images"),
    "baselines": Metric(
        measure_baselines,
        # On the toys' separate clusters LabelSpreading's graph falls apart and scikit-learn divides by zero.
        lambda s: s.classifies and isinstance(s.posterior.run.labels, int) and len(s.data.shape) == 3,
        "a run with --labels N on images",
    ),
}


def evaluate(
    path: str | Path, metrics: Sequence[str] | None = None, n: int = SAMPLES, seed: int = 0, progress: bool = False
) -> dict[str, Any]:
    """Measure a run on the test images and write ``evaluation.json``.

    Args:
        path: a run folder. metrics: names from ``METRICS``; all that apply where None.
        n: how many samples to draw for what is measured on samples. seed: of the draws. progress: show a bar.

    Returns:
        the content of evaluation.json.

    Raises:
        UsageError: an unknown metric, or one that needs what the run does not have.
    """
    if n < 2:
        raise UsageError(f"-n {n}: at least 2 samples are needed")
    subject = open_subject(Path(path), n, seed)
    names = chosen(subject, metrics)
    values = {}
    with Progress("evaluating", 0, len(names), progress) as bar:
        for name in names:
            values[name] = METRICS[name].measure(subject)
            bar.advance()
    store = Store(Path(path))
    result = {"system": subject.posterior.run.system, "data": subject.data.name, "labels": len(subject.data.labels)}
    result |= {"bank": len(subject.posterior.bank), "metrics": earlier(store, subject) | values}
    if subject.classifies:
        result |= {"reliability": bins(subject.reliability), "most_uncertain": most_uncertain(subject)}
    write_json(store.path / "evaluation.json", result)
    return result


def complete(path: Path, progress: bool = False) -> dict[str, Any]:
    """Return a run's evaluation; what is missing of it, or was measured on another bank, is measured first."""
    subject = open_subject(path, SAMPLES, seed=0)
    missing = [name for name in chosen(subject, None) if name not in earlier(Store(path), subject)]
    return evaluate(path, missing, progress=progress) if missing else Store(path).json("evaluation.json")


def open_subject(path: Path, n: int, seed: int) -> Subject:
    """Load a run's posterior and data; raises a DataError where the data are not those of its split."""
    posterior, store = Posterior.load(path), Store(path)
    run = posterior.run
    data, test, split = prepare(load_data(run.data, run.data_dir), run.labels, run.label_seed)
    split.check(store.json("split.json"))
    return Subject(posterior, data, test, n, seed)


def chosen(subject: Subject, names: Sequence[str] | None) -> list[str]:
    """Return the metrics to measure; see :func:`evaluate` for what it raises."""
    for name in names or ():
        if name not in METRICS:
            raise UsageError(f"unknown metric {name!r}; {nearest(name, METRICS)}")
        if not METRICS[name].applies(subject):
            raise UsageError(f"metric {name!r} needs {METRICS[name].needs}")
    return list(names or (name for name, metric in METRICS.items() if metric.applies(subject)))


def earlier(store: Store, subject: Subject) -> dict[str, Any]:
    """Return what an earlier evaluation of the same bank measured."""
    if not (store.path / "evaluation.json").exists():
        return {}
    before = store.json("evaluation.json", "metrics", "bank")
    return dict(before["metrics"]) if before["bank"] == len(subject.posterior.bank) else {}


def bins(r: Reliability) -> dict[str, list[float]]:
    """Return reliability bins as plain lists."""
    return {"count": r.count.tolist(), "confidence": r.confidence.tolist(), "accuracy": r.accuracy.tolist()}


def most_uncertain(s: Subject) -> list[dict[str, Any]]:
    """Return the test images with the highest predictive entropy, most uncertain first."""
    probs, information = s.predicted
    doubt = classification.entropy(probs)
    rows = []
    for i in doubt.argsort(descending=True)[:MOST_UNCERTAIN].tolist():
        guess = int(probs[i].argmax())
        row = {"index": i, "guess": s.data.classes[guess], "truth": s.data.classes[int(s.y[i])]}
        row |= {"probability": probs[i, guess].item(), "entropy": doubt[i].item()}
        rows.append(row | {"mutual_information": information[i].item()})
    return rows
