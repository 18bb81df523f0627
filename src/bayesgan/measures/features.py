"""How far samples are from real images in a named space of features, and how well each covers the other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import Tensor

from bayesgan.measures.metric import Metric, generates_images, protocol
from bayesgan.metrics.coverage import coverage
from bayesgan.metrics.frechet import frechet_distance, moments
from bayesgan.metrics.inception import inception_score
from bayesgan.metrics.kernel import kernel_distance
from bayesgan.spaces import Space
from bayesgan.subject import Subject

SUBSETS, SIZE, SPLITS, NEIGHBOURS = 100, 1000, 10, 5
NEEDS = "a generator of images, and a data set with classes or --features FILE"


def in_space(s: Subject, part: str, **more: Any) -> tuple[Space, dict[str, Any]]:
    """Return the space and the protocol of a measurement in it."""
    space = s.space
    assert space is not None
    n_real = {"train": len(s.real_features("train")), "test": len(s.real_features("test"))}
    how = protocol(s, n_real["train"], s.n, part, space.name, resize=space.resize, n_other=n_real["test"])
    return space, how | more


def measure_frechet(s: Subject) -> dict[str, Any]:
    """Measure the Frechet distance of samples from training images, beside test from training images."""
    _, how = in_space(s, "train")
    train, test, fake = all_moments(s)
    return {"value": frechet_distance(train, fake), "real": frechet_distance(train, test), "protocol": how}


def all_moments(s: Subject) -> tuple[Any, Any, Any]:
    """Return moments of training images, test images and samples."""
    return moments(s.real_features("train")), moments(s.real_features("test")), moments(s.fake_features)


def measure_kernel(s: Subject) -> dict[str, Any]:
    """Measure the kernel distance as above: a mean over subsets, and its standard deviation."""
    train, test = s.real_features("train"), s.real_features("test")
    (value, sd), (real, real_sd) = (kernel_distance(train, x, SUBSETS, SIZE, s.seed) for x in (s.fake_features, test))
    how = in_space(s, "train", subsets=SUBSETS, subset_size=min(SIZE, len(train), len(test), s.n))[1]
    return {"value": value, "sd": sd, "real": real, "real_sd": real_sd, "protocol": how}


def measure_inception(s: Subject) -> dict[str, Any]:
    """Measure the inception score by the space's own classifier, beside that of test images."""
    space = s.space
    assert space is not None and space.classify is not None
    real = s.tested(s.n)[0]
    (value, sd), (of_real, _) = (score(space.classify(x)) for x in (s.samples, real))
    how = protocol(s, len(real), s.n, s.part, space.name, resize=space.resize, splits=splits(len(real)))
    return {"value": value, "sd": sd, "real": of_real, "protocol": how}


def score(probs: Tensor) -> tuple[float, float]:
    """Return the inception score of probabilities ``(N, Y)`` over ten splits, fewer where there are few images."""
    return inception_score(probs, splits(len(probs)))


def splits(count: int) -> int:
    """Return how many splits an inception score has."""
    return max(1, min(SPLITS, count // 100))


def measure_coverage(s: Subject) -> dict[str, Any]:
    """Measure precision, recall, density and coverage against training images, beside those of test images."""
    train, test = s.real_features("train"), s.real_features("test")
    value, real = (asdict(coverage(train, x, NEIGHBOURS)) for x in (s.fake_features, test))
    return {"value": value, "real": real, "protocol": in_space(s, "train", neighbours=NEIGHBOURS)[1]}


def enough(s: Subject) -> bool:
    """Return whether there is a space, and more images of each kind than neighbours."""
    fewest = min(s.n, len(s.test.images), len(s.data.images))
    return generates_images(s) and s.has_space and fewest > NEIGHBOURS


METRICS = {
    "inception": Metric(measure_inception, lambda s: enough(s) and s.space_classifies, NEEDS + " that classifies"),
    "frechet": Metric(measure_frechet, enough, NEEDS),
    "kernel": Metric(measure_kernel, enough, NEEDS),
    "coverage": Metric(measure_coverage, enough, NEEDS),
}
