"""From the command line to a run: preset, then file, then flags, then --set; later ones win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from bayesgan.check import check_settings
from bayesgan.config import Run
from bayesgan.data.sets import SETS, located
from bayesgan.data.splits import read_split
from bayesgan.errors import UsageError, nearest
from bayesgan.levers import choices
from bayesgan.presets import PRESETS, of_photographs
from bayesgan.serialise import NONE, assigned, from_config, read_toml, to_config, to_toml
from bayesgan.store import Store

LATER = {"split", "validation", "stream", "spread", "chunk_size", "starts"}  # config.toml of an older run may lack them
WHOLE = {field.name for field in fields(Run)} - LATER


def resolve(
    system: str,
    flags: Mapping[str, Any],
    preset: str = "recommended",
    steps: int | None = None,
    config: Path | None = None,
    settings: Sequence[str] = (),
    resumed: Path | None = None,
    conditional: bool = False,
) -> Run:
    """Return the run that a command line asks for.

    Args:
        system: a name of ``PRESETS``. flags: fields of ``Run`` by name, None where not given.
        preset: recommended, photographs or published. steps: iterations; burn-in and thinning scale along.
        config: a TOML file laid over the preset; where a whole one, such as ``config.toml``, meets other data or
            another split, the images are counted anew. settings: ``KEY=VALUE`` texts.
        resumed: a run folder whose own configuration takes the preset's place.
        conditional: ask the preset to give the players the class; a run that says otherwise is refused.

    Raises:
        UsageError: an unknown system, key or value. DataError: a file that cannot be read.
    """
    if system not in PRESETS:
        raise UsageError(f"unknown system {system!r}; {nearest(system, PRESETS)}")
    if resumed is None:
        refuse_late(settings)
    given = {key: value for key, value in flags.items() if value is not None}
    file = read_toml(config) if config else {}
    for key, kinds in (("data", (str,)), ("split", (str,)), ("labels", (str, int))):
        if not isinstance(file.get(key, ""), kinds):
            raise UsageError(f"{config}: {key} = {file[key]!r}: expected {' or '.join(k.__name__ for k in kinds)}")
    if preset != "recommended" and (resumed is not None or file.keys() >= WHOLE):
        raise UsageError(f"--preset {preset}: {config or resumed} says all settings already; leave it out")
    given |= counted(given, file)
    # A file that says everything, as config.toml does, is taken as it is: the preset may have players that it has not.
    if file.keys() >= WHOLE:
        run = from_config(file)
    elif resumed is not None:
        run = from_config(file, base=Store.open(resumed).run())
    else:
        run = from_config(file, base=from_preset(system, file | given, preset, conditional))
    if run.system != system:
        raise UsageError(f"{config or resumed} is a run of {run.system!r}, not of {system!r}")

    def laid_over(base: Run) -> Run:
        changed: Run = assigned(from_config(given, base=base), settings)
        return changed

    base = run.lasting(steps) if steps is not None else run
    asked = laid_over(base)
    if file.keys() >= WHOLE and seen(asked) != seen(run):
        asked = laid_over(base.uncounted())
    if conditional and not asked.objective.conditioned:
        origin = resumed or config or "--set"
        cure = "leave out the flag" + (", or add --set objective.conditional=true" if origin == "--set" else "")
        raise UsageError(f"--conditional: the run of {origin} is not conditional; {cure}")
    check_settings(asked)
    return asked


def seen(run: Run) -> tuple[Any, ...]:
    """Return what decides how many images a particle sees."""
    labelled = run.labels if run.objective.conditioned else None
    return located(run.data), run.split, run.validation, run.subset, labelled


def described(run: Run) -> str:
    """Return a run's settings as TOML, and in comments what this machine decides of them."""
    return "\n".join((to_toml(to_config(run)), *(f"# {line}" for line in choices(run))))


def counted(given: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many labels and validation images a split file has, where that is not said elsewhere.

    Raises a UsageError where --split comes with --labels.
    """
    path = given.get("split", file.get("split", NONE))
    if path == NONE:
        return {}
    if "split" in given and "labels" in given:
        raise UsageError("--split and --labels exclude each other: the file says which labels are kept")
    split, said = read_split(Path(path)), given if "split" in given else {**file, **given}
    counts = {"labels": len(split.labelled) or NONE, "validation": len(split.validation)}
    return {key: count for key, count in counts.items() if key not in said}


def from_preset(system: str, asked: Mapping[str, Any], preset: str, conditional: bool) -> Run:
    """Return the preset's run for the data and labels of ``asked``."""
    data, labels = asked.get("data"), asked.get("labels")
    if data is None:
        raise UsageError(f"give --data: {', '.join(SETS)}, a folder, a zip, an npz or hf:OWNER/NAME")
    run = PRESETS[system](data, labels if labels != "none" else None, preset == "published", conditional)
    return of_photographs(run) if preset == "photographs" else run


def refuse_late(settings: Sequence[str]) -> None:
    """Raise a UsageError for a ``--set`` of what a preset depends on."""
    for key in (text.partition("=")[0].strip() for text in settings):
        if key in ("data", "labels", "split"):
            raise UsageError(f"--set {key}=...: the preset depends on it; give --{key}")
        if key == "system":
            raise UsageError("--set system=...: the system is the command's first word")
