"""The loop: identical numbers whether interrupted or not, a bank that is what it says, no option that does nothing."""

from __future__ import annotations

import os
import signal
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bayesgan import presets
from bayesgan.config import Run, Starts
from bayesgan.data.batches import Batches
from bayesgan.errors import DataError, Diverged, Interrupted, UsageError
from bayesgan.files import write_json
from bayesgan.levers import choose_device
from bayesgan.predict import Posterior
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store, load_sample
from bayesgan.training import train


def tiny(system: str = "bayesgan", data: str = "digits", labels: int | None = 20, **changes: Any) -> Run:
    """Return a run of a few steps with small networks, two particles of each kind where there were more."""
    run = replace(presets.PRESETS[system](data, labels).lasting(12), batch=8, views_batch=8, noise_batch=4, thin=2)
    run = replace(run, burn_in=9) if run.burn_in else run
    for name in run.players:
        if system in ("bayesgan", "ensemble") and (name == "generator" or system == "ensemble"):
            run = from_config(assignment(f"players.{name}.particles=2"), base=run)
    return replace(run, **changes)


def numbers(folder: Path) -> list[Any]:
    """Return everything of a run folder that must not depend on interruptions."""
    rows = [{k: v for k, v in row.items() if k not in ("time", "starts")} for row in Store(folder).metrics()]
    return [rows, {p.name: load_sample(p) for p in sorted((folder / "posterior").iterdir())}]


def assert_same(a: Any, b: Any) -> None:
    """Assert that nested values are bitwise equal."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("system", ["bayesgan", "ensemble", "supervised"])
@pytest.mark.parametrize("at", [4, 10])
def test_interrupted_and_resumed_is_bitwise_uninterrupted(
    system: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny(system)
    train(run, tmp_path / "whole")
    interrupt_after(monkeypatch, at)
    with pytest.raises(Interrupted, match=f"stopped at step {at}; .*--resume") as error:
        train(run, tmp_path / "parts")
    assert error.value.code == 130
    monkeypatch.undo()
    train(run, tmp_path / "parts", resume=True)
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))


def interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Send this process a real SIGINT when the batches of step ``steps - 1`` are drawn."""
    draw = Batches.__call__

    def drawing(self: Batches, player: str, step: int) -> Any:
        if step == steps - 1 and player == "discriminator":
            os.kill(os.getpid(), signal.SIGINT)
        return draw(self, player, step)

    monkeypatch.setattr(Batches, "__call__", drawing)


def test_bank_holds_the_steps_that_thin_and_burn_in_say(tmp_path: Path) -> None:
    posterior = train(tiny(steps=12, burn_in=5, thin=3), tmp_path / "run")
    assert [int(p.stem) for p in posterior.bank] == [8, 11, 12]


def test_same_seed_same_numbers_other_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tiny(seed=seed), tmp_path / name)
    assert_same(numbers(tmp_path / "a"), numbers(tmp_path / "b"))
    a, c = (load_sample(tmp_path / n / "posterior" / "000012.safetensors") for n in ("a", "c"))
    assert not torch.equal(next(iter(a["discriminator"].values())), next(iter(c["discriminator"].values())))


def test_nan_ends_with_the_player_the_step_and_a_cure(tmp_path: Path) -> None:
    run = from_config(assignment("players.generator.inference.burn_in.lr=1e30"), base=tiny())
    with pytest.raises(Diverged, match=r"diverged: the energy of \w+, particle 0, is nan at step \d+; try a") as error:
        train(run, tmp_path / "run")
    assert error.value.code == 4
    assert not list((tmp_path / "run").rglob("*.partial*"))
    for path in (tmp_path / "run").glob("posterior/*"):
        assert all(leaf.isfinite().all() for player in load_sample(path).values() for leaf in player.values())


def test_resume_refuses_another_configuration(tmp_path: Path) -> None:
    train(tiny(), tmp_path / "run")
    with pytest.raises(DataError, match=r"another configuration: latent is 32 there, 7 here"):
        train(tiny(latent=7), tmp_path / "run", resume=True)


def test_a_run_goes_on_where_device_and_data_are_called_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tiny(), tmp_path / "whole")
    interrupt_after(monkeypatch, 4)
    with pytest.raises(Interrupted):
        train(tiny(), tmp_path / "parts")
    monkeypatch.undo()
    train(tiny(device="cpu", data_dir=str(tmp_path)), tmp_path / "parts", resume=True)
    assert_same(numbers(tmp_path / "whole"), numbers(tmp_path / "parts"))
    run = Posterior.load(tmp_path / "parts").run
    assert (run.device, run.data_dir) == ("cpu", str(tmp_path))


def test_other_data_are_not_gone_on_with(tmp_path: Path) -> None:
    paths = [tmp_path / name / "set.npz" for name in ("one", "two")]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        rng = np.random.default_rng(seed)
        np.savez(path, x=rng.integers(0, 256, (40, 8, 8), np.uint8), y=rng.permutation(np.arange(40) % 2))
    train(tiny(data=str(paths[0]), labels=4), tmp_path / "run")
    paths[1].replace(paths[0])
    with pytest.raises(DataError, match="data, labels or seed have changed since the run"):
        train(tiny(data=str(paths[0]), labels=4), tmp_path / "run", resume=True)


