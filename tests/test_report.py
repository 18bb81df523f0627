"""Evaluation and report of every kind of run: what is measured where, and what the page then shows."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bayesgan.cards import auto_encoding
from bayesgan.errors import DataError, UsageError
from bayesgan.evaluate import evaluate
from bayesgan.figures import PLAYER_COLOURS, curves
from bayesgan.measures import METRICS
from bayesgan.presets import PRESETS
from bayesgan.report import report
from bayesgan.store import Store
from bayesgan.subject import Subject, open_subject
from bayesgan.training import train
from test_autoencode import small

OF_IMAGES = {"modes", "diversity", "support", "memorisation", "critic", "sliced", "exact"}
OF_IMAGES |= {"inception", "frechet", "kernel", "coverage"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return small runs by name."""
    root = tmp_path_factory.mktemp("runs")
    made = {"dcgan": small("dcgan"), "vae": small("vae", burn_in=3), "bayesian-alpha-gan": small("bayesian-alpha-gan")}
    made |= {"conditional": small("vae", conditional=True, burn_in=3), "points": small("vae", "ring")}
    made |= {"cgan": small("dcgan", conditional=True)}
    made |= {"supervised": replace(PRESETS["supervised"]("digits", 100).lasting(2), batch=8, views_batch=8)}
    for name, run in made.items():
        train(run, root / name)
    return {name: root / name for name in made}


def page(tmp_path: Path, *paths: Path) -> str:
    return report(paths, tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dcgan", OF_IMAGES),
        ("vae", OF_IMAGES | {"reconstruction", "smoothness"}),
        ("conditional", OF_IMAGES | {"reconstruction", "smoothness"}),
        ("points", {"modes", "critic", "sliced", "exact", "reconstruction", "smoothness"}),
        ("supervised", {"error", "nll", "brier", "ece", "risk", "baselines"}),
    ],
)
def test_what_applies_is_measured_with_its_protocol(name: str, expected: set[str], runs: dict[str, Path]) -> None:
    metrics = evaluate(runs[name], n=40)["metrics"]
    assert metrics.keys() == expected
    for entry in metrics.values():
        assert entry["protocol"]["n_real" if entry["protocol"].get("split") != "none" else "n_fake"] > 0


@pytest.mark.parametrize(
    ("name", "metric", "needs"),
    [
        ("supervised", "critic", "a generator, and 4 test images"),
        ("dcgan", "reconstruction", "an encoder zipped with the generator"),
        ("supervised", "reconstruction", "an encoder"),
        ("points", "diversity", "a generator of images"),
    ],
)
def test_what_does_not_apply_is_refused(name: str, metric: str, needs: str, runs: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=f"metric '{metric}' needs {needs}"):
        evaluate(runs[name], [metric])


def test_numbers_in_spaces_stand_side_by_side_only_where_they_compare(runs: dict[str, Path], tmp_path: Path) -> None:
    for name in ("dcgan", "vae", "conditional"):
        shutil.copytree(runs[name], tmp_path / name)
        evaluate(tmp_path / name, n=50 if name == "conditional" else 40)
    html = {other: page(tmp_path, tmp_path / "dcgan", tmp_path / other) for other in ("vae", "conditional")}
    top = {other: text[: text.index('id="run-1"')] for other, text in html.items()}
    for heading in ("<th>Frechet distance</th>", "<th>kernel distance</th>"):
        assert heading in top["vae"] and heading not in top["conditional"]
    assert all("<th>distance to training images</th>" in text for text in top.values())
    for text in html.values():
        assert text.count("in: classifier of digits (1297 images, ") == 4
        assert "of 10, real data: " in text and "real data: 1<" in text


def test_a_page_of_several_sets_says_which_run_is_on_which(runs: dict[str, Path], tmp_path: Path) -> None:
    html = page(tmp_path, runs["dcgan"], runs["points"], runs["supervised"])
    labels = Store(runs["supervised"]).run().labels
    assert "<h1>dcgan, vae, supervised on digits, ring</h1>" in html
    for system, name in (("dcgan", "digits"), ("vae", "ring"), ("supervised", "digits")):
        assert f"<h2>{system} on {name}</h2>" in html
    alone = page(tmp_path, runs["supervised"])
    assert f"<h1>supervised on digits, {labels} labels</h1>" in alone and "1,297 training examples" in alone


def test_pages_of_runs_with_numbers_by_name(runs: dict[str, Path], tmp_path: Path) -> None:
    np.savez(tmp_path / "noise.npz", images=np.zeros((9, 8, 8), np.uint8))
    folder = Path(shutil.copytree(runs["supervised"], tmp_path / "run"))
    evaluate(folder, outside=str(tmp_path / "noise.npz"))
    html = page(tmp_path, folder)
    assert "risk_coverage_area" in html and "mutual_information" in html and "error_at_95" in html


