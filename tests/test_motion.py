"""What is logged while sampling: right numbers, of sampled players only, that change no number of the run."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bayesgan import iteration, training
from bayesgan.errors import Interrupted
from bayesgan.samplers import SGHMC, SGLD
from bayesgan.samplers.langevin import Langevin
from bayesgan.samplers.sghmc import Integrator
from bayesgan.samplers.specs import AdamSpec
from bayesgan.store import Store, load_sample
from bayesgan.training import train
from test_training import assert_same, interrupt_after, numbers, tiny

H, FRICTION, NUM_OBS = 0.1, 2.0, 500


def driven(sampler: Langevin, params: list[nn.Parameter], spread: Tensor, steps: int = 60) -> Langevin:
    """Take steps along gradients that are nothing but noise, ``spread (K,)`` of it for each particle."""
    rng = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for w in params:
            w.grad = torch.randn(w.shape, generator=rng) * spread.reshape(-1, *[1] * (w.ndim - 1))
        sampler.step()
    return sampler


def leaves() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(3, 300, 200)), nn.Parameter(torch.zeros(3, 10_000))]


@pytest.mark.parametrize("integrator", ["baoa", "euler"])
def test_kinetic_temperature_is_one_and_what_gradient_noise_adds(integrator: Integrator) -> None:
    """The momenta of BAOA are ``m <- c (m - h g) + std sqrt(1 - c^2) xi``; those of Euler are warm by O(h)."""
    params, spread = leaves(), torch.tensor([0.0, 0.05, 3.0])
    made = SGHMC(params, H, NUM_OBS, FRICTION, 0.25, integrator, seeds=(1, 2, 3))
    assert made.kinetic_temperature() is None
    found = driven(made, params, spread).kinetic_temperature()
    c, target = math.exp(-FRICTION * H), 0.25 / NUM_OBS
    kick, noise = (c * H * spread) ** 2, (1 - c**2) * target
    if integrator == "euler":
        kick, noise = (H * spread) ** 2, 2 * (1 - c) * target
    expected = (noise + kick) / (1 - c**2) / target
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)


def test_groups_have_temperatures_of_their_own() -> None:
    warm, cold = (torch.zeros(20_000, requires_grad=True) for _ in range(2))
    groups = [{"params": [warm]}, {"params": [cold], "temperature": 1e-4}]
    sampler = SGHMC(groups, lr=0.1, num_obs=4)
    for w in (warm, cold):
        w.grad = torch.zeros_like(w)
    sampler.step()
    found = sampler.kinetic_temperature()
    assert found is not None and found.item() == pytest.approx(1.0, abs=0.03)


def test_no_kinetic_temperature_without_momenta_or_noise() -> None:
    for make in (lambda p: SGLD(p, H, NUM_OBS), lambda p: SGHMC(p, H, NUM_OBS, FRICTION, temperature=0.0)):
        params = [nn.Parameter(torch.zeros(40))]
        assert driven(make(params), params, torch.ones(1), 2).kinetic_temperature() is None


def test_rows_past_the_burn_in_hold_temperature_and_distance_of_each_particle(tmp_path: Path) -> None:
    run = tiny()
    generator = replace(run.players["generator"], inference=AdamSpec())
    train(replace(run, players=run.players | {"generator": generator}), tmp_path / "mixed")
    train(run, tmp_path / "run")
    for name, expected in (("mixed", {"discriminator"}), ("run", {"discriminator", "generator"})):
        for row in Store(tmp_path / name).metrics():
            past = row["step"] > run.burn_in
            assert row.get("moved", {}).keys() == row.get("kinetic", {}).keys() == (expected if past else set())
    row, store = Store(tmp_path / "run").metrics()[-1], Store(tmp_path / "run")
    assert store.burn_in_point not in store.bank()
    start, end = (load_sample(path)["generator"] for path in (store.burn_in_point, store.bank()[-1]))
    for k, value in enumerate(row["moved"]["generator"]):
        a, b = (torch.cat([leaf[k].flatten() for leaf in w.values()]) for w in (start, end))
        assert value == pytest.approx(((b - a).norm() / a.norm()).item(), rel=1e-4)
    assert all(0.5 < value < 100 for values in row["kinetic"].values() for value in values)


def test_a_run_without_a_burn_in_measures_from_its_first_weights(tmp_path: Path) -> None:
    run = tiny(burn_in=0, data="ring", labels=None)
    posterior = train(run, tmp_path / "run")
    rows = Store(tmp_path / "run").metrics()
    assert Store(tmp_path / "run").burn_in_point.exists() and all("moved" in row for row in rows)
    assert posterior.bank[0].stem == "000002"


def test_runs_without_a_sampler_are_as_they_were(tmp_path: Path) -> None:
    train(tiny("ensemble"), tmp_path / "run")
    assert {*Store(tmp_path / "run").metrics()[-1]} == {"step", "time", "energy"}
    assert not Store(tmp_path / "run").burn_in_point.exists()


def test_what_is_logged_changes_no_number_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tiny(), tmp_path / "with")
    monkeypatch.setattr(iteration, "motion", lambda state: {})
    monkeypatch.setattr(training, "mark", lambda *state: None)
    train(tiny(), tmp_path / "without")
    assert_same(*(load_sample(Store(tmp_path / name).bank()[-1]) for name in ("with", "without")))
    with_rows, rows = (Store(tmp_path / name).metrics() for name in ("with", "without"))
    assert [row["energy"] for row in with_rows] == [row["energy"] for row in rows]


@pytest.mark.parametrize("at", [9, 10])
def test_a_resumed_run_measures_from_the_same_point(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted where the burn-in ends, and one step later."""
    run = tiny()
    train(run, tmp_path / "whole")
    interrupt_after(monkeypatch, at)
    with pytest.raises(Interrupted):
        train(run, tmp_path / "parts")
    monkeypatch.undo()
    train(run, tmp_path / "parts", resume=True)
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))
    assert "moved" in Store(tmp_path / "parts").metrics()[-1] and run.burn_in == 9


def test_a_run_of_an_earlier_version_resumes_without_distances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(monkeypatch, 10)
    with pytest.raises(Interrupted):
        train(tiny(), tmp_path / "run")
    monkeypatch.undo()
    Store(tmp_path / "run").burn_in_point.unlink()
    train(tiny(), tmp_path / "run", resume=True)
    last = Store(tmp_path / "run").metrics()[-1]
    assert "kinetic" in last and "moved" not in last
