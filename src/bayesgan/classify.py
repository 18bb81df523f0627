"""Classify a user's own images with a posterior, into a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch

from bayesgan.data.folders import image_names
from bayesgan.data.sets import SETS
from bayesgan.data.sets import load as load_data
from bayesgan.files import ESCAPED, atomic
from bayesgan.metrics.classification import entropy, mutual_information
from bayesgan.predict import Posterior

COLUMNS = ("image", "class", "probability", "predictive_entropy", "mutual_information")


def predict_files(path: Path, images: str, out: Path) -> int:
    """Write one row per image: class, probability, predictive entropy and mutual information in nats.

    Where the run has a discriminator that was trained on fakes, a last column says P(real), or its mean score where
    that is no probability: of images unlike the training images it is low, also where the class seems certain.

    Args:
        path: a run folder. images: an image, a folder, a zip or an npz. out: the CSV file.

    Returns:
        the number of images.
    """
    posterior = Posterior.load(path)
    data = load_data(images, posterior.run.data_dir)
    x = torch.from_numpy(np.concatenate([part.images for part in (data.train, data.test) if part]))
    names = [] if images in SETS else image_names(Path(images).expanduser())
    names = names or [str(i) for i in range(len(x))]
    mean, information = mutual_information(posterior.predict_each(x))
    columns, numbers = list(COLUMNS), [mean.max(1).values, entropy(mean), information]
    if posterior.judges:
        columns, numbers = [*columns, "realness"], [*numbers, posterior.realness(x)]
    with atomic(out) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for name, guess, *row in zip(names, mean.argmax(1), *numbers, strict=True):
            writer.writerow([name, posterior.classes[int(guess)], *(f"{number:.6f}" for number in row)])
    return len(x)
