"""What no neural network would be needed for: scikit-learn's baselines on the same labels."""

from __future__ import annotations

import warnings

import numpy as np

from bayesgan.data.labels import Training
from bayesgan.data.readers import Part

LARGEST_GRAPH = 10_000
# How much of a label comes from neighbours in each round: chosen on images set aside. Scikit-learn's own 0.2 hardly
# reaches images that are far from every label, when these are few.
ALPHA = 0.8


def logistic_regression(data: Training, test: Part) -> float:
    """Return the test error in percent of logistic regression on the labelled images alone."""
    from sklearn.linear_model import LogisticRegression

    x, test_x = features(data.images[data.labelled]), features(test.images)
    return percent_wrong(LogisticRegression(max_iter=2000).fit(x, data.labels).predict(test_x), test)


def label_spreading(data: Training, test: Part) -> float:
    """Return the test error in percent of LabelSpreading over a graph of 7 nearest neighbours, or all.

    The graph holds the labelled images and as many others, drawn at random, as 10,000 allow.
    """
    from sklearn.semi_supervised import LabelSpreading

    others = np.setdiff1d(np.arange(len(data.images)), data.labelled)
    others = np.random.default_rng(0).permutation(others)[: max(0, LARGEST_GRAPH - len(data.labelled))]
    rows = np.concatenate([data.labelled, others])
    y = np.concatenate([data.labels, np.full(len(rows) - len(data.labels), -1)])
    with warnings.catch_warnings():
        # Images that no label reaches through the graph have no probabilities; scikit-learn divides 0 by 0 there.
        warnings.simplefilter("ignore", RuntimeWarning)
        model = LabelSpreading(kernel="knn", n_neighbors=min(7, len(rows)), alpha=ALPHA, max_iter=200)
        guess = model.fit(features(data.images[rows]), y).predict(features(test.images))
        return percent_wrong(guess, test)


BASELINES = {"logistic regression": logistic_regression, "LabelSpreading": label_spreading}


def features(images: np.ndarray) -> np.ndarray:
    """Return images as rows of numbers in [0, 1]; points as they are."""
    rows = images.reshape(len(images), -1)
    return rows / np.float32(255) if images.dtype == np.uint8 else rows


def percent_wrong(guess: np.ndarray, test: Part) -> float:
    """Return the share of wrong guesses in percent."""
    return float(100 * np.mean(guess != test.labels))