def test_reconstruction_error_is_that_of_the_posterior_mean_beside_the_mean_image(runs: dict[str, Path]) -> None:
    for name in ("vae", "bayesian-alpha-gan", "conditional"):
        s = open_subject(runs[name], 10, seed=3)
        entry = METRICS["reconstruction"].measure(s)
        x = torch.from_numpy(s.test.images).float() / 127.5 - 1
        classes = [s.data.classes[y] for y in s.test.labels] if name == "conditional" else None
        error = (s.posterior.reconstruct(x, classes) - x).square().mean().item()
        mean = torch.from_numpy(s.data.images).float().div(127.5).sub(1).mean(0)
        assert entry["value"] == pytest.approx(error, rel=1e-4)
        assert entry["mean_image"] == pytest.approx((mean - x).square().mean().item(), rel=1e-4)
        assert entry["protocol"]["n_real"] == 500


def test_a_page_shows_what_a_run_can(runs: dict[str, Path], tmp_path: Path) -> None:
    cards = {
        "Reconstructions of test images": {"vae", "bayesian-alpha-gan", "conditional"},
        "Between test images": {"vae", "bayesian-alpha-gan", "conditional"},
        "One row per class": {"conditional", "cgan"},
        "One row per generator particle": {"bayesian-alpha-gan"},
        "how far they disagree": {"bayesian-alpha-gan"},
        "reconstruction error": {"vae", "bayesian-alpha-gan", "conditional", "points"},
        "critic distance": {"vae", "bayesian-alpha-gan", "conditional", "points", "dcgan", "cgan"},
        "Frechet distance": {"vae", "bayesian-alpha-gan", "conditional", "dcgan", "cgan"},
        "in: classifier of digits (1297 images": {"vae", "bayesian-alpha-gan", "conditional", "dcgan", "cgan"},
        "distance to training images": {"vae", "bayesian-alpha-gan", "conditional", "dcgan", "cgan"},
        "modes found": {"vae", "bayesian-alpha-gan", "conditional", "dcgan", "cgan", "points"},
        "risk_coverage_area": {"supervised"},
        "code discriminator": {"bayesian-alpha-gan"},
        "1 encoder<": {"vae", "conditional", "points"},
        "2 encoders": {"bayesian-alpha-gan"},
        "Side by side": set(),
    }
    pages = {name: page(tmp_path, path) for name, path in runs.items()}
    for text, expected in cards.items():
        assert {name for name, html in pages.items() if text in html} == expected, text
    assert pages["conditional"].count('alt="samples of class') == 10


def test_runs_side_by_side_show_samples_next_to_each_other(runs: dict[str, Path], tmp_path: Path) -> None:
    html = page(tmp_path, runs["supervised"], runs["vae"], runs["conditional"])
    top = html[: html.index('id="run-1"')]
    faces = re.findall(r'<a href="#run-(\d)"><img src="data:image/png[^"]*" alt="samples of ([^"]*)"></a>', top)
    assert faces == [("2", "vae (vae)"), ("3", "vae (conditional)")]


def test_a_missing_run_is_named_before_the_others_are_evaluated(tmp_path: Path) -> None:
    train(small("dcgan"), tmp_path / "there")
    with pytest.raises(DataError, match=r"no run folder at .*nowhere"):
        page(tmp_path, tmp_path / "there", tmp_path / "nowhere")
    assert not (tmp_path / "there" / "evaluation.json").exists()


def test_disagreement_is_scaled_to_the_largest(runs: dict[str, Path]) -> None:
    shown = auto_encoding(open_subject(runs["bayesian-alpha-gan"], 4, seed=0))
    assert [name for name, _ in shown["reconstructions"]] == ["test images", "reconstructed", "standard deviation"]
    assert 0 < shown["most_std"] <= 1 and shown["encoders"] == 4
    single = auto_encoding(open_subject(runs["vae"], 4, seed=0))
    assert len(single["reconstructions"]) == 2 and single["between"].startswith("data:image/png")


def test_a_single_test_image_has_no_path(runs: dict[str, Path]) -> None:
    s = open_subject(runs["vae"], 4, seed=0)
    few = Subject(s.posterior, s.data, replace(s.test, images=s.test.images[:1]), 4, 0)
    assert auto_encoding(few)["between"] is None
    assert not METRICS["critic"].applies(few)


def test_test_images_without_classes_do_not_suit_a_conditional_encoder(runs: dict[str, Path]) -> None:
    s = open_subject(runs["conditional"], 4, seed=0)
    assert s.auto_encodes
    unlabelled = Subject(s.posterior, s.data, replace(s.test, labels=None), 4, 0)
    assert not unlabelled.auto_encodes and not METRICS["reconstruction"].applies(unlabelled)


def test_curves_show_every_player_that_has_an_energy() -> None:
    energy = {name: [float(i)] for i, name in enumerate(PLAYER_COLOURS)}
    drawn = curves([{"step": i, "energy": energy} for i in (1, 2, 3)], burn_in=0)
    assert all(name.replace("_", " ") in drawn for name in energy)
    assert "encoder" not in curves([{"step": 1, "energy": {"generator": [1.0]}}], burn_in=0)


def test_random_test_images_are_the_same_for_everyone(runs: dict[str, Path]) -> None:
    s = open_subject(runs["conditional"], 4, seed=0)
    (few, names), (many, _) = s.tested(5), s.tested(9)
    assert torch.equal(few, many[:5]) and names is not None and len(names) == 5
    whole, _ = s.tested(10_000)
    assert len(whole) == len(s.test.images) and len(np.unique(whole.numpy(), axis=0)) > 490
