"""The doctor: every finding with made-up evidence both ways, and real runs of every kind."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.diagnosis.chains import together
from bayesgan.diagnosis.checks import CHECKS
from bayesgan.diagnosis.evidence import Chain, Energy, Evidence, Scores, Variety
from bayesgan.diagnosis.gather import energy
from bayesgan.diagnosis.sampling import falling
from bayesgan.diagnosis.values import is_probability
from bayesgan.doctor import Diagnosis, diagnose
from bayesgan.errors import DataError, Interrupted
from bayesgan.metrics.departure import Departure
from bayesgan.objectives import Classified, Hinge, Relativistic
from bayesgan.predict import Posterior
from bayesgan.report import report
from bayesgan.resolve import resolve
from bayesgan.samplers import SGHMCSpec
from bayesgan.samplers.schedules import Constant, Cosine, Cyclical, Polynomial, Schedule
from bayesgan.samplers.specs import Setting
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store
from bayesgan.training import train
from test_autoencode import small
from test_training import interrupt_after, tiny

RUN = presets.bayesgan("ring")
GOOD = Chain(
    player="generator", temperature=1.0, draws=20, particles=2, noise=1e-4, rounding=1e-9, kinetic=(0.98, 1.04),
    moved=(0.2, 0.3), values="points of fixed codes", rhat=(0.99, 1.02), limit=1.3, rhat_all=math.nan, limit_all=1.1,
    size=31.0, spread=0.1, spread_all=0.2, departure=Departure(0.4, 1.0),
)  # fmt: skip
HEALTHY = Evidence(
    RUN, RUN.steps, 20, (GOOD,), Scores(0.6, 0.4), Variety((0.9, 0.8), 1.0, 0.7), (Energy("generator", None),)
)


def found(e: Evidence) -> list[str]:
    """Return the names of the findings."""
    return [finding.name for check in CHECKS for finding in check(e)]


def chain(**changes: Any) -> Evidence:
    """Return healthy evidence but for some numbers of its chain."""
    return replace(HEALTHY, chains=(replace(GOOD, **changes),))


def test_a_particle_that_stands_still_adds_no_draws() -> None:
    assert together([22.0, math.nan]) == 22.0 and math.isnan(together([math.nan, math.nan]))
    e = chain(rhat=(math.nan, 1.02), size=22.0)
    assert "R-hat 1.02 (limit 1.30)" in [*Diagnosis((), (), e).lines()][1]


@pytest.mark.parametrize(
    ("schedule", "is_falling"),
    [(Constant(), False), (Cosine(), True), (Cosine(0.02), True), (Polynomial(), True)]
    + [(Cyclical(cycles, 0.5), cycles < 4) for cycles in (1, 2, 4, 8, 1000, 4096)],
)
def test_which_steps_fall(schedule: Schedule, is_falling: bool) -> None:
    assert falling(schedule) is is_falling


@pytest.mark.parametrize(("schedule", "tested"), [(Cosine(), False), (Cyclical(4, 0.5), True)])
def test_where_steps_fall_departure_is_not_tested(schedule: Schedule, tested: bool, tmp_path: Path) -> None:
    run = tiny(labels=None, steps=40, burn_in=10, thin=1)
    players = {n: replace(p, inference=replace(p.inference, schedule=schedule)) for n, p in run.players.items()}
    train(replace(run, players=players), tmp_path / "run")
    diagnosis = diagnose(tmp_path / "run")
    assert [c.departure is not None for c in diagnosis.evidence.chains] == [tested] * 2
    assert ("steps that do not fall" in " ".join(diagnosis.notes)) is not tested


def test_healthy_evidence_has_no_finding() -> None:
    assert found(HEALTHY) == []
    lines = [*Diagnosis((), (), HEALTHY).lines()]
    assert lines[0] == "healthy: nothing found in energies, sampling, P(real), variety of samples"
    assert "kinetic temperature 0.98 to 1.04" in lines[1] and "burn-in point left" in lines[1]


@pytest.mark.parametrize(
    ("evidence", "name", "says"),
    [
        (chain(temperature=0.0, noise=0.0), "noise negligible", "at temperature 0 weights spread 0 times"),
        (chain(temperature=1e-12), "noise negligible", "at temperature 1e-12 weights spread 1e-06 times"),
        (chain(noise=1e-11), "noise negligible", "at most 1e-11 to a weight in a step, of which float32 keeps 1e-09"),
        (chain(kinetic=(1.0, 40.0)), "noise negligible", "momenta are 40 times as warm"),
        (chain(spread=0.0), "noise negligible", "points of fixed codes are the same in all 20 draws"),
        (chain(kinetic=(1.0, 2.5)), "too warm", "the momenta of generator 1 have 2.50 times the temperature"),
        (chain(kinetic=(0.2, 1.1)), "too cold", "the momenta of generator 0 have 0.20 times the temperature"),
        (chain(rhat=(math.nan, 1.9)), "not mixed", "R-hat 1.90 of points of fixed codes, generator 1"),
        (chain(rhat_all=1.4), "not mixed", "R-hat 1.40 of points of fixed codes between the 2 particles"),
        (chain(departure=Departure(1e-4, 1.5)), "still leaving the burn-in point", "grew by 50 % over the last"),
        (chain(departure=Departure(0.0, math.inf)), "did not leave the burn-in point", "every draw of generator"),
        (chain(draws=4, rhat=(math.nan,) * 2), "too few samples", "the bank has 4 weight samples"),
        (chain(size=3.2), "too few samples", "are worth 3.2 independent draws, of 40"),
        (replace(HEALTHY, scores=Scores(0.999, 0.002)), "discriminator saturated", "0.999 of training examples, 0.002"),
        (
            replace(HEALTHY, variety=Variety((0.9, 0.03), 0.8, 0.5)),
            "collapse",
            "generator 1 of 2 differ from each other 0.03 times as much as training examples do "
            "(of all particles together: 0.80)",
        ),
        (
            replace(HEALTHY, variety=Variety((0.9, 0.03), 0.2, 0.5)),
            "collapse",
            "try --set players.discriminator.steps=2",
        ),
        (replace(HEALTHY, variety=Variety((0.03,), 0.03, None)), "collapse", "samples of the generator differ"),
        (replace(HEALTHY, variety=Variety((0.9, 0.9), 0.9, 0.01)), "particles alike", "differs at most 0.01 times"),
        (replace(HEALTHY, energies=(Energy("generator", (1, 30)),)), "diverged", "particle 1, is not finite"),
        (replace(HEALTHY, energies=(Energy("generator", None, (9.0,), (0.4,)),)), "energy rises", "rose by 40 %"),
    ],
)  # fmt: skip
def test_each_finding_fires_alone_and_says_why(evidence: Evidence, name: str, says: str) -> None:
    assert found(evidence) == [name]
    (finding,) = [finding for check in CHECKS for finding in check(evidence)]
    assert says in str(finding) and "; try --" in str(finding)


@pytest.mark.parametrize(
    "evidence",
    [
        chain(temperature=1e-2),
        chain(kinetic=(), moved=(), departure=None),
        chain(rhat=(math.nan, math.nan), size=math.nan),
        chain(departure=Departure(1e-9, 1.05)),
        replace(HEALTHY, scores=Scores(0.9, 0.001)),
        replace(HEALTHY, scores=None, variety=None, chains=(), energies=()),
        replace(HEALTHY, energies=(Energy("generator", None, (9.0,), (0.01,)),)),
        replace(HEALTHY, energies=(Energy("generator", None, (-9.0,), (-0.5,)),)),
    ],
)
def test_what_is_not_supported_is_not_said(evidence: Evidence) -> None:
    assert found(evidence) == []


RUNS = {
    "plain": RUN,
    "published": presets.bayesgan("ring", published=True),
    "labels": presets.bayesgan("digits", 100),
    "adam": presets.gan("ring"),
    "rmsprop": presets.wgan("ring"),
    "no burn-in": replace(RUN, burn_in=0),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_flag_that_is_advised_is_one_of_the_run(name: str) -> None:
    """Whatever is wrong, of whichever run: the flags are taken, and change something."""
    run: Run = RUNS[name]
    ill = replace(
        HEALTHY, run=run, scores=Scores(1.0, 0.0), variety=Variety((0.0, 0.0), 0.0, 0.0), chains=(),
        energies=(Energy("generator", (0, 1)), Energy("discriminator", None, (9.0,), (9.0,))),
    )  # fmt: skip
    sampled = any(hasattr(p.inference, "temperature") for p in run.players.values())
    if sampled:
        run = from_config(assignment("players.generator.inference.temperature=0.5"), base=run)
        hot, left = [{"kinetic": (99.0,)}, {"kinetic": (3.0,)}], {"departure": Departure(0, 2)}
        bad = [{"temperature": 0.0}, {"noise": 0.0}, *hot, left]
        chains = [replace(GOOD, **change, rhat=(9.0, 9.0), size=1.0) for change in bad]  # type: ignore[arg-type]
        ill = replace(ill, chains=(*chains, replace(GOOD, draws=1)))
    findings = [finding for check in CHECKS for finding in check(ill)]
    assert len(findings) >= (12 if sampled else 5)
    for finding in findings:
        flags = re.findall(r"--set (\S+)", finding.cure)
        steps = re.findall(r"--steps (\d+)", finding.cure)
        assert flags or steps, finding
        lasting = run.lasting(int(steps[0])) if steps else run
        for text in flags:
            assert from_config(assignment(text.rstrip(",")), base=lasting) != lasting, text
        assert all(int(count) > run.steps for count in steps)


def test_energies_are_those_of_the_sampling_or_of_the_later_half() -> None:
    run = replace(tiny("gan", "ring", None), steps=80)
    rows = [{"step": i, "energy": {"generator": [1.0 + (i > 70), float(i % 2)]}} for i in range(1, 81)]
    seen = energy("generator", run, rows)
    assert seen.broken is None and seen.rise[0] > 100 and seen.share == pytest.approx((1.0, 0.0))
    rows[9]["energy"] = {"generator": [1.0, math.nan]}
    assert energy("generator", run, rows).broken == (1, 10)
    assert energy("generator", run, rows[:9]) == Energy("generator", None)


# Real runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return small runs by name: of every kind of player, with and without classes."""
    root = tmp_path_factory.mktemp("runs")
    made = {name: small(name) for name in ("dcgan", "wgan-gp", "vae", "age", "bayesian-alpha-gan")}
    made |= {
        "labels": tiny(burn_in=2),
        "conditional": small("bayesgan", conditional=True),
        "points": small("vae", "ring"),
    }
    made |= {"supervised": tiny("supervised")}
    for name, run in made.items():
        train(run, root / name)
    return {name: root / name for name in made}


