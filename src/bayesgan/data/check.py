"""``bayesgan data check``: what is in a data set, what is wrong with it, and a clean copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from bayesgan.data.clean import write_clean
from bayesgan.data.decode import SIZES
from bayesgan.data.duplicates import across, contradictions, exact, near
from bayesgan.data.inspect import Collection, collect
from bayesgan.errors import UsageError

Row = tuple[str, str]
SHOWN, SIZES_SHOWN, MOST = 3, 6, 24  # examples, sizes and classes in a line
KINDS = {1: "grey", 3: "colour"}


def check_data(spec: str, fix: Path | None = None, size: int | None = None, data_dir: Path | None = None) -> list[Row]:
    """Return the lines of a table: what a data set holds, and its problems.

    Args:
        spec: a named set, a folder, a zip, an npz or an image. data_dir: where named sets lie.
        fix: an npz to write the clean set to. size: the side of its images; the most common size where None.

    Raises:
        UsageError: a wrong ``fix`` or ``size``. DataError: nothing can be read.
    """
    refuse(fix, size)
    found = collect(spec, data_dir)
    problems = troubles(found)
    rows = [*facts(found), *problems]
    if fix is not None:
        rows.append(("clean set", write_clean(found, fix, size)))
    count = sum(not text.startswith("0") for _, text in problems)
    return [*rows, ("result", f"{count} problem{'' if count == 1 else 's'}")]


def refuse(fix: Path | None, size: int | None) -> None:
    """Raise a UsageError for an option that cannot be."""
    if fix is not None and fix.suffix.lower() != ".npz":
        raise UsageError(f"--fix {fix}: expected an .npz file")
    if size is not None and fix is None:
        raise UsageError(f"--size {size} needs --fix OUT.npz")
    if size is not None and size not in SIZES:
        raise UsageError(f"--size {size}: expected {SIZES[0]} to {SIZES[-1]}")


def facts(found: Collection) -> list[Row]:
    """Return what the images are."""
    items = found.items
    tests = sum(item.test for item in items)
    sizes = Counter(f"{item.shape[2]}x{item.shape[1]}" for item in items)
    kinds = Counter(KINDS[item.shape[0]] for item in items)
    rows = [("data", found.name), ("training images", f"{len(items) - tests:,}"), ("test images", f"{tests:,}")]
    rows += [("sizes", counts(sizes)), ("kinds", counts(kinds))]
    labels = Counter("unlabelled" if item.label is None else item.label for item in items)
    ordered = {name: labels[name] for name in (*found.classes, "unlabelled") if labels[name]}
    if not found.classes:
        return [*rows, ("classes", "none: no labels")]
    return [*rows, (f"{len(found.classes)} classes", counts(ordered, MOST))]


def troubles(found: Collection) -> list[Row]:
    """Return every kind of problem with how often it occurs, 0 where it does not."""
    items = found.items
    common, _ = Counter(item.shape for item in items).most_common(1)[0]
    odd = [item.name for item in items if item.shape != common]
    outside = [item.name for item in items if not {*item.shape[1:]} <= {*SIZES}]
    twins, cousins = exact(items), near(items)
    torn = contradictions(items, twins)
    return [
        ("unreadable", listed(found.unreadable)),
        ("left out", listed(found.left_out)),
        ("other size or kind", listed(odd)),
        (f"not {SIZES[0]} to {SIZES[-1]} a side", listed(outside)),
        ("exact duplicates", grouped(found, twins, sum(len(group) - 1 for group in twins))),
        ("contradictory labels", grouped(found, torn, len(torn))),
        ("near duplicates", grouped(found, cousins, len(cousins))),
    ]


def counts(of: dict[str, int], shown: int = SIZES_SHOWN) -> str:
    """Return names with how often they occur, most common first where there are too many to show."""
    some = Counter(of).most_common(shown) if len(of) > shown else [*of.items()]
    more = f", {len(of) - len(some)} more" if len(of) > len(some) else ""
    return ", ".join(f"{name}: {count:,}" for name, count in some) + more


def listed(names: Sequence[str]) -> str:
    """Return a number with the first names."""
    return f"{len(names):,}" + (f": {', '.join(names[:SHOWN])}" + (", ..." if names[SHOWN:] else "") if names else "")


def grouped(found: Collection, groups: Sequence[Sequence[int]], count: int) -> str:
    """Return a number, how many of the groups lie across the parts, and an example."""
    if not groups:
        return "0"
    both = f", {across(found.items, groups):,} across training and test" if any(i.test for i in found.items) else ""
    example = " and ".join(found.items[i].name for i in groups[0][:SHOWN])
    return f"{count:,}{both}; such as {shorten(example, 160)}"
