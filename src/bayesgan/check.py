"""What a run must satisfy before anything is computed or written; every mistake is one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass, replace

import torch

from bayesgan.config import Run
from bayesgan.data.labels import Training
from bayesgan.errors import UsageError, nearest
from bayesgan.priors import Box
from bayesgan.samplers.specs import EMASpec, SamplerSpec
from bayesgan.starts import classifier, length


def check(run: Run, data: Training) -> None:
    """Raise a UsageError where a run contradicts itself or its data."""
    check_settings(run)
    objective = run.objective
    if len(data.shape) != 3 and (parts := [*images_only(run)]):
        raise UsageError(f"{parts[0]} needs images, and {data.name} has points")
    reads = read(run)
    if ({"x_labelled", "label"} & reads or objective.conditioned) and not len(data.labels):
        cure = ", or --conditional alone for all of them" if objective.conditioned else ""
        raise UsageError(f"{type(objective).__name__} needs labels: give --labels N{cure}")
    if run.labels and not {"x_labelled", "label"} & reads:
        cure = "leave out --labels, or choose SemiSupervised or Classified"
        raise UsageError(f"objective.kind = {type(objective).__name__!r} learns nothing from labels: {cure}")


def check_settings(run: Run) -> None:
    """Raise a UsageError where a run contradicts itself, whatever its data."""
    check_ranges(run)
    check_players(run)
    check_supports(run)
    objective = run.objective
    codes = getattr(objective, "code_prior", run.codes)
    if codes != run.codes:
        raise UsageError(f"codes = {run.codes!r}: {type(objective).__name__} needs {codes!r}")
    if not 0 <= run.burn_in < run.steps:
        raise UsageError(f"burn_in = {run.burn_in}: expected at least 0 and less than steps = {run.steps}")
    if "x_weak" in read(run) and "teacher" not in run.players:
        raise UsageError("consistency needs a player 'teacher' with inference EMA")
    check_starts(run)
    counted = run.resolved(1)  # however many data there will be
    check_samplers(counted)
    check_phases(counted)


def read(run: Run) -> set[str]:
    """Return the fields of a batch that some player reads."""
    return {field for player in run.objective.players for field in run.objective.fields(player)}


def check_starts(run: Run) -> None:
    """Raise a UsageError for trials of what does not classify, or that last until weights are sampled."""
    if run.starts is None:
        return
    if classifier(run) is None:
        raise UsageError("starts compare classifiers: give --labels N, without --conditional, or starts=none")
    sampled = any(isinstance(p.inference, SamplerSpec) for p in run.players.values())
    most = run.burn_in if sampled else run.burn_in + run.thin - 1
    if length(run) > most:
        lasts = f"starts.trial = {run.starts.trial}: a trial has {length(run)} iterations"
        raise UsageError(
            f"{lasts}, and {most} come before weights are sampled: give a smaller share or a longer burn_in"
        )


def check_samplers(run: Run) -> None:
    """Raise a UsageError for a sampler that cannot be built, by building it on a single weight."""
    for name, p in run.players.items():
        if isinstance(p.inference, SamplerSpec):
            try:
                p.inference.build([torch.zeros(1)], replace(run.setting(name, {}), seeds=(0,)))
            except UsageError as error:
                raise UsageError(f"players.{name}.inference: {error}") from None


def check_phases(run: Run) -> None:
    """Raise a UsageError where the last weights, which the bank always keeps, would not be a sample."""
    for name, p in run.players.items():
        setting = run.setting(name, {})
        if not p.inference.samples(setting.steps - 1, setting):
            cure = "fewer cycles, less exploration, or the run more steps"
            raise UsageError(
                f"players.{name}.inference.schedule: its last cycle ends before it samples; give it {cure}"
            )


def images_only(run: Run) -> Iterator[str]:
    """Yield the settings of a run that make no sense for points."""
    for name in dict.fromkeys(map(run.role, run.players)):
        yield from misfits(f"players.{name}.network", run.players[name].network)
    yield from misfits("objective", run.objective)


def misfits(place: str, part: object) -> Iterator[str]:
    """Yield what makes no sense for points: the part itself, or one that it is made of."""
    if getattr(type(part), "images_only", False):
        yield f"{place} = {type(part).__name__}"
    elif is_dataclass(part):
        for name, value in vars(part).items():
            yield from misfits(f"{place}.{name}", value)


def check_players(run: Run) -> None:
    """Raise a UsageError for a player that nobody knows or that is missing, or particles that cannot be zipped."""
    if missing := [name for name in run.objective.players if name not in run.players]:
        raise UsageError(
            f"{type(run.objective).__name__} needs a player {missing[0]!r}; {run.system} has {', '.join(run.players)}"
        )
    for name, p in run.players.items():
        if isinstance(p.inference, EMASpec):
            if p.inference.of not in run.objective.players:
                choice = nearest(p.inference.of, run.objective.players)
                raise UsageError(f"players.{name}.inference.of = {p.inference.of!r}: {choice}")
            if name in run.objective.players:
                raise UsageError(
                    f"players.{name}: an average of {p.inference.of} cannot play itself; choose Adam or SGHMC"
                )
            followed = "discriminator" if name == "teacher" else name.removeprefix("averaged_")
            if p.inference.of != followed != name:
                raise UsageError(f"players.{name}.inference.of = {p.inference.of!r}: expected {followed!r}")
            if p.axis != (axis := run.players[p.inference.of].axis):
                raise UsageError(f"players.{name}.axis = {p.axis!r}: expected {axis!r}, that of {p.inference.of}")
        elif name not in run.objective.players:
            choice = nearest(name, run.objective.players)
            raise UsageError(f"{type(run.objective).__name__} has no player {name!r}; {choice}")
    sizes: dict[str, tuple[str, int]] = {}
    for name, p in run.players.items():
        other, size = sizes.setdefault(p.axis, (name, run.particles(name)))
        if size != run.particles(name):
            counts = f"{other} has {size} particles, {name} {run.particles(name)}"
            raise UsageError(f"axis {p.axis!r} zips its players, but {counts}; make them equal or name another axis")


def check_supports(run: Run) -> None:
    """Raise a UsageError for a sampler in a box: clipped weights keep their momentum, and stick to the bounds."""
    for name, p in run.players.items():
        if isinstance(p.prior, Box) and isinstance(p.inference, SamplerSpec):
            raise UsageError(f"players.{name}.prior = 'Box': a sampler would stick to its bounds; choose Normal")


def check_ranges(run: Run) -> None:
    """Raise a UsageError for a number that no run can have."""
    counts: dict[str, int | None] = {name: getattr(run, name) for name in ("steps", "thin", "latent")}
    counts |= {name: getattr(run, name) for name in ("batch", "views_batch", "labelled_batch", "noise_batch")}
    counts["chunk_size"] = run.chunk_size
    for name, p in run.players.items():
        counts |= {f"players.{name}.{key}": getattr(p, key) for key in ("particles", "steps", "num_obs")}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UsageError(f"{name} = {count}: expected at least 1")
    if run.validation < 0:
        raise UsageError(f"validation = {run.validation}: expected at least 0")
    if not 0 < run.subset <= 1:
        raise UsageError(f"subset = {run.subset}: expected more than 0, at most 1")
