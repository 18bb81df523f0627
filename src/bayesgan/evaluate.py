"""From a run folder to evaluation.json: every number with its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bayesgan.errors import UsageError, nearest
from bayesgan.files import write_json
from bayesgan.measures import METRICS
from bayesgan.measures.features import METRICS as OF_FEATURES
from bayesgan.measures.metric import generates_images
from bayesgan.memory import fits_memory
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import Reliability
from bayesgan.progress import Progress
from bayesgan.store import Store
from bayesgan.subject import PartName, Subject, open_subject

MOST_UNCERTAIN = 24
SAMPLES = 2500


def evaluate(
    path: str | Path,
    metrics: Sequence[str] | None = None,
    n: int = SAMPLES,
    seed: int = 0,
    progress: bool = False,
    part: PartName = "test",
    features: Path | None = None,
    outside: str | None = None,
) -> dict[str, Any]:
    """Measure a run on its test images and write ``evaluation.json``, or on those of another part.

    Args:
        path: a run folder. metrics: names from ``METRICS``; all that apply where None.
        n: how many samples to draw for what is measured on samples. seed: of the draws. progress: show a bar.
        features: a TorchScript file whose outputs are the feature space; a classifier of the data set where None.
        outside: another data set, which the run should not be sure about.
        part: validation writes ``evaluation-validation.json`` instead; the test images are not read then.

    Returns:
        the content of the file.

    Raises:
        UsageError: an unknown metric, or one that needs what the run does not have; or there is no such part.
    """
    if n < 2:
        raise UsageError(f"-n {n}: at least 2 samples are needed")
    subject = open_subject(Path(path), n, seed, part, features, outside)
    fits_memory(subject)
    names = chosen(subject, metrics)
    flags_apply(subject, names)
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
    write_json(store.path / file_name(part), result)
    return result


def flags_apply(s: Subject, names: Sequence[str]) -> None:
    """Raise a UsageError for a flag that would change nothing, a DataError for a file that is no feature space."""
    if s.outside is not None and not METRICS["outside"].applies(s):
        raise UsageError(f"--outside {s.outside}: metric 'outside' needs {METRICS['outside'].needs}")
    if s.features is not None and not (generates_images(s) and s.space):
        raise UsageError(f"--features {s.features}: features need a generator of images")
    for flag, value, readers in (("--outside", s.outside, ["outside"]), ("--features", s.features, [*OF_FEATURES])):
        if value is not None and not {*readers} & {*names}:
            raise UsageError(f"{flag} {value}: no metric asked for reads it; add {' or '.join(readers)}")


def complete(path: Path, progress: bool = False) -> dict[str, Any]:
    """Return a run's evaluation; what is missing of it, or was measured on another bank, is measured first."""
    subject = open_subject(path, SAMPLES, seed=0)
    missing = [name for name in chosen(subject, None) if name not in earlier(Store(path), subject)]
    return evaluate(path, missing, progress=progress) if missing else Store(path).json("evaluation.json")


def chosen(subject: Subject, names: Sequence[str] | None) -> list[str]:
    """Return the metrics to measure; see :func:`evaluate` for what it raises."""
    for name in names or ():
        if name not in METRICS:
            raise UsageError(f"unknown metric {name!r}; {nearest(name, METRICS)}")
        if not METRICS[name].applies(subject):
            raise UsageError(f"metric {name!r} needs {METRICS[name].needs}")
    return list(names or (name for name, metric in METRICS.items() if metric.applies(subject)))


def file_name(part: PartName) -> str:
    """Return the file of the run folder that holds the evaluation of a part."""
    return "evaluation.json" if part == "test" else f"evaluation-{part}.json"


def earlier(store: Store, subject: Subject) -> dict[str, Any]:
    """Return what an earlier evaluation of the same bank measured, by whatever n, seed and space: its protocols say."""
    name = file_name(subject.part)
    if not (store.path / name).exists():
        return {}
    before = store.json(name, "metrics", "bank")
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