def test_every_kind_of_run_is_diagnosed_and_written_down(runs: dict[str, Path]) -> None:
    expected = {"labels": {"discriminator", "generator"}, "conditional": {"discriminator", "generator"}}
    expected |= {"bayesian-alpha-gan": {"generator", "encoder", "discriminator", "code_discriminator"}}
    for name, path in runs.items():
        diagnosis = diagnose(path)
        e = diagnosis.evidence
        assert {c.player for c in e.chains} == expected.get(name, set())
        assert (e.scores is None) == (name in ("wgan-gp", "vae", "age", "points", "supervised", "conditional"))
        assert (e.variety is None) == (name == "supervised")
        assert any("not sampled" in note for note in diagnosis.notes) == (not e.chains)
        written = json.loads((path / "diagnosis.json").read_text(), parse_constant=pytest.fail)
        assert written["lines"] == [*diagnosis.lines()] and written["bank"] == e.bank
        assert [f["name"] for f in written["findings"]] == [f.name for f in diagnosis.findings]


def test_chains_hold_what_the_files_hold(runs: dict[str, Path]) -> None:
    run, last = Store(runs["labels"]).run(), Store(runs["labels"]).metrics()[-1]
    discriminator, generator = sorted(diagnose(runs["labels"]).evidence.chains, key=lambda c: c.player)
    assert (generator.particles, generator.draws, discriminator.particles) == (2, 5, 1)
    assert generator.moved == tuple(last["moved"]["generator"])
    assert discriminator.values == "class probabilities of fixed examples" and discriminator.variation is not None
    posterior, x = Posterior.load(runs["labels"]), torch.zeros(1, 1, 8, 8)
    assert len([*posterior.predict_each(x)]) == 5 and run.burn_in == 2
    assert 0 < discriminator.noise < 1e-2 and discriminator.rounding < 1e-7


