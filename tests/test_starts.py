"""Several starts: the chain of the highest log posterior goes on, as if it had been alone."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bayesgan import presets, starts
from bayesgan.build import State, initialise, weights
from bayesgan.config import Run, Starts
from bayesgan.data.batches import Batches
from bayesgan.data.labels import open_data
from bayesgan.doctor import diagnose
from bayesgan.errors import Diverged, Interrupted, UsageError
from bayesgan.iteration import iterate
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store
from bayesgan.training import train
from test_training import assert_same, interrupt_after, numbers, tiny

CPU = torch.device("cpu")
SEVERAL = Starts(3, 0.5)


def prepared(run: Run) -> tuple[Run, Any, Batches]:
    """Return a run as ``train`` resolves it, a function that begins its k-th chain, and its batches."""
    data = open_data(run).training
    run = run.resolved(len(data.images))
    return run, partial(initialise, run, data, CPU), Batches(run, data, CPU)


def alone(run: Run, state: State, batches: Batches) -> tuple[State, list[float]]:
    """Return a chain after six iterations of its own, and the energies of its discriminator."""
    energies = []
    for _ in range(6):
        energies.append(iterate(run, state, batches)["discriminator"].mean().item())
        state.step += 1
    return state, energies


@pytest.mark.parametrize("system", ["supervised", "bayesgan", "dcgan"])
def test_the_chain_of_the_lowest_energy_goes_on(system: str) -> None:
    run, begin, batches = prepared(tiny(system, starts=SEVERAL))
    chains = [alone(run, begin(k), batches) for k in range(3)]
    energies = [sum(found[3:]) / 3 for _, found in chains]
    kept = starts.best(run, begin, batches, lambda: False)
    assert kept is not None and kept.rows[-1]["starts"] == pytest.approx(energies, abs=1e-4)
    assert kept.energy == min(kept.rows[-1]["starts"])
    winner = chains[energies.index(min(energies))][0]
    assert len(set(energies)) == 3 and kept.state.step == 6
    assert_same(weights(kept.state), weights(winner))


def test_chains_differ_by_their_weights_alone() -> None:
    run, begin, batches = prepared(tiny("supervised", thin=12, starts=SEVERAL))
    first = weights(begin(0))
    assert_same(first, weights(prepared(replace(run, starts=None))[1](0)))
    other = weights(begin(1))
    same = [torch.equal(leaf, other["discriminator"][name]) for name, leaf in first["discriminator"].items()]
    assert not all(same)
    kept = starts.best(run, lambda k: begin(1), batches, lambda: False)
    assert kept is not None and len({*kept.rows[-1]["starts"]}) == 1


def test_a_whole_run_counts_on_from_the_trial(tmp_path: Path) -> None:
    train(tiny(starts=SEVERAL), tmp_path / "run")
    rows = Store(tmp_path / "run").metrics()
    assert [row["step"] for row in rows] == [*range(1, 13)]
    assert [len(row.get("starts", ())) for row in rows] == [3 if step == 6 else 0 for step in range(1, 13)]
    assert Store(tmp_path / "run").run().starts == SEVERAL


@pytest.mark.parametrize(("at", "said"), [(4, 0), (8, 8)])
def test_interrupted_in_a_trial_or_after_it_is_bitwise_uninterrupted(
    at: int, said: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny(starts=SEVERAL)
    train(run, tmp_path / "whole")
    interrupt_after(monkeypatch, at)
    with pytest.raises(Interrupted, match=f"stopped at step {said}; .*--resume"):
        train(run, tmp_path / "parts")
    monkeypatch.undo()
    train(run, tmp_path / "parts", resume=True)
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))


def test_a_chain_that_diverges_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bad: tuple[int, ...], run: Run, data: Any, device: torch.device, start: int = 0) -> State:
        state = initialise(run, data, device, start)
        if start in bad:
            with torch.no_grad():
                next(iter(state.game.ensembles["discriminator"].params.values())).fill_(math.nan)
        return state

    run, begin, batches = prepared(tiny("supervised", thin=12, starts=SEVERAL))
    kept = starts.best(run, partial(broken, (0, 2), *begin.args), batches, lambda: False)
    assert kept is not None and [*map(math.isfinite, kept.rows[-1]["starts"])] == [False, True, False]
    monkeypatch.setattr("bayesgan.training.initialise", partial(broken, (0, 1, 2)))
    with pytest.raises(Diverged, match="energy of discriminator, particle 0, is nan"):
        train(run, tmp_path / "run")


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="compare chains that learn from labels, and gan does not: starts=none"):
        train(replace(presets.PRESETS["gan"]("digits", None), starts=Starts()), tmp_path / "a")
    with pytest.raises(
        UsageError, match=r"starts.trial = 0.75: 9 iterations, expected fewer than the 9 before weights"
    ):
        train(tiny(starts=Starts(2, 0.75)), tmp_path / "b")
    with pytest.raises(UsageError, match="Starts: chains = 1: expected at least 2"):
        from_config(assignment("starts.chains=1"), base=tiny())
    with pytest.raises(UsageError, match=r"Starts: trial = 1.0: expected between 0 and 1"):
        from_config(assignment("starts.trial=1"), base=tiny())
    assert not list(tmp_path.iterdir())


def test_the_doctor_says_how_far_the_chains_were_apart(tmp_path: Path) -> None:
    run = tiny(starts=SEVERAL)
    train(run, tmp_path / "run")
    diagnosis = diagnose(tmp_path / "run")
    (note,) = (note for note in diagnosis.notes if "starts" in note)
    energies = diagnosis.evidence.starts
    apart = [(energy - min(energies)) * 1297 for energy in sorted(energies)[1:]]
    assert f"3 starts, chain {energies.index(min(energies))} was kept" in note
    assert note.endswith(f"lower by {apart[0]:,.0f}, {apart[1]:,.0f} nats") and apart[1] > 1
