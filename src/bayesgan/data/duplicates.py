"""Images that occur twice: exactly, or so nearly that one is a copy of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesgan.data.inspect import Item

NEAR = 3.0  # grey levels of 255, root mean square over 16 x 16 areas. No two digits of MNIST are closer than 3.5
NEIGHBOURS, COMPONENTS = 6, 8


def exact(items: Sequence[Item]) -> list[list[int]]:
    """Return groups of two or more images of the same shape and pixels, by number."""
    groups: dict[bytes, list[int]] = {}
    for number, item in enumerate(items):
        groups.setdefault(item.digest, []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def contradictions(items: Sequence[Item], groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the groups of equal images that carry different labels."""
    return [list(g) for g in groups if len({items[i].label for i in g if items[i].label is not None}) > 1]


def near(items: Sequence[Item]) -> list[tuple[int, int]]:
    """Return pairs of images, not equal ones, whose small grey copies differ by less than ``NEAR``.

    Every image comes with the closest of its neighbours, so that a large cluster does not give all of its pairs.

    Neighbours are looked for among the first principal components, where a distance is never larger than in full.
    Recoloured, re-encoded and resized copies are found; shifted and mirrored ones are not.
    """
    from scipy.spatial import cKDTree

    first: dict[bytes, int] = {}
    for number, item in enumerate(items):
        first.setdefault(item.digest, number)
    numbers = np.array(list(first.values()))
    if len(numbers) < 2:
        return []
    thumbs = np.stack([items[number].thumb for number in numbers])
    places, reach = _principal(thumbs), NEAR * thumbs.shape[1] ** 0.5
    count = min(NEIGHBOURS, len(numbers))
    _, found = cKDTree(places).query(places, k=range(1, count + 1), distance_upper_bound=reach)
    pairs: set[tuple[int, int]] = set()
    for i, others in enumerate(found):
        others = others[(others < len(numbers)) & (others != i)]
        gaps = np.sqrt(((thumbs[others] - thumbs[i]) ** 2).mean(1))
        if len(gaps) and gaps.min() < NEAR:
            a, b = sorted((int(numbers[i]), int(numbers[others[gaps.argmin()]])))
            pairs.add((a, b))
    return sorted(pairs)


def _principal(thumbs: np.ndarray) -> np.ndarray:
    """Return small copies (N, D) in the directions in which they vary most, (N, 8)."""
    centred = thumbs - thumbs.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    places: np.ndarray = centred @ directions[:, -COMPONENTS:]
    return places


def across(items: Sequence[Item], groups: Sequence[Sequence[int]]) -> int:
    """Return how many of the groups have images of both parts."""
    return sum(len({items[i].test for i in group}) == 2 for group in groups)