@pytest.mark.parametrize(("name", "expected"), [("gan", True), ("wgan", False), ("supervised", False)])
def test_only_discriminators_have_probabilities(name: str, expected: bool, tmp_path: Path) -> None:
    assert is_probability(train(tiny(name, labels=20 if name == "supervised" else None), tmp_path / "run")) == expected


@pytest.mark.parametrize("game", [Hinge(), Relativistic(), Classified(Hinge()), Classified(Relativistic())])
def test_scores_that_are_no_probabilities_are_passed_on_as_they_are(game: Hinge | Relativistic | Classified) -> None:
    scores = torch.tensor([-7.0, 0.0, 3.0, 40.0])
    assert torch.equal(game.realness(torch.stack([scores, torch.zeros(4)], 1)), scores)


def test_an_earlier_version_s_run_is_diagnosed_by_what_it_has(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs["labels"], tmp_path / "run"))
    store = Store(folder)
    store.burn_in_point.unlink()
    store.write_metrics([{key: row[key] for key in ("step", "time", "energy")} for row in store.metrics()])
    diagnosis = diagnose(folder)
    assert all(c.departure is None and not c.kinetic and not c.moved for c in diagnosis.evidence.chains)
    assert sum("no kinetic temperature" in note for note in diagnosis.notes) == 2


