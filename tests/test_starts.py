"""Several starts: the chain of the highest log posterior goes on, as if it had been alone."""

from __future__ import annotations

import math
import os
import signal
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
from bayesgan.errors import DataError, Diverged, Interrupted, UsageError
from bayesgan.iteration import iterate
from bayesgan.objectives import Supervised
from bayesgan.posterior import Game, log_posterior
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store, load_sample
from bayesgan.training import train
from test_training import assert_same, numbers, tiny

CPU = torch.device("cpu")
SEVERAL = Starts(3, 0.5)


def prepared(run: Run) -> tuple[Run, Any, Batches]:
    """Return a run as ``train`` resolves it, a function that begins its k-th chain, and its batches."""
    data = open_data(run).training
    run = run.resolved(len(data.images))
    return run, partial(initialise, run, data, CPU), Batches(run, data, CPU)


def tried(run: Run, begin: Any, batches: Batches) -> tuple[State, list[float | None]]:
    """Return the chain that goes on, and the energies of all."""
    *_, (state, rows) = starts.trials(run, begin(0), [], begin, batches, lambda: False)
    return state, starts.energies(rows)


def alone(run: Run, state: State, batches: Batches) -> list[float]:
    """Give a chain six iterations of its own, and return what its discriminator is worth as a classifier after each."""
    values = []
    names = [name for name in run.players if run.role(name) == "discriminator"]
    game = state.game
    parts = ({name: each[name] for name in names} for each in (game.ensembles, game.axes, game.priors))
    known = Game(Supervised(run.objective.consistency), *parts, game.num_obs)  # type: ignore[union-attr]
    for _ in range(6):
        iterate(run, state, batches)
        state.step += 1
        seen = batches("discriminator", state.step)
        seen = {field: seen[field] for field in ("x_labelled", "y", "x_weak", "x_strong")}
        values.append(-log_posterior(known, "discriminator", seen).mean().item())
    return values


@pytest.mark.parametrize("system", ["supervised", "bayesgan", "dcgan"])
def test_the_chain_that_classifies_best_goes_on(system: str) -> None:
    run, begin, batches = prepared(tiny(system, starts=SEVERAL))
    chains = [begin(k) for k in range(3)]
    energies = [sum(alone(run, chain, batches)[3:]) / 3 for chain in chains]
    state, found = tried(run, begin, batches)
    assert found == pytest.approx(energies, abs=1e-4) and len(set(energies)) == 3
    assert state.step == 6
    assert_same(weights(state), weights(chains[energies.index(min(energies))]))


def test_what_a_critic_says_of_generated_images_decides_nothing() -> None:
    run, begin, batches = prepared(tiny("wgan", starts=SEVERAL))
    chain = begin(0)
    before = starts.energy(run, chain, batches)
    with torch.no_grad():
        for leaf in chain.game.ensembles["generator"].params.values():
            leaf.mul_(3.0)
    assert torch.equal(starts.energy(run, chain, batches), before)
    for name, leaf in chain.game.ensembles["discriminator"].params.items():
        if name.endswith("bias"):
            leaf.detach()[..., -1] += 1.0
    assert not torch.equal(starts.energy(run, chain, batches), before)


def test_chains_differ_by_their_weights_alone() -> None:
    run, begin, batches = prepared(tiny("supervised", starts=SEVERAL))
    first = weights(begin(0))
    assert_same(first, weights(prepared(replace(run, starts=None))[1](0)))
    other = weights(begin(1))
    assert not all(torch.equal(leaf, other["discriminator"][name]) for name, leaf in first["discriminator"].items())
    _, found = tried(run, lambda k: begin(1), batches)
    assert len(found) == 3 and len({*found}) == 1


def test_a_whole_run_counts_on_from_the_trial(tmp_path: Path) -> None:
    train(tiny(starts=SEVERAL), tmp_path / "run")
    rows = Store(tmp_path / "run").metrics()
    assert [row["step"] for row in rows] == [*range(1, 13)]
    assert [len(row.get("starts", ())) for row in rows] == [3 if step == 6 else 0 for step in range(1, 13)]
    assert Store(tmp_path / "run").run().starts == SEVERAL


def test_a_trial_may_last_until_the_burn_in_ends(tmp_path: Path) -> None:
    train(tiny(starts=Starts(2, 0.75)), tmp_path / "run")
    store = Store(tmp_path / "run")
    assert store.burn_in_point.exists()
    assert [row["step"] for row in store.metrics() if "moved" in row] == [10, 11, 12]


