"""What a machine decides of a run: the rules, and that they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bayesgan import presets
from bayesgan.cli import app
from bayesgan.config import Run
from bayesgan.levers import CACHED, choices, lifting, precision
from bayesgan.networks import MLP
from bayesgan.objectives.likelihoods import Bernoulli
from bayesgan.reproduce.ablations import ABLATIONS
from bayesgan.serialise import assigned
from bayesgan.store import Store
from bayesgan.training import train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def with_units(monkeypatch: pytest.MonkeyPatch, there: bool, name: str = "amx_bf16") -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False, "avx512_bf16": False, name: there})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0) if there else (7, 5))


@pytest.mark.parametrize("device", [CPU, CUDA], ids=str)
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", ["amx_bf16", "avx512_bf16"])
def test_bfloat16_needs_units_and_convolutions(device: torch.device, there: bool, name: str, monkeypatch: Any) -> None:
    with_units(monkeypatch, there, name)
    run = presets.bayesgan("mnist")
    assert precision(run, device) == ("bf16" if there else "32")
    assert precision(replace(run, precision="32"), device) == "32"
    assert precision(replace(run, precision="bf16"), device) == "bf16"
    for other in ("digits", "ring"):
        assert precision(presets.bayesgan(other), device) == "32"
    assert precision(presets.bayesgan("mnist", published=True), device) == "32"
    mixed = replace(run.players["generator"], network=MLP())
    assert precision(replace(run, players=run.players | {"generator": mixed}), device) == "32"
    labelled = presets.bayesgan("mnist", 100)
    average = replace(labelled.players["teacher"], network=MLP())  # it has the network of the player that it follows
    assert precision(replace(labelled, players=labelled.players | {"teacher": average}), device) == precision(
        run, device
    )


def test_a_cpu_without_any_word_of_units_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert precision(presets.dcgan("mnist"), CPU) == "32"


INTERPOLATED = assigned(presets.bayesgan("mnist", 100), ("objective.consistency.interpolation=0.5",))


@pytest.mark.parametrize(
    ("run", "shape", "how"),
    [
        (presets.bayesgan("mnist"), (3, 64, 64), {"g": "vmap"}),
        (replace(presets.bayesgan("mnist"), spread=False), (1, 28, 28), {"g": "vmap"}),
        (replace(presets.bayesgan("mnist"), spread=False), (3, 64, 64), {"g": "loop"}),
        (presets.dcgan("mnist"), (3, 128, 128), {}),  # one particle of each: nothing to lift
        (presets.ensemble("mnist"), (1, 28, 28), {"e": "vmap"}),
        (presets.ensemble("mnist"), (3, 32, 32), {"e": "loop"}),
        (presets.ensemble("mnist", 100), (1, 28, 28), {"e": "loop"}),
        (presets.ensemble("mnist", 100, published=True), (1, 28, 28), {"e": "vmap"}),  # no views
        (ABLATIONS["discriminators_2"](presets.bayesgan("mnist", 100)), (1, 24, 24), {"d": "vmap", "g": "vmap"}),
        (ABLATIONS["discriminators_2"](INTERPOLATED), (1, 24, 24), {"d": "loop", "g": "vmap"}),
        (ABLATIONS["discriminators_2"](presets.bayesgan("mnist", 100)), (1, 28, 28), {"d": "loop", "g": "vmap"}),
    ],
    ids=[
        "spread",
        "small",
        "large",
        "one",
        "zipped",
        "zipped-large",
        "labelled",
        "published",
        "views",
        "mixed-views",
        "crossed",
    ],
)
def test_large_images_of_many_particles_take_turns_on_a_cpu(
    run: Run, shape: tuple[int, ...], how: dict[str, str]
) -> None:
    assert lifting(run, shape, CPU) == how
    assert lifting(run, shape, CUDA) == "auto"
    for asked in ("vmap", "loop"):
        assert lifting(replace(run, how=asked), shape, CPU) == asked


def test_a_dry_run_shows_them(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with_units(monkeypatch, True)
    with pytest.raises(SystemExit):
        app(["train", "bayesgan", "--data", "mnist", "--device", "cpu", "--dry-run"])
    printed = capsys.readouterr().out
    assert "# precision = 'bf16' on this cpu, which has units for bfloat16" in printed
    assert "# convolutions: channels last" in printed and f"{CACHED:,}" in printed
    with_units(monkeypatch, False)
    assert [*choices(replace(presets.bayesgan("mnist"), device="cpu"))][:2] == [
        "precision = '32' on this cpu, which has no units for bfloat16",
        "convolutions: as torch chooses",
    ]


def test_a_run_folder_says_which_precision_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is continued as it began, on a machine that would decide otherwise too."""
    with_units(monkeypatch, True)
    run = replace(presets.dcgan("digits").lasting(2), precision="auto", batch=4, noise_batch=4)
    train(run, tmp_path / "run")
    assert Store.open(tmp_path / "run").run().precision == "bf16"
    with_units(monkeypatch, False)
    train(run, tmp_path / "run", resume=True)
    assert Store.open(tmp_path / "run").run().precision == "bf16"


def test_a_likelihood_that_bfloat16_would_saturate_is_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    with_units(monkeypatch, True)
    run = presets.vae("mnist")
    assert precision(run, CPU) == "bf16"
    grey = replace(run, objective=replace(run.objective, likelihood=Bernoulli()))
    assert precision(grey, CPU) == "32" and precision(replace(grey, precision="bf16"), CPU) == "bf16"


def test_of_images_only_the_networks_of_codes_need_not_convolve(monkeypatch: pytest.MonkeyPatch) -> None:
    with_units(monkeypatch, True)
    run = presets.alpha_gan("mnist")
    assert isinstance(run.players["code_discriminator"].network, MLP) and precision(run, CPU) == "bf16"


def test_a_dry_run_for_another_machine_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("it is this machine")
    with pytest.raises(SystemExit):
        app(["train", "bayesgan", "--data", "mnist", "--device", "cuda", "--dry-run"])
    assert "# this machine has no CUDA device" in capsys.readouterr().out
