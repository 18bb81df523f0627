"""Feature spaces: files that users bring, a classifier of the data set, and what of both is kept."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bayesgan import feature_classifier, presets, spaces
from bayesgan.data.batches import to_float
from bayesgan.data.labels import Held, open_data
from bayesgan.data.readers import Part
from bayesgan.data.rows import Rows
from bayesgan.data.sets import load
from bayesgan.evaluate import evaluate
from bayesgan.feature_classifier import FILE, Classifier, Trained, seeded
from bayesgan.measures import METRICS
from bayesgan.spaces import Space
from bayesgan.subject import Subject, open_subject
from bayesgan.training import train
from test_autoencode import small
from test_cli import mistake, run

CPU = torch.device("cpu")


class Means(nn.Module):
    """Features without classes: the mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float().mean((2, 3))


class Both(nn.Module):
    """Logits, or with ``return_features`` what they are made of."""

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        features = x.float().flatten(1)[:, :12] / 255
        return features if return_features else features[:, :10] * 4


class Flat(nn.Module):
    """Not what is asked for: one number per image."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float().mean((1, 2, 3))


class Broken(nn.Module):
    """Asks for other images."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), 3 * 299 * 299).float()


def script(path: Path, net: nn.Module) -> Path:
    """Write a TorchScript file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(net), path)  # type: ignore[no-untyped-call]
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder."""
    path = tmp_path_factory.mktemp("runs") / "run"
    train(small("dcgan"), path)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache."""
    monkeypatch.setenv("BAYESGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "spaces"


def digits(count: int = 300) -> Held:
    """Return some digits whose classes are known."""
    return Held(load("digits").train, np.arange(count))


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """Return a list that grows by the second argument whenever a function of the spaces is called."""
    calls, plain = [], getattr(spaces, name)
    monkeypatch.setattr(spaces, name, lambda *given: (calls.append(given[-1]), plain(*given))[1])
    return calls


def test_a_file_gives_features_of_uint8_images_grey_ones_in_three_channels(tmp_path: Path) -> None:
    space = spaces.of_file(script(tmp_path / "means.pt", Means()), (1, 8, 8), CPU)
    x = torch.linspace(-1.2, 1, 5 * 64).view(5, 1, 8, 8)
    expected = ((x.clamp(-1, 1) + 1) * 127.5).round().mean((2, 3)).expand(5, 3)
    torch.testing.assert_close(space.features(x), expected)
    assert space.classify is None
    assert space.resize == "by the file" and space.name == f"means.pt ({space.key})"
    colour = torch.rand(300, 3, 4, 4) * 2 - 1
    bytes_ = ((colour + 1) * 127.5).round()
    of_colour = spaces.of_file(tmp_path / "means.pt", (3, 4, 4), CPU)
    torch.testing.assert_close(of_colour.features(colour), bytes_.mean((2, 3)))
    assert of_colour.key == space.key


def test_a_file_with_return_features_classifies_too(tmp_path: Path) -> None:
    space = spaces.of_file(script(tmp_path / "both.pt", Both()), (3, 8, 8), CPU)
    assert space.classify is not None
    x = torch.rand(7, 3, 8, 8) * 2 - 1
    features = ((x + 1) * 127.5).round().flatten(1)[:, :12] / 255
    torch.testing.assert_close(space.features(x), features)
    torch.testing.assert_close(space.classify(x), (4 * features[:, :10]).softmax(1))
    probs = torch.rand(5, 3).softmax(1)
    assert spaces.probabilities(probs) is probs


def test_files_are_opened_without_warnings(tmp_path: Path) -> None:
    path = script(tmp_path / "means.pt", Means())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spaces.of_file(path, (3, 8, 8), CPU)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Flat(), "returns (2,); expected features of shape (B, F), here (2, F)"),
        (Broken(), "fails on uint8 images of (3, 8, 8): "),
        ("garbage", "is no TorchScript file: "),
        ("", "is no TorchScript file: "),
        ("folder", "is no TorchScript file: The provided filename"),
        (None, "is no TorchScript file: The provided filename"),
        ("pickle", "is no TorchScript file: "),
    ],
)
def test_files_that_are_no_space_are_named_before_anything_is_measured(
    net: Any, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, kept = tmp_path / "net.pt", folder / "evaluation.json"
    if isinstance(net, nn.Module):
        script(path, net)
    elif net == "folder":
        path.mkdir()
    elif net == "pickle":
        torch.save({"weights": torch.zeros(3)}, path)
    elif net is not None:
        path.write_text(net)
    kept.write_text("what was there")
    line = mistake(capsys, "evaluate", folder, "-n", 20, "--features", path, code=3)
    assert line.startswith(f"bayesgan: --features {path} {message}") and len(line) < 300
    assert kept.read_text() == "what was there"
    kept.unlink()


def test_features_that_would_change_nothing_are_refused(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path / "means.pt", Means())
    train(small("vae", "ring"), tmp_path / "points")
    line = mistake(capsys, "evaluate", tmp_path / "points", "--features", path, code=2)
    assert line.endswith("features need a generator of images")
    line = mistake(capsys, "evaluate", folder, "--metrics", "inception", "--features", path, code=2)
    assert "metric 'inception' needs a generator of images" in line and "that classifies" in line
    line = mistake(capsys, "evaluate", folder, "--metrics", "sliced", "--features", path, code=2)
    assert line.endswith("no metric asked for reads it; add inception or frechet or kernel or coverage")


@pytest.mark.parametrize("classes", [1, 2])
def test_a_single_class_is_nothing_to_tell_apart(classes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % classes
    np.savez(tmp_path / "set.npz", images=rng.integers(0, 256, (80, 8, 8), np.uint8), labels=y)
    train(replace(presets.dcgan(str(tmp_path / "set.npz"), 4).lasting(2), batch=8), tmp_path / "run")
    s = open_subject(tmp_path / "run", 40, 0)
    found = [name for name in ("modes", "frechet", "inception", "baselines") if METRICS[name].applies(s)]
    assert found == (["modes", "frechet", "inception", "baselines"] if classes == 2 else [])


def test_the_classifier_is_stored_with_the_run_and_shared_through_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted, fit = [], feature_classifier.fit
    monkeypatch.setattr(feature_classifier, "fit", lambda *given: (fitted.append(1), fit(*given))[1])
    first = Trained.of(digits(), "digits", 10, tmp_path / "a")
    second = Trained.of(digits(), "digits", 10, tmp_path / "b")
    assert len(fitted) == 1 and first.key == second.key
    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()
    assert [p.name for p in cache.iterdir()] == [f"{first.key}.safetensors"]
    (cache / f"{first.key}.safetensors").unlink()
    Trained.of(digits(), "digits", 10, tmp_path / "a")
    assert len(fitted) == 1 and len(list(cache.iterdir())) == 1
    other = digits()
    assert other.source.labels is not None
    other = replace(other, source=Part(other.source.images, (other.source.labels + 1) % 10))
    assert Trained.of(other, "digits", 10, tmp_path / "a").key != first.key
    assert len(fitted) == 2


def test_features_of_other_weights_are_not_taken_for_those_of_a_space(cache: Path, tmp_path: Path) -> None:
    """The same data train another network on another machine; a run folder that moved brings its own."""
    images = digits().source.images
    test, order = Part(images[:40], None), torch.arange(40)

    def space(folder: Path) -> spaces.Space:
        return spaces.of_data(digits(), test, "digits", 10, folder, CPU)

    ours = space(tmp_path / "ours")
    remembered = spaces.remembered(ours, images, order)
    other = Trained.of(digits(), "digits", 10, tmp_path / "theirs")
    with torch.no_grad():
        for leaf in other.network.parameters():
            leaf.mul_(1.01)
    feature_classifier.save(tmp_path / "theirs" / FILE, other.network, other.key)
    theirs = space(tmp_path / "theirs")
    assert theirs.key != ours.key
    found = spaces.remembered(theirs, images, order)
    assert not torch.equal(found, remembered)
    assert torch.equal(found, theirs.features(to_float(torch.from_numpy(images[:40]))))


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_damaged_file_is_made_anew(content: bytes | None, cache: Path, tmp_path: Path) -> None:
    first = Trained.of(digits(), "digits", 10, tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    for path in (tmp_path / FILE, cache / f"{first.key}.safetensors"):
        path.write_bytes(whole[:-100] if content is None else content)
    again = Trained.of(digits(), "digits", 10, tmp_path)
    assert (tmp_path / FILE).read_bytes() == (cache / f"{first.key}.safetensors").read_bytes() == whole
    torch.testing.assert_close(again.network.state_dict(), first.network.state_dict())


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAYESGAN_CACHE", str(tmp_path / "file"))
    trained = Trained.of(digits(), "digits", 10, tmp_path / "run")
    space = Space("", "none", trained.key, lambda x: x.flatten(1), None)
    images = digits().source.images
    assert spaces.remembered(space, images, torch.tensor([2, 0])).shape == (2, 64)
    assert (tmp_path / "run" / FILE).exists()


def test_real_features_are_kept_beside_the_data(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, "run_features")
    first = evaluate(folder, ["frechet", "kernel", "coverage"], n=50)["metrics"]
    assert [len(x) for x in calls] == [50, 50, 50]
    second = evaluate(folder, ["frechet", "kernel", "coverage"], n=50)["metrics"]
    assert first == second and len(calls) == 4
    for path in cache.glob("*-*.safetensors"):
        path.write_bytes(b"damaged")
    assert evaluate(folder, ["frechet"], n=50)["metrics"]["frechet"] == first["frechet"] and len(calls) == 7


def test_rows_on_disk_and_images_in_memory_have_the_same_features(cache: Path) -> None:
    space = Space("", "none", "key", lambda x: x.flatten(1), None)
    images, order = digits().source.images, torch.tensor([4, 9, 2])
    index = np.arange(100)[::-1].copy()
    assert torch.equal(
        spaces.remembered(space, Rows(images, index), order), spaces.remembered(space, images[index], order)
    )


def test_the_classifier_knows_the_digits(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_classifier, "STEPS", 150)
    prepared = open_data(small("dcgan"))
    space = spaces.of_data(prepared.known, prepared.test.open(), "digits", 10, tmp_path, CPU)
    test = prepared.test.open()
    assert space.classify is not None
    probs = space.classify(torch.from_numpy(test.images).float() / 127.5 - 1)
    error = 100 * (probs.argmax(1) != torch.from_numpy(test.labels)).double().mean().item()
    assert error < 10
    assert space.name == f"classifier of digits (1297 images, {error:.2f} % error on 500 others)"


def test_held_out_images_do_not_teach_the_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other test and validation images with other classes: the same weights; and no class is known to training."""
    made = []
    for number, name in enumerate(("a", "b")):
        monkeypatch.setenv("BAYESGAN_CACHE", str(tmp_path / name))
        data, prepared = load("digits"), open_data(replace(small("dcgan"), validation=100))
        assert data.train.labels is not None and prepared.validation is not None
        images, labels = data.train.images.copy(), data.train.labels.copy()
        for rows in (prepared.test.rows, prepared.validation.rows):
            images[rows] = 255 * number - images[rows] if number else images[rows]
            labels[rows] = (labels[rows] + number) % 10
        known = Held(Part(images, labels), prepared.known.rows)
        assert not set(known.rows) & {*prepared.test.rows, *prepared.validation.rows}
        assert len(prepared.training.labels) == 0
        made.append(Trained.of(known, "digits", 10, tmp_path / name))
    assert made[0].key == made[1].key
    torch.testing.assert_close(made[0].network.state_dict(), made[1].network.state_dict(), rtol=0, atol=0)


