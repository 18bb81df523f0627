"""From the command line to a run: preset, then file, then flags, then --set; later ones win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from bayesgan.build import check_ranges
from bayesgan.config import Run
from bayesgan.errors import UsageError, nearest
from bayesgan.presets import PRESETS
from bayesgan.serialise import assignment, from_config, read_toml
from bayesgan.store import Store

WHOLE = {field.name for field in fields(Run)}


def resolve(
    system: str,
    flags: Mapping[str, Any],
    preset: str = "recommended",
    steps: int | None = None,
    config: Path | None = None,
    settings: Sequence[str] = (),
    resumed: Path | None = None,
) -> Run:
    """Return the run that a command line asks for.

    Args:
        system: a name of ``PRESETS``. flags: fields of ``Run`` by name, None where not given.
        preset: recommended or published. steps: iterations; burn-in and thinning scale along.
        config: a TOML file laid over the preset. settings: ``KEY=VALUE`` texts.
        resumed: a run folder whose own configuration takes the preset's place.

    Raises:
        UsageError: an unknown system, key or value. DataError: a file that cannot be read.
    """
    if system not in PRESETS:
        raise UsageError(f"unknown system {system!r}; {nearest(system, PRESETS)}")
    given = {key: value for key, value in flags.items() if value is not None}
    file = read_toml(config) if config else {}
    if resumed is not None:
        run = Store.open(resumed).run()
    else:
        late = [key for text in settings for key in ("data", "labels") if text.partition("=")[0].strip() == key]
        if late:
            raise UsageError(f"--set {late[0]}=...: the preset depends on it; give --{late[0]}")
        data, labels = (given.get(key, file.get(key)) for key in ("data", "labels"))
        if data is None:
            raise UsageError("give --data: digits, mnist, fashion-mnist, ring, grid, a folder, a zip or an npz")
        run = PRESETS[system](data, labels if labels != "none" else None, preset == "published")
    # A file that says everything, as config.toml does, is taken as it is: the preset may have players that it has not.
    run = from_config(file) if file.keys() >= WHOLE else from_config(file, base=run)
    if run.system != system:
        raise UsageError(f"{config or resumed} is a run of {run.system!r}, not of {system!r}")
    run = from_config(given, base=run.lasting(steps) if steps is not None else run)
    for text in settings:
        run = from_config(assignment(text), base=run)
    check_ranges(run)
    result: Run = run
    return result
