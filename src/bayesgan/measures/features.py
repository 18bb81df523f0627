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
from bayesgan.subject import Subject

SUBSETS, SIZE, SPLITS, NEIGHBOURS = 100, 1000, 10, 5
NEEDS = "a generator of images, and a data set with two classes at least or --features FILE"


def in_space(s: Subject, train: int, held_out: int, fake: int, **more: Any) -> dict[str, Any]:
    """Return the protocol of a measurement in the space, with so many images of each kind."""
    space = s.space
    assert space is not None
    how = protocol(s, train, fake, "train", space.name, resize=space.resize)
    return how | {"n_held_out": held_out} | more


def equally_many(s: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Return features of training images, test images and samples, ``(m, F)`` each.

    Distances and coverage depend on how many there are: a value of more samples than test images would not be
    comparable with that of the test images.
    """
    train, test = s.real_features
    fewest = min(len(train), len(test), s.n)
    return train[:fewest], test[:fewest], s.fake_features[:fewest]


def measure_frechet(s: Subject) -> dict[str, Any]:
    """Measure the Frechet distance of samples from training images, beside test from training images."""
    sets = equally_many(s)
    train, test, fake = (moments(features) for features in sets)
    how = in_space(s, *map(len, sets))
    return {"value": frechet_distance(train, fake), "real": frechet_distance(train, test), "protocol": how}


def measure_kernel(s: Subject) -> dict[str, Any]:
    """Measure the kernel distance as above: a mean over subsets, and its standard deviation."""
    train, test = s.real_features
    # At most half of the images: subsets that hold all of them would not differ.
    size = min(SIZE, min(len(train), len(test), s.n) // 2)
    (value, sd), (real, real_sd) = (kernel_distance(train, x, SUBSETS, size, s.seed) for x in (s.fake_features, test))
    how = in_space(s, len(train), len(test), s.n, subsets=SUBSETS, subset_size=size)
    return {"value": value, "sd": sd, "real": real, "real_sd": real_sd, "protocol": how}


def measure_inception(s: Subject) -> dict[str, Any]:
    """Measure the inception score by the space's own classifier, beside that of test images."""
    space = s.space
    assert space is not None and space.classify is not None
    real = s.tested(s.n)[0]
    # The score grows with the images of a split: those of real images are of the same size, or as large as can be.
    splits = max(1, min(SPLITS, s.n // 100))
    real_splits = max(1, min(splits, len(real) * splits // s.n))
    value, sd = inception_score(space.classify(s.samples), splits)
    of_real, _ = inception_score(space.classify(real), real_splits)
    how = protocol(s, len(real), s.n, s.part, space.name, resize=space.resize, splits=splits, real_splits=real_splits)
    return {"value": value, "sd": sd, "real": of_real, "protocol": how}


def measure_coverage(s: Subject) -> dict[str, Any]:
    """Measure precision, recall, density and coverage against training images, beside those of test images."""
    train, test, fake = equally_many(s)
    value, real = (asdict(coverage(train, x, NEIGHBOURS)) for x in (fake, test))
    how = in_space(s, len(train), len(test), len(fake), neighbours=NEIGHBOURS)
    return {"value": value, "real": real, "protocol": how}


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
