"""Result files of tables: the rows that they hold, also of earlier versions, and what must not be lost of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bayesgan.errors import DataError, UsageError
from bayesgan.reproduce.cells import Cell, Job, Row, Terms, digest, settings
from bayesgan.serialise import from_config, to_config
from bayesgan.types import Config


def presets(jobs: Iterable[Job]) -> list[Row]:
    """Return what the digests of presets stand for, once each, so that later versions can tell whether it is theirs."""
    configs = {digest(job.preset): job.preset for job in jobs if isinstance(job, Cell)}
    return [{"preset": key, "config": config} for key, config in configs.items()]


def renewed(config: Config) -> str | None:
    """Return the digest that this version gives to an earlier one's preset, None where it knows no such settings.

    Fields that have come since have their defaults there, which is what they were.
    """
    try:
        return digest(to_config(from_config(config)))
    except UsageError:
        return None


def todays_settings(row: Row, today: dict[str, str | None]) -> str:
    """Return the settings of an earlier row as this version would name them."""
    return settings(row | {"preset": today.get(row["preset"])}) if "preset" in row else str(row["settings"])


def result_rows(file: Path) -> list[Row]:
    """Return the rows of a result file: those of cells and baselines, and the presets that they were made with."""
    content = read_json(file, "give another file")
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and complete(row) for row in rows):
        raise DataError(f"{file} is not the result of a reproduction: its rows are not those of cells")
    return rows


def complete(row: Row) -> bool:
    """Return whether a row is that of a cell or of a baseline, or a preset."""
    if "config" in row:
        return "preset" in row
    return {"system", "labels", "seed", "settings"} <= row.keys() and ("preset" not in row or "outside" in row)


def spare(file: Path, jobs: Iterable[Job], terms: Terms) -> None:
    """Raise a DataError where a result file that is to be written anew has rows of other cells than ``jobs``.

    Another data set, images of another part and longer runs than ``--steps`` asks for are others.
    """
    rows = result_rows(file)
    if other := next((what for row in rows for what in strange(row, terms)), None):
        raise DataError(f"{file} is a table of {other}: choose another --result")
    kept = {place(job.named) for job in jobs}
    lost = [row for row in rows if "config" not in row and place(row) not in kept]
    if lost:
        name = " ".join(map(str, filter(None, place(lost[0]))))
        raise DataError(
            f"{file} holds {len(lost)} rows that this table lacks, such as {name}: "
            "have them in the table too (--add takes them over), or choose another --result"
        )


def strange(row: Row, terms: Terms) -> Iterator[str]:
    """Yield what a row of a cell, or the preset of one, has been made of that ``terms`` are not."""
    config = row.get("config", {})
    if config.get("data", terms.data) != terms.data:
        yield str(config["data"])
    if config and config.get("validation", 0) != terms.validation:
        yield f"{config.get('validation', 0)} validation images"
    if terms.steps is not None and row.get("steps", 0) > terms.steps:
        yield f"runs of {row['steps']} iterations"


def place(row: Row) -> tuple[Any, ...]:
    """Return which cell of a table a row belongs to."""
    return row["system"], row.get("column"), f"{row['labels']} labels", f"seed {row['seed']}"


def read_json(path: Path, cure: str) -> Row:
    """Return the content of a JSON file."""
    try:
        content: Row = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path} is not valid JSON; {cure}") from None
    return content
