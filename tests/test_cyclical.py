"""Cyclical step sizes: the paper's equation, and two stages of which only one has noise and fills the bank."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesgan.config import Run
from bayesgan.errors import Interrupted, UsageError
from bayesgan.predict import Posterior
from bayesgan.samplers import AdamSpec, Cosine, Cyclical, SGHMCSpec, SGLDSpec, SGNHTSpec
from bayesgan.samplers.specs import SamplerSpec
from bayesgan.serialise import assignment, from_config, to_config
from bayesgan.store import Store
from bayesgan.training import train
from contract import Walk
from test_cli import mistake, run
from test_training import assert_same, interrupt_after, numbers, tiny

# The schedule


PLANS = [(40, 4, 0.5), (300, 3, 0.8), (49 * 10, 49, 0.3), (9, 1, 0)]


@pytest.mark.parametrize(("steps", "cycles", "exploration"), PLANS)
def test_it_is_the_papers_equation_at_every_step(steps: int, cycles: int, exploration: float) -> None:
    """Zhang et al. 2020: equation 1, and the stages of Algorithm 1, for k = 1, ..., K."""
    schedule, length = Cyclical(cycles, exploration), steps // cycles
    for k in range(1, steps + 1):
        share = ((k - 1) % length) / length
        progress = (k - 1) / steps
        assert schedule(progress) == pytest.approx((math.cos(math.pi * share) + 1) / 2, abs=1e-6)
        assert schedule.samples(progress) == (share >= exploration), k


@pytest.mark.parametrize("cycles", range(1, 60))
def test_every_cycle_starts_with_the_whole_step_whatever_rounding_does(cycles: int) -> None:
    length = 7
    starts = [Cyclical(cycles)(cycle * length / (cycles * length)) for cycle in range(cycles)]
    assert starts == [1.0] * cycles


def test_cycles_that_do_not_divide_the_run_differ_by_one_step() -> None:
    shares = [Cyclical(3).share(step / 100) for step in range(100)]
    starts = [step for step in range(1, 100) if shares[step] < shares[step - 1]]
    assert starts == [34, 67]


def test_factors_stay_above_the_floor() -> None:
    factors = [Cyclical(2, 0.5, floor=0.2)(step / 200) for step in range(200)]
    assert min(factors) == pytest.approx(0.2, abs=1e-3) and max(factors) == 1


def test_without_exploration_every_step_samples() -> None:
    assert all(Cyclical(3, 0.0).samples(step / 50) for step in range(50))


REFUSED = [{"cycles": 0}, {"exploration": 1.0}, {"exploration": -0.1}, {"floor": 1.0}]


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_what_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(UsageError, match=f"Cyclical: {name} = "):
        Cyclical(**options)


# A sampler under it

SAMPLERS = [SGLDSpec(lr=0.02), SGHMCSpec(lr=0.05), SGNHTSpec(lr=0.05)]


@pytest.mark.parametrize("spec", SAMPLERS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("burn_in", [0, 4])
def test_step_sizes_and_temperatures_are_those_of_the_stages(spec: SamplerSpec, burn_in: int) -> None:
    spec = replace(spec, temperature=0.3, burn_in=AdamSpec(0.01), schedule=Cyclical(2, 0.5))
    walk = Walk(spec, burn_in=burn_in, steps=burn_in + 16)
    for step in range(burn_in + 16):
        walk.step()
        active = walk.optimiser
        if burn_in:
            active = active.adam if step < burn_in else active.sampler
        group, share = active.param_groups[0], (step - burn_in) % 8 / 8
        if step < burn_in:
            assert group["lr"] == 0.01 and not spec.samples(step, walk.setting)
            continue
        assert group["lr"] == pytest.approx(spec.lr * (1 + math.cos(math.pi * share)) / 2)
        assert group["temperature"] == (0.3 if share >= 0.5 else 0.0)
        assert spec.samples(step, walk.setting) == (share >= 0.5)


@pytest.mark.parametrize("spec", SAMPLERS, ids=lambda spec: type(spec).__name__)
def test_scales_stay_frozen_through_all_cycles(spec: SamplerSpec) -> None:
    walk = Walk(replace(spec, damping=0.1, schedule=Cyclical(3, 0.5)), burn_in=4, steps=40)

    def scales() -> list[Tensor]:
        return [walk.optimiser.sampler.state[w]["scale"].clone() for w in walk.weights]

    walk.step(5)
    first = scales()
    walk.step(35)
    assert all(map(torch.equal, scales(), first)) and all(s.unique().numel() > 1 for s in first)


def test_schedules_without_stages_change_no_temperature() -> None:
    spec = SGHMCSpec(lr=0.1, temperature=0.3, schedule=Cosine(0.1))
    walk = Walk(spec)
    assert {spec.options(step, walk.setting)["temperature"] for step in range(4, 20)} == {0.3}


# Runs


def small(system: str = "bayesgan", **options: Any) -> Run:
    """Return a tiny run on points, which is fast."""
    return tiny(system, "ring", None, **options)


def cyclical(run: Run, *players: str, cycles: int = 2, exploration: float = 0.5) -> Run:
    """Return a run whose players, by default all, have a cyclical schedule."""
    for name in players or run.objective.players:
        inference = replace(run.players[name].inference, schedule=Cyclical(cycles, exploration))
        run = replace(run, players=run.players | {name: replace(run.players[name], inference=inference)})
    return run


def kept(run: Run, folder: Path) -> list[int]:
    return [int(path.stem) for path in train(run, folder).bank]


@pytest.mark.parametrize("system", ["bayesgan", "gan"])
def test_the_bank_is_filled_in_sampling_stages(system: str, tmp_path: Path) -> None:
    """Of an optimiser these are snapshots at the ends of its cycles (Huang et al. 2017, arXiv 1704.00109)."""
    burn_in = 4 if system == "bayesgan" else 0
    run = cyclical(small(system, steps=burn_in + 16, burn_in=burn_in, thin=1))
    assert kept(run, tmp_path / "run") == [burn_in + step for step in (5, 6, 7, 8, 13, 14, 15, 16)]
    assert Posterior.load(tmp_path / "run").sample(3).shape == (3, 2)


def test_thinning_counts_from_the_burn_in(tmp_path: Path) -> None:
    run = cyclical(small(steps=20, burn_in=4, thin=3))
    assert kept(run, tmp_path / "run") == [4 + 6, 4 + 15, 20]


def test_the_bank_waits_for_all_players_to_sample(tmp_path: Path) -> None:
    run = cyclical(small(steps=16, burn_in=4, thin=1), "discriminator", cycles=1)
    run = cyclical(run, "generator", cycles=2)
    assert kept(run, tmp_path / "run") == [4 + step for step in (10, 11, 12)]


def test_a_player_of_several_steps_counts_its_last_one(tmp_path: Path) -> None:
    run = cyclical(small(steps=12, burn_in=4, thin=1), "generator")
    run = replace(run, players=run.players | {"generator": replace(run.players["generator"], steps=3)})
    assert kept(run, tmp_path / "run") == [4 + step for step in (3, 4, 7, 8)]


@pytest.mark.parametrize("at", [6, 13])
def test_interrupted_and_resumed_mid_cycle_is_bitwise_uninterrupted(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thermostatted(name: str) -> Run:
        player = asked.players[name]
        spec = SGNHTSpec(lr=0.01, damping=0.01, burn_in=player.inference.burn_in)
        return replace(asked, players=asked.players | {name: replace(player, inference=spec)})

    asked = small(steps=20, burn_in=4, thin=1)
    asked = cyclical(thermostatted("discriminator"))
    train(asked, tmp_path / "whole")
    interrupt_after(monkeypatch, at)
    with pytest.raises(Interrupted):
        train(asked, tmp_path / "parts")
    monkeypatch.undo()
    train(asked, tmp_path / "parts", resume=True)
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))


def test_a_run_that_would_never_sample_is_refused_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"players\.discriminator\.inference\.schedule: its last cycle ends before it"):
        train(cyclical(small(steps=16, burn_in=4), cycles=4, exploration=0.8), tmp_path / "run")
    assert not list(tmp_path.iterdir())


# The command line and files

SET = "players.discriminator.inference"


def test_the_schedule_is_a_setting_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    asked = ["--data", "ring", "--steps", 16, "--set", "thin=1", "--set", "batch=8", "--set", "noise_batch=8"]
    for field, value in {"kind": "Cyclical", "cycles": 2, "exploration": 0.5}.items():
        asked += ["--set", f"{SET}.schedule.{field}={value}"]
    run("train", "bayesgan", *asked, "--out", out)
    resolved = Store(out).run()
    assert resolved.players["discriminator"].inference.schedule == Cyclical(2, 0.5)
    assert from_config(to_config(resolved)) == resolved
    assert [int(path.stem) for path in Store(out).bank()] == [14, 16]
    capsys.readouterr()
    run("train", "bayesgan", "--config", out / "config.toml", "--dry-run")
    assert 'kind = "Cyclical"\ncycles = 2\nexploration = 0.5\n' in capsys.readouterr().out


def test_samplers_are_settings_too() -> None:
    chosen = from_config(assignment(f"{SET}.kind=SGNHT"), base=tiny())
    chosen = from_config(assignment(f"{SET}.schedule=Cyclical"), base=chosen)
    assert chosen.players["discriminator"].inference == SGNHTSpec(schedule=Cyclical())


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "bayesgan", "--data", "digits", "--labels", 10, "--out", tmp_path / "run", "--set"]
    assert "did you mean 'Cyclical'?" in mistake(capsys, *command, f"{SET}.schedule.kind=Cyclic", code=2)
    wrong = f"{SET}.schedule={{kind='Cyclical', exploration=1.5}}"
    assert "Cyclical: exploration = 1.5: expected 0 or more, below 1" in mistake(capsys, *command, wrong, code=2)
    wrong = f"{SET}.schedule={{kind='Cyclical', cycles=2.5}}"
    assert f"{SET}.schedule.cycles = 2.5: expected int" in mistake(capsys, *command, wrong, code=2)