def test_contradictions_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="burn_in = 12: expected"):
        train(tiny(burn_in=12), tmp_path / "a")
    with pytest.raises(UsageError, match="needs labels: give --labels N"):
        train(replace(tiny("supervised"), labels=None), tmp_path / "b")
    run = tiny("dcgan")
    without = {name: p for name, p in run.players.items() if name != "teacher"}
    with pytest.raises(UsageError, match="'teacher'"):
        train(replace(run, players=without), tmp_path / "c")
    with pytest.raises(UsageError, match="needs a player 'generator'"):
        train(replace(run, players={"discriminator": run.players["discriminator"]}), tmp_path / "d")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def base_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Any]]:
    """Return a run and its numbers. It has two discriminators: with one, both marginals are the same."""
    folder = tmp_path_factory.mktemp("base") / "run"
    run = from_config(assignment("players.discriminator.particles=2"), base=tiny())
    train(run, folder)
    return run, numbers(folder)


WITHOUT_CLASSES = ("vae", "age")


def brief(run: Run) -> Run:
    """Return a run of four tiny steps."""
    return replace(run.lasting(4), batch=4, views_batch=4, noise_batch=2, thin=1)


CHANGES = {
    "labels": 30,
    "seed": 5,
    "label_seed": 5,
    "steps": 13,
    "burn_in": 3,
    "thin": 3,
    "batch": 9,
    "views_batch": 9,
    "labelled_batch": 9,
    "noise_batch": 25,
    "spread": False,
    "latent": 9,
    "codes": "sphere",
    "subset": 0.5,
    "augment": None,
    "marginal": "logmeanexp",
    "precision": "bf16",
    "data": "ring",
    "system": "gan",
    "validation": 100,
    "starts": Starts(6, 0.7),
}
SAME_NUMBERS = {"how", "chunk_size", "device", "data_dir", "stream"}  # where and how to compute, not what


@pytest.mark.parametrize("name", [f.name for f in fields(Run) if f.name not in ("objective", "players", *SAME_NUMBERS)])
def test_every_option_changes_something(name: str, tmp_path: Path, base_run: tuple[Run, list[Any]]) -> None:
    base, before = base_run
    if name in ("data", "system"):
        other = tiny("gan") if name == "system" else tiny(data="ring", labels=16)
    elif name == "split":
        write_json(tmp_path / "split.json", {"labelled": [*range(20)], "test": [*range(20, 520)]})
        other = replace(base, split=str(tmp_path / "split.json"))
    else:
        other = replace(base, **{name: CHANGES[name]})
    train(other, tmp_path / "other")
    with pytest.raises(AssertionError):
        assert_same(before, numbers(tmp_path / "other"))


@pytest.mark.parametrize("system", presets.PRESETS)
@pytest.mark.parametrize(("data", "labels"), [("digits", 20), ("digits", None), ("ring", 16), ("grid", None)])
@pytest.mark.parametrize("published", [False, True])
def test_every_system_runs_on_images_and_points(
    system: str, data: str, labels: int | None, published: bool, tmp_path: Path
) -> None:
    conditional = labels is not None and system in WITHOUT_CLASSES
    run = brief(presets.PRESETS[system](data, labels, published, conditional))
    posterior = train(run, tmp_path / "run")
    if "generator" in run.players:
        assert posterior.sample(3).shape == (3, *posterior.shape)
    assert posterior.classifies == ((labels is not None and not conditional) or system == "supervised")


@pytest.mark.parametrize("labels", [None, 16, 20])
@pytest.mark.parametrize("system", [name for name in presets.PRESETS if name != "supervised"])
def test_every_generating_system_is_conditional_where_asked(system: str, labels: int | None, tmp_path: Path) -> None:
    data = "ring" if labels == 16 else "digits"
    run = brief(presets.PRESETS[system](data, labels, conditional=True))
    assert run.labels == (labels or "all") and "generator" in run.objective.conditioned
    posterior = train(run, tmp_path / "run")
    images = posterior.sample(4, classes=["0", "1"])
    assert images.shape == (4, *posterior.shape) and not torch.equal(images, posterior.sample(4, classes=["1", "0"]))
    counted = {p.num_obs for p in posterior.run.players.values()}
    assert counted == {int(len(Store.open(tmp_path / "run").json("split.json")["labelled"]) * run.subset)}


@pytest.mark.parametrize("system", WITHOUT_CLASSES)
def test_systems_that_do_not_classify_refuse_labels(system: str) -> None:
    with pytest.raises(UsageError, match=f"{system} does not learn to classify: leave out --labels, or add"):
        presets.PRESETS[system]("digits", 100)


def test_the_supervised_network_has_nothing_to_condition() -> None:
    with pytest.raises(UsageError, match="leave out --conditional"):
        presets.supervised("digits", 100, conditional=True)


def test_cuda_without_a_device_is_a_usage_error() -> None:
    if torch.cuda.is_available():
        assert choose_device("auto").type == "cuda"
    else:
        with pytest.raises(UsageError, match="--device cpu or auto"):
            choose_device("cuda")


def test_weights_stay_float32_under_bf16(tmp_path: Path) -> None:
    train(tiny(precision="bf16"), tmp_path / "run")
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    leaves = [leaf for player in state["weights"].values() for leaf in player.values()]
    momenta = [s["momentum"] for s in state["optimisers"]["discriminator"]["sampler"]["state"].values()]
    assert {t.dtype for t in [*leaves, *momenta]} == {torch.float32}


def test_posterior_of_an_unfinished_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_after(monkeypatch, 2)
    with pytest.raises(Interrupted):
        train(tiny(), tmp_path / "run")
    with pytest.raises(DataError, match="no weight samples yet; finish it with --resume"):
        Posterior.load(tmp_path / "run")