def test_unfinished_runs_are_told_from_those_without_a_bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, burn_in in (("some", 2), ("none", 9)):
        interrupt_after(monkeypatch, 6)
        with pytest.raises(Interrupted):
            train(tiny(burn_in=burn_in), tmp_path / name)
        monkeypatch.undo()
    assert any("not finished: step 6 of 12" in note for note in diagnose(tmp_path / "some").notes)
    with pytest.raises(DataError, match="holds no weight samples yet"):
        diagnose(tmp_path / "none")
    assert not (tmp_path / "none" / "diagnosis.json").exists()


def test_the_report_shows_a_diagnosis_of_the_same_bank(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(runs["dcgan"], tmp_path / "run"))
    (folder / "diagnosis.json").unlink(missing_ok=True)
    assert "Diagnosis" not in report([folder]).read_text()
    diagnosis = diagnose(folder)
    page = report([folder]).read_text()
    assert "Diagnosis" in page and "not sampled: " in page
    assert all(finding.name in page for finding in diagnosis.findings)
    changed = json.loads((folder / "diagnosis.json").read_text()) | {"bank": 99}
    (folder / "diagnosis.json").write_text(json.dumps(changed))
    assert "Diagnosis" not in report([folder]).read_text()


def ring(out: Path, *settings: str) -> Diagnosis:
    """Return the diagnosis of a short Bayesian GAN on the ring."""
    flags = ["players.generator.particles=2", *settings]
    train(resolve("bayesgan", {"data": "ring"}, steps=160, settings=flags), out)
    return diagnose(out)


def test_a_proper_temperature_is_not_called_negligible_and_a_tiny_one_is(tmp_path: Path) -> None:
    proper = ring(tmp_path / "proper")
    assert not {"noise negligible", "too warm", "too cold"} & {f.name for f in proper.findings}
    cold = [f"players.{name}.inference.temperature=1e-12" for name in ("generator", "discriminator")]
    tiny = [f for f in ring(tmp_path / "tiny", *cold).findings if f.name == "noise negligible"]
    assert len(tiny) == 2
    assert all("of which float32 keeps" in f.evidence and "as warm as noise makes them" in f.evidence for f in tiny)