def test_chains_and_trial_decide_which_weights_go_on(tmp_path: Path) -> None:
    ends = []
    for given in (None, Starts(3, 0.5), Starts(3, 0.1)):
        run = tiny("supervised", thin=12, starts=given)
        ends.append(load_sample(train(run, tmp_path / str(len(ends))).bank[-1])["discriminator"])
        kept = starts.energies(Store(tmp_path / str(len(ends) - 1)).metrics())
        assert given is None or min(kept) != kept[0]  # else nothing could be told
    for i, j in ((0, 1), (0, 2)):
        assert not all(torch.equal(leaf, ends[j][name]) for name, leaf in ends[i].items())


def test_a_checkpoint_that_a_full_disk_kept_from_its_rows_is_of_the_chain_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, save, count = tiny("supervised", thin=12, starts=SEVERAL), Store.save_checkpoint, 0
    train(run, tmp_path / "whole")
    found = starts.energies(Store(tmp_path / "whole").metrics())
    failing = found.index(min(found)) + 1
    assert failing > 1  # a later chain takes the place of an earlier one

    def full(store: Store, state: Any) -> None:
        nonlocal count
        count += 1
        if count == failing:
            raise DataError("the disk is full")
        save(store, state)

    monkeypatch.setattr(Store, "save_checkpoint", full)
    with pytest.raises(DataError, match="full"):
        train(run, tmp_path / "run")
    train(run, tmp_path / "run", resume=True)
    assert_same(numbers(tmp_path / "run"), numbers(tmp_path / "whole"))
    assert starts.energies(Store(tmp_path / "run").metrics()) == found


@pytest.mark.parametrize(("after", "said", "left"), [(4, 0, 24), (6, 6, 18), (8, 6, 18), (18, 7, 5), (20, 8, 4)])
def test_interrupted_in_a_trial_or_after_it_is_bitwise_uninterrupted(
    after: int, said: int, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, count = tiny(starts=SEVERAL), 0
    train(run, tmp_path / "whole")

    def counting(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGINT)
        return iterate(*given)

    for module in ("starts", "training"):
        monkeypatch.setattr(f"bayesgan.{module}.iterate", counting)
    with pytest.raises(Interrupted, match=f"stopped at step {said}; .*--resume"):
        train(run, tmp_path / "parts")
    count, after = 0, 0
    train(run, tmp_path / "parts", resume=True)
    assert count == left  # trials that were finished are not repeated
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))


def broken(bad: tuple[int, ...], run: Run, data: Any, device: torch.device, start: int = 0) -> State:
    """Begin a chain, and break those that ``bad`` names."""
    state = initialise(run, data, device, start)
    if start in bad:
        with torch.no_grad():
            next(iter(state.game.ensembles["discriminator"].params.values())).fill_(math.nan)
    return state


def test_a_chain_that_diverges_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, begin, batches = prepared(tiny("supervised", thin=12, starts=SEVERAL))
    sound = tried(run, begin, batches)[1]
    state, found = tried(run, partial(broken, (0, 2), *begin.args), batches)
    assert found == [None, sound[1], None]
    assert_same(weights(state), weights(tried(run, lambda k: begin(1), batches)[0]))
    monkeypatch.setattr("bayesgan.training.initialise", partial(broken, (0, 2)))
    train(run, tmp_path / "one")
    (note,) = (note for note in diagnose(tmp_path / "one").notes if "starts" in note)
    assert note == "3 starts, chain 1 was kept: 2 diverged"
    monkeypatch.setattr("bayesgan.training.initialise", partial(broken, (0, 1, 2)))
    with pytest.raises(Diverged, match="energy of discriminator, particle 0, is nan at step 1"):
        train(run, tmp_path / "none")


def test_mistakes_are_named(tmp_path: Path) -> None:
    without = "starts compare classifiers: give --labels N, without --conditional, or starts=none"
    for run in (presets.gan("digits", None), presets.dcgan("digits", 20, conditional=True)):
        with pytest.raises(UsageError, match=without):
            train(replace(run, starts=Starts()), tmp_path / "a")
    says = r"starts.trial = 0.75: a trial has 9 iterations, and {} come before weights are sampled: give"
    with pytest.raises(UsageError, match=says.format(8)):
        train(tiny(burn_in=8, starts=Starts(2, 0.75)), tmp_path / "b")
    with pytest.raises(UsageError, match=says.format(8)):
        train(tiny("supervised", thin=9, starts=Starts(2, 0.75)), tmp_path / "b")
    with pytest.raises(UsageError, match=says.format(0)):
        train(tiny(burn_in=0, thin=12, starts=Starts(2, 0.75)), tmp_path / "b")
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
    found = diagnosis.evidence.starts
    apart = [f"{(energy - min(found)) * 1297:,.0f}" for energy in sorted(found)[1:]]
    assert f"3 starts, chain {found.index(min(found))} was kept" in note
    assert f"was lower by {apart[0]}, {apart[1]} nats in others" in note and apart[1] != "0"
