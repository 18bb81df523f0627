"""What others published, as data: the numbers that stand beside ours, with their sources."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    """A published number and its spread, two standard deviations over label subsets; None where it has none."""

    mean: float
    spread: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:,g}" if self.spread is None else f"{self.mean:,g} +- {self.spread:g}"


PAPER = "Saatchi and Wilson 2017 (arXiv 1705.09558), table 1: mean +- 2 sd over 10 label subsets"
SYSTEMS = ("supervised", "dcgan", "w_dcgan", "dcgan_10", "bayesgan")
COUNTED = ("mnist", "fashion-mnist")  # sets whose errors are counted; those of others are in percent of test images

# set -> number of labels -> (mean, spread) of SYSTEMS in their order
TABLE: dict[str, dict[int, tuple[tuple[float, float] | None, ...]]] = {
    "mnist": {
        20: (None, (1823, 412), (1687, 387), (1087, 564), (997, 348)),
        50: (None, (453, 110), (490, 170), (189, 103), (154, 89)),
        100: ((2134, 525), (128, 11), (156, 17), (97, 8.2), (89, 3.4)),
        200: ((1389, 438), (95, 3.2), (91, 5.2), (78, 2.8), (79, 1.4)),
    },
    "cifar10": {
        1000: ((63.4, 2.6), (58.2, 2.8), (57.1, 2.4), (31.1, 2.5), (29.7, 3.2)),
        2000: ((56.1, 2.1), (47.5, 4.1), (49.8, 3.1), (29.2, 1.2), (25.4, 4.3)),
        4000: ((51.4, 2.9), (40.1, 3.3), (38.1, 2.9), (27.4, 3.2), (22.8, 2.4)),
        8000: ((47.2, 2.2), (29.3, 2.8), (27.4, 2.5), (25.5, 2.4), (20.9, 1.8)),
    },
    "svhn": {
        500: ((53.5, 2.5), (31.2, 1.8), (29.4, 1.8), (27.1, 2.2), (26.7, 2.8)),
        1000: ((37.3, 3.1), (25.5, 3.3), (25.1, 2.6), (18.3, 1.7), (14.1, 2.3)),
        2000: ((26.3, 2.1), (22.4, 1.8), (23.3, 1.2), (16.7, 1.8), (14.0, 1.4)),
        4000: ((20.8, 1.8), (20.4, 1.2), (19.4, 0.9), (14.0, 1.4), (9.8, 1.1)),
    },
    "celeba-50": {
        1000: ((53.8, 4.2), (52.3, 4.2), (51.2, 5.4), (47.3, 3.5), (43.9, 2.9)),
        2000: ((36.7, 3.2), (37.8, 3.4), (39.6, 3.5), (31.2, 1.8), (30.8, 2.3)),
        4000: ((34.3, 3.8), (31.5, 3.2), (30.1, 2.8), (29.3, 1.5), (25.4, 1.3)),
        8000: ((31.1, 4.2), (29.5, 2.8), (27.6, 4.2), (26.4, 1.1), (22.3, 1.8)),
    },
}

# name with its source -> (set, number of labels) -> number
OTHERS: dict[str, dict[tuple[str, int], Number]] = {
    "feature matching (Salimans et al. 2016, arXiv 1606.03498)": {
        ("mnist", 100): Number(93, 6.5),
        ("cifar10", 1000): Number(21.83),
        ("cifar10", 4000): Number(18.63),
        ("svhn", 1000): Number(8.11),
    },
    "BadGAN (Dai et al. 2017, arXiv 1705.09783)": {
        ("mnist", 100): Number(79.5, 9.8),
        ("cifar10", 4000): Number(14.41),
        ("svhn", 1000): Number(4.25),
    },
    "FixMatch, no GAN (Sohn et al. 2020, arXiv 2001.07685)": {
        ("cifar10", 4000): Number(4.29),
        ("svhn", 1000): Number(2.00),
    },
}


def labels_of(data: str) -> tuple[int, ...]:
    """Return the numbers of labels that the paper's table has for a set; none for a set that it has not."""
    return tuple(TABLE.get(data, {}))


def paper(data: str, labels: int, system: str) -> Number | None:
    """Return the paper's number of one system, or None."""
    row = TABLE.get(data, {}).get(labels)
    found = row[SYSTEMS.index(system)] if row and system in SYSTEMS else None
    return Number(*found) if found else None


def others(data: str, labels: int) -> dict[str, Number]:
    """Return what else was published for a set and a number of labels, by name."""
    return {name: numbers[data, labels] for name, numbers in OTHERS.items() if (data, labels) in numbers}
