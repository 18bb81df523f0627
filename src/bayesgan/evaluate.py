"""From a run folder to evaluation.json: every number with its protocol."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bayesgan.errors import UsageError, nearest
from bayesgan.measures import METRICS
from bayesgan.metrics import classification
from bayesgan.metrics.calibration import Reliability
from bayesgan.progress import Progress
from bayesgan.store import Store, write_json
from bayesgan.subject import PartName, Subject, open_subject

MOST_UNCERTAIN = 24
SAMPLES = 2500
COPIES = 4  # of the samples in memory at once, float32: themselves, moved, in float64


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


def fits_memory(s: Subject) -> None:
    """Raise a UsageError where samples and what is computed of them need more than three quarters of the memory."""
    each = COPIES * 4 * math.prod(s.data.shape)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system says
        return
    if s.generates and s.n > (most := int(0.75 * memory) // each):
        raise UsageError(f"-n {s.n}: the memory of this machine, {memory / 2**30:.0f} GiB, holds {most} at most")


def lines(result: dict[str, Any]) -> Iterator[str]:
    """Yield a line per number of an evaluation: name, value, what to hold it against, protocol."""
    for name, entry in result["metrics"].items():
        terms = ", ".join(f"{k}={v}" for k, v in entry["protocol"].items())
        values = entry["value"] if isinstance(entry["value"], dict) else {name: entry["value"]}
        for key, value in values.items():
            others = {k: v.get(key) if isinstance(v, dict) else v for k, v in entry.items() if k == "real"}
            others |= {k: v for k, v in entry.items() if k not in ("value", "protocol", *others)}
            beside = ", ".join(f"{k} {plain(v)}" for k, v in others.items() if not isinstance(v, dict))
            title = key if key == name or name in ("risk", "coverage", "baselines") else f"{name} {key}"
            yield f"{title:26s} {plain(value):<8} {beside:24s} [{terms}]"


def plain(value: Any) -> str:
    """Return a number with four decimals, anything else as it is."""
    return str(round(value, 4) if isinstance(value, float) else value)


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
    """Return what an earlier evaluation of the same bank measured."""
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