def test_a_discriminator_without_an_opponent_saturates(tmp_path: Path) -> None:
    train(resolve("gan", {"data": "ring"}, steps=150, settings=["players.generator.inference.lr=1e-9"]), tmp_path / "r")
    names = {f.name for f in diagnose(tmp_path / "r").findings}
    assert "discriminator saturated" in names


@pytest.mark.parametrize(("axis", "compared"), [("d", True), ("g", False)])
def test_discriminators_are_compared_unless_each_has_a_generator_of_its_own(
    axis: str, compared: bool, tmp_path: Path
) -> None:
    run = tiny(burn_in=2, data="ring", labels=None)
    for text in ("players.discriminator.particles=2", f"players.discriminator.axis={axis}"):
        run = from_config(assignment(text), base=run)
    train(run, tmp_path / "run")
    (discriminator,) = (c for c in diagnose(tmp_path / "run").evidence.chains if c.player == "discriminator")
    assert math.isnan(discriminator.rhat_all) != compared


@pytest.mark.parametrize("draws", [4, 7])
@pytest.mark.parametrize("run", [replace(RUN, steps=10, burn_in=7, thin=1), replace(RUN, burn_in=0, thin=1000)])
def test_the_cure_for_too_few_weight_samples_is_more_of_them(run: Run, draws: int) -> None:
    """Alone, a longer run has as many: the steps between them grow along."""
    e = replace(chain(draws=draws, size=math.nan if draws == 4 else 6.0), run=run)
    (finding,) = [finding for check in CHECKS for finding in check(e)]
    steps, thin = re.search(r"--steps (\d+)", finding.cure), re.search(r"--set thin=(\d+)", finding.cure)
    assert finding.name == "too few samples" and thin
    better = replace(run.lasting(int(steps[1])) if steps else run, thin=int(thin[1]))
    kept, before = ((r.steps - r.burn_in) // r.thin for r in (better, run))
    assert kept > 3 * before


def test_momenta_that_are_cold_in_every_cycle_need_larger_steps_there() -> None:
    """Their warmth returns at the rate friction times step size; a smaller step would leave them colder."""
    spec = SGHMCSpec(lr=0.03, friction=10.0, schedule=Cyclical(5, 0.8))
    player = replace(RUN.players["generator"], inference=spec)
    e = replace(chain(kinetic=(0.3, 1.0)), run=replace(RUN, players=RUN.players | {"generator": player}))
    (finding,) = [finding for check in CHECKS for finding in check(e)]
    cured = re.fullmatch(r"--set players\.generator\.inference\.schedule\.floor=(\S+)", finding.cure)
    assert finding.name == "too cold" and cured
    floors = (0.0, float(cured[1]))
    cold, warm = (kinetic(replace(spec, schedule=Cyclical(5, 0.8, floor))) for floor in floors)
    assert cold < 0.6 < 0.85 < warm < 1.2


def kinetic(spec: SGHMCSpec, steps: int = 1000) -> float:
    """Return the mean kinetic temperature of what a sampler keeps on a quadratic, of a thousand weights."""
    w, setting, found = torch.zeros(1000, requires_grad=True), Setting(50, 0, steps, (0,), {}), []
    sampler = spec.build([w], setting)
    for step in range(steps):
        sampler.param_groups[0].update(spec.options(step, setting))
        w.grad = w.detach().clone()
        sampler.step()
        if spec.samples(step, setting):
            found.append(float(sampler.kinetic_temperature()))  # type: ignore[attr-defined]
    return sum(found) / len(found)


def test_a_run_without_a_burn_in_is_told_to_have_one() -> None:
    e = replace(chain(departure=Departure(1e-4, 1.5)), run=replace(RUN, burn_in=0))
    (finding,) = [finding for check in CHECKS for finding in check(e)]
    assert "there was no burn-in" in finding.evidence and finding.cure == f"--set burn_in={RUN.steps // 2}"