def test_only_measures_know_classes_outside_the_split() -> None:
    source = Path(spaces.__file__).parent
    readers = {p.name for p in source.rglob("*.py") if ".known" in p.read_text(encoding="utf-8")}
    assert readers == {"subject.py", "modes.py"}


def test_stacked_digits_are_classified_channel_by_channel() -> None:
    net, x = seeded((3, 28, 28), 1000, stacked=True), torch.randn(4, 3, 28, 28)
    each = [net.net(x[:, i : i + 1]).softmax(1) for i in range(3)]
    joint = torch.einsum("bi,bj,bk->bijk", *each).flatten(1)
    torch.testing.assert_close(net(x).softmax(1), joint)
    alone = [net.net(x[:, i : i + 1], features=True) for i in range(3)]
    torch.testing.assert_close(net(x, features=True), torch.cat(alone, 1))
    assert Classifier((3, 28, 28), 1000)(x).shape == (4, 1000)
    assert Classifier((3, 28, 28), 1000).split == 1


def test_without_known_classes_there_is_no_space_but_a_file(folder: Path, tmp_path: Path) -> None:
    s = open_subject(folder, 20, seed=0)
    unknown = Subject(s.posterior, s.data, replace(s.test, labels=None), 20, 0)
    assert not unknown.has_space and unknown.space is None and unknown.data_space is None
    brought = replace(unknown, features=script(tmp_path / "means.pt", Means()))
    assert brought.space is not None and brought.fake_features.shape == (20, 3)
    assert not brought.space_classifies and brought.data_space is None
    named = spaces.of_data(s.known, unknown.test, "digits", 10, folder, CPU)  # type: ignore[arg-type]
    assert named.name == "classifier of digits (1297 images)"


def test_a_file_is_printed_by_name(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("evaluate", folder, "-n", 20, "--metrics", "frechet,inception", "--features", script(tmp_path / "b.pt", Both()))
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3 and all("space=b.pt (" in line and "resize=by the file" in line for line in out[:2])
