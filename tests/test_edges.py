"""Edges that users reach: edited settings, damaged folders, old numbers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bayesgan.config import Run
from bayesgan.errors import Interrupted, UsageError
from bayesgan.evaluate import complete
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store, load_sample
from bayesgan.training import train
from test_cli import SMALL, mistake, run
from test_training import interrupt_after, tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder; tests that damage it copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(tiny(), folder)
    return folder


def test_the_teacher_follows_an_edited_network(tmp_path: Path) -> None:
    edited = from_config(assignment("players.discriminator.network.width=16"), base=tiny())
    posterior = train(edited, tmp_path / "run")
    weights = load_sample(posterior.bank[-1])
    assert {n: t.shape for n, t in weights["teacher"].items()} == {
        n: t.shape for n, t in weights["discriminator"].items()
    }


def test_report_measures_again_when_the_bank_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    interrupt_after(monkeypatch, 11)
    with pytest.raises(Interrupted):
        train(tiny(burn_in=9, thin=1), folder)
    monkeypatch.undo()
    assert complete(folder)["bank"] == 2
    train(tiny(burn_in=9, thin=1), folder, resume=True)
    assert complete(folder)["bank"] == 3


def test_report_measures_what_is_missing(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    run("evaluate", folder, "--metrics", "nll")
    assert Store(folder).json("evaluation.json")["metrics"].keys() == {"nll"}
    assert {"error", "nll", "diversity", "baselines"} <= complete(folder)["metrics"].keys()


def test_a_whole_config_is_taken_without_the_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", "digits", "--labels", 10, "--preset", "published", "--dry-run"]
    run("train", "bayesgan", *flags)
    (tmp_path / "c.toml").write_text(first := capsys.readouterr().out)
    run("train", "bayesgan", "--config", tmp_path / "c.toml", "--dry-run")
    assert capsys.readouterr().out == first
    assert "teacher" not in first


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("labels=100", "give --labels"),
        ("players.discriminator.prior.std=0", "Normal: std = 0"),
        ("players.discriminator.network.width=0", "DCGAN: width = 0"),
        ("players.discriminator.inference.burn_in.beta1=2.0", "Adam: beta1 = 2.0"),
        ("players.discriminator.inference.burn_in.schedule={kind='Polynomial', offset=0.0}", "offset = 0.0"),
        ("players.teacher.inference.of=teacher", "players.teacher.inference.of = 'teacher'"),
        ("players.generator.inference.kind=EMA", "cannot play itself"),
        ("players.discriminator.num_obs=0", "players.discriminator.num_obs = 0: expected at least 1"),
        ("objective.consistency.temperature=0.0", "Consistency: temperature = 0.0"),
        ("objective.consistency=yes", "objective.consistency = 'yes'"),
        ("players.generator.axis=d", "axis 'd' zips its players"),
        ("players.discriminator.axis=x", "players.teacher.axis = 'd': expected 'x', that of discriminator"),
        ("players.teacher.inference.of=generator", "inference.of = 'generator': expected 'discriminator'"),
        ("players.discriminator.inference.schedule={kind='Cosine', floor=-0.5}", "Cosine: floor = -0.5"),
        ("objective.gan_weight=-1.0", "SemiSupervised: gan_weight = -1.0"),
        ("objective.labelled_weight=-1.0", "SemiSupervised: labelled_weight = -1.0"),
    ],
)
def test_values_out_of_range_are_named(
    setting: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", tmp_path / "run"]
    line = mistake(capsys, "train", "bayesgan", "--data", "digits", "--labels", 10, *out, "--set", setting, code=2)
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "arguments", "message"),
    [
        ("metrics.jsonl", '{"step": 1', ["report", "RUN"], "metrics.jsonl is not valid JSON"),
        ("env.json", "{}", ["sample", "RUN", "--out", "OUT"], "env.json lacks data"),
        ("evaluation.json", "{}", ["report", "RUN"], "evaluation.json lacks metrics, bank"),
        ("checkpoint.pt", "text", ["train", "bayesgan", "--out", "RUN", "--resume"], "cannot read"),
        ("config.toml", 'name = "foreign"', ["report", "RUN"], "config.toml is not a run of this version"),
        ("split.json", "{}", ["evaluate", "RUN"], "changed since the run"),
    ],
)
def test_damaged_folders_are_named(
    name: str,
    content: str,
    arguments: list[str],
    message: str,
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    (folder / name).write_text(content)
    places = {"RUN": folder, "OUT": tmp_path / "x.png"}
    assert message in mistake(capsys, *[places.get(a, a) for a in arguments], code=3)


def test_a_checkpoint_without_its_parts_is_named(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    torch.save({"weights": torch.zeros(1)}, folder / "checkpoint.pt")
    assert "not a checkpoint of a run" in mistake(capsys, "train", "bayesgan", "--out", folder, "--resume", code=3)


@pytest.mark.parametrize("command", [["sample", "RUN"], ["report", "RUN"], ["predict", "RUN", "IMAGE"]])
def test_outputs_that_cannot_be_written_are_named(
    command: list[str], finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    Image.new("L", (8, 8)).save(tmp_path / "i.png")
    (tmp_path / "file").write_text("")
    places: dict[str, Any] = {"RUN": finished, "IMAGE": tmp_path / "i.png"}
    arguments = [*[places.get(a, a) for a in command], "--out", tmp_path / "file" / "x.png"]
    assert "cannot write" in mistake(capsys, *arguments, code=3)


def test_zipped_players_share_their_particles() -> None:
    from bayesgan.check import check_players

    odd = from_config(assignment("players.discriminator.particles=3"), base=tiny("ensemble"))
    with pytest.raises(UsageError, match="axis 'e' zips its players, but"):
        check_players(odd)


def test_a_box_is_for_optimisers_not_for_samplers() -> None:
    from bayesgan.check import check_settings

    boxed = assignment("players.discriminator.prior.kind=Box")
    check_settings(from_config(boxed, base=tiny("gan")))
    with pytest.raises(UsageError, match="prior = 'Box': a sampler would stick to its bounds"):
        check_settings(from_config(boxed, base=tiny()))


def test_an_ensemble_member_stands_for_the_images_that_it_sees() -> None:
    resolved: Run = tiny("ensemble").resolved(1000)
    assert {p.num_obs for p in resolved.players.values()} == {800}


def test_ctrl_c_in_another_process_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from bayesgan.cli import main; main()"]
    flags = ["--data", "digits", "--labels", "10", "--steps", "100000", "--out", str(tmp_path / "run"), *SMALL]
    process = subprocess.Popen([*program, "train", "dcgan", *flags], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "split.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    last = errors.strip().splitlines()[-1]
    assert f"bayesgan train dcgan --out {tmp_path / 'run'} --resume" in last
    assert json.loads((tmp_path / "run" / "env.json").read_text())["data"]["train"] == 1297
    assert Store(tmp_path / "run").load_checkpoint()["step"] > 0
