"""What a reproduction is asked for: the flags as they were given, and what lists of them mean."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bayesgan.errors import UsageError, nearest
from bayesgan.whole import MaybeWhole, Whole

Switch = Annotated[bool, Parameter(negative="")]


@Parameter(name="*")  # flags of the command itself, not --options.data
@dataclass(frozen=True)
class Options:
    """The flags of ``bayesgan reproduce`` as they were given, None where they were not.

    Args:
        data: A data set with labels, as for train.
        labels: Comma-separated numbers of labels; those of the paper's table if left out.
        seeds: Of label subsets, weights and noise, such as 0-9 or 0,3,5.
        systems: Comma-separated of supervised, dcgan, w_dcgan, dcgan_10, bayesgan; or all.
        columns: published takes the papers' settings, best what this package recommends; or all.
        ablations: Of the best Bayesian GAN: without_generators, without_consistency, without_augmentation,
            zero_temperature, discriminators_1, discriminators_2, discriminators_4, four_starts,
            float32; or all, or none.
        steps: Iterations of every run; burn-in and thinning scale along.
        validation: Set so many training images aside and measure on them; the test images are not opened.
        outside: Another set of the same size, which a run should not be sure of; of mnist fashion-mnist, or none.
        jobs: Runs at a time, each a process of one thread.
        out: The folder of finished rows and of the table; by default runs/reproduce/NAME-DATA.
        data_dir: Where named sets lie; else $BAYESGAN_DATA, else ./data.
        device: Where to compute.
        add: An earlier result file, whose rows with these settings are taken over.
        result: Write the result here too, and .md and .png beside it.
        keep: Keep the run folders of finished cells.
        collect: Run nothing, and make the table of what is finished.
    """

    data: str = "mnist"
    labels: str | None = None
    seeds: str = "0-9"
    systems: str = "all"
    columns: str = "all"
    ablations: str = "none"
    steps: MaybeWhole = None
    validation: Whole = 0
    outside: str | None = None
    jobs: Whole = 1
    out: Path | None = None
    data_dir: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    add: Path | None = None
    result: Path | None = None
    keep: Switch = False
    collect: Switch = False


def names(flag: str, text: str, choices: Collection[str]) -> tuple[str, ...]:
    """Return a comma-separated list of ``choices`` in their order; ``all`` and ``none`` are lists too.

    Raises a UsageError that names the nearest choice.
    """
    given = [*choices] if text == "all" else [] if text == "none" else [name.strip() for name in text.split(",")]
    if unknown := [name for name in given if name not in choices]:
        raise UsageError(f"--{flag}: unknown {unknown[0]!r}; {nearest(unknown[0], [*choices, 'all'])}")
    return tuple(name for name in choices if name in given)


def numbers(flag: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers of ``0-9``, ``0,3,5`` or ``0-2,7``, each once and in order.

    Raises a UsageError for anything else.
    """
    found: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise UsageError(f"--{flag} {text}: expected whole numbers such as 0-9 or 0,3,5")
        if dash and int(high) < int(low):
            raise UsageError(f"--{flag} {text}: {part.strip()} counts backwards; did you mean {high}-{low}?")
        found |= set(range(int(low), int(high or low) + 1))
    return tuple(sorted(found))
