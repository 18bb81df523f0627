"""What is wrong with a run, in words: findings with their evidence and what to try."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayesgan.diagnosis.checks import CHECKS
from bayesgan.diagnosis.evidence import Chain, Evidence
from bayesgan.diagnosis.finding import Finding
from bayesgan.diagnosis.gather import gather
from bayesgan.files import write_json
from bayesgan.samplers.specs import EMASpec
from bayesgan.serialise import kind
from bayesgan.starts import JUDGE
from bayesgan.store import Store

FILE = "diagnosis.json"


@dataclass(frozen=True)
class Diagnosis:
    """Findings, what else should be known, and the evidence for both."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    evidence: Evidence

    def lines(self) -> Iterator[str]:
        """Yield the diagnosis line by line: findings or ``healthy``, then notes, then the numbers of every chain."""
        yield from map(str, self.findings)
        if not self.findings:
            yield f"healthy: nothing found in {', '.join(looked_at(self.evidence))}"
        yield from (f"note: {note}" for note in self.notes)
        yield from numbers(self.evidence)

    def to_json(self) -> dict[str, Any]:
        """Return what diagnosis.json holds; a number that could not be had is null."""
        evidence = {key: value for key, value in asdict(self.evidence).items() if key != "run"}
        findings = [asdict(finding) for finding in self.findings]
        said = {"findings": findings, "notes": [*self.notes], "lines": [*self.lines()]}
        return said | {key: plain(value) for key, value in evidence.items()}


def diagnose(path: str | Path, progress: bool = False) -> Diagnosis:
    """Diagnose a run folder and write ``diagnosis.json`` into it.

    Args:
        path: the run folder. progress: show a bar while its weight samples are looked at.

    Raises:
        DataError: no run folder, no weight sample yet, or data that are gone.
    """
    evidence = gather(Path(path), progress)
    findings = tuple(finding for check in CHECKS for finding in check(evidence))
    diagnosis = Diagnosis(findings, tuple(notes(evidence)), evidence)
    write_json(Store(Path(path)).path / FILE, diagnosis.to_json())
    return diagnosis


def looked_at(e: Evidence) -> Iterator[str]:
    """Yield what there was to look at."""
    seen = {"energies": e.energies, "sampling": e.chains, "P(real)": e.scores, "variety of samples": e.variety}
    yield from (name for name, evidence in seen.items() if evidence)


def notes(e: Evidence) -> Iterator[str]:
    """Yield what else should be known: how far the run is, of whom nothing was tested, which start was kept."""
    if e.step < e.run.steps:
        yield f"the run is not finished: step {e.step} of {e.run.steps}; continue it with --resume"
    if e.starts:
        yield started(e)
    kinds = {name: p.inference for name, p in e.run.players.items() if not isinstance(p.inference, EMASpec)}
    fixed = [f"{name} {kind(type(spec))}" for name, spec in kinds.items() if name not in {c.player for c in e.chains}]
    if fixed:
        rest = "nothing to mix" if not e.chains else "a point estimate, nothing to mix"
        yield f"not sampled: {', '.join(fixed)}; {rest}"
    for c in e.chains:
        if c.departure is None and c.draws:
            needs = "10 draws, the weights there, and steps that do not fall"
            yield f"{c.player}: whether it left the burn-in point was not tested: that takes {needs}"
        if not c.kinetic and c.temperature:
            yield f"{c.player}: no kinetic temperature was logged: a sampler without momenta, or an earlier version"


def started(e: Evidence) -> str:
    """Return how far apart the chains were of which one was kept."""
    num_obs = e.run.players[JUDGE].num_obs or 1
    sound = sorted(energy for energy in e.starts if energy is not None)
    apart = [f"{(energy - sound[0]) * num_obs:,.0f}" for energy in sound[1:]]
    which = f"{len(e.starts)} starts, chain {e.starts.index(sound[0])} was kept"
    lower = f"the classifier's log posterior was lower by {', '.join(apart)} nats in others" if apart else ""
    broken = f"{len(e.starts) - len(sound)} diverged" if len(sound) < len(e.starts) else ""
    return f"{which}: " + "; ".join(filter(None, (lower, broken)))


def numbers(e: Evidence) -> Iterator[str]:
    """Yield a line of numbers per chain, and one of the discriminator and the generators."""
    for c in e.chains:
        yield f"{c.player}: {c.particles} x {c.draws} draws at temperature {c.temperature:g}; " + "; ".join(terms(c))
    if e.scores is not None:
        yield f"P(real): {e.scores.real:.3f} of training examples, {e.scores.fake:.3f} of samples"
    if e.variety is not None:
        whole = f", {e.variety.together:.2f} of all together" if len(e.variety.particles) > 1 else ""
        yield f"variety of samples, training examples 1: {among(e.variety.particles, '.2f')} of a particle{whole}"


def terms(c: Chain) -> Iterator[str]:
    """Yield the numbers of a chain, those that are known."""
    if c.kinetic:
        yield f"kinetic temperature {among(c.kinetic, '.3g')} of 1"
    if c.moved:
        yield f"moved by {among(c.moved, '.2g')} of its weights' norm"
    if rhat := tuple(value for value in c.rhat if not math.isnan(value)):
        yield f"{c.values}: R-hat {among(rhat, '.2f')} (limit {c.limit:.2f})"
        if not math.isnan(c.rhat_all):
            yield f"between particles {c.rhat_all:.2f} (limit {c.limit_all:.2f})"
        yield f"effective draws {c.size:.0f}"
    yield f"sd {c.spread:.2g} within a particle, {c.spread_all:.2g} in all" if c.particles > 1 else f"sd {c.spread:.2g}"
    if c.variation is not None:
        yield f"total variation between draws {c.variation:.2g}, mutual information {c.information:.2g} nats"
    if c.departure is not None:
        yield f"burn-in point {'left' if c.departure.left else 'not left'} (p = {c.departure.p_value:.2g})"


def among(values: tuple[float, ...], form: str) -> str:
    """Return the range of some numbers."""
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"


def plain(value: Any) -> Any:
    """Return nested values with None for every number that is not finite, which JSON does not know."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
