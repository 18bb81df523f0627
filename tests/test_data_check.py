"""``bayesgan data check``: every problem is found, none is invented, and the clean copy has none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bayesgan.cli import main
from bayesgan.data.check import check_data
from bayesgan.data.clean import fitted
from bayesgan.data.sets import load
from bayesgan.errors import BayesganError, DataError, UsageError
from test_data import pixels, save


def picture(seed: int, *shape: int) -> np.ndarray:
    """Smooth noise, as photographs are: what is resized or re-encoded stays nearly itself."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, *shape[2:]), np.uint8))
    return np.asarray(small.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """A folder with one of every problem."""
    root = tmp_path / "messy"
    for i in range(6):
        save(root / "train" / "cat" / f"{i}.png", picture(i, 24, 24, 3))
        save(root / "train" / "dog" / f"{i}.png", picture(10 + i, 24, 24, 3))
        save(root / "test" / "cat" / f"{i}.png", picture(20 + i, 24, 24, 3))
        save(root / "test" / "dog" / f"{i}.png", picture(30 + i, 24, 24, 3))
    save(root / "train" / "cat" / "again.png", picture(0, 24, 24, 3))
    save(root / "train" / "dog" / "tested.png", picture(30, 24, 24, 3))
    save(root / "train" / "dog" / "torn.png", picture(5, 24, 24, 3))
    Image.fromarray(picture(1, 24, 24, 3)).save(root / "train" / "cat" / "near.jpg", quality=90)
    save(root / "train" / "cat" / "grey.png", picture(40, 24, 24))
    save(root / "train" / "cat" / "large.png", picture(41, 150, 200, 3))
    (root / "train" / "cat" / "text.png").write_text("text")
    (root / "test" / "dog" / "cut.png").write_bytes((root / "test" / "dog" / "1.png").read_bytes()[:-60])
    return root


def test_every_problem_is_found(messy: Path, tmp_path: Path) -> None:
    rows = dict(check_data(str(messy)))
    assert (rows["training images"], rows["test images"]) == ("18", "12")
    assert rows["sizes"] == "24x24: 29, 200x150: 1" and rows["kinds"] == "colour: 29, grey: 1"
    assert rows["2 classes"] == "cat: 16, dog: 14"
    assert rows["unreadable"].startswith("2: ") and "text.png" in rows["unreadable"] and "cut.png" in rows["unreadable"]
    assert rows["other size or kind"].startswith("2: ")
    assert rows["not 8 to 128 a side"].startswith("1: ") and "large.png" in rows["not 8 to 128 a side"]
    assert rows["exact duplicates"].startswith("3, 1 across training and test")
    assert rows["contradictory labels"].startswith("1, 0 across") and "torn.png" in rows["contradictory labels"]
    assert rows["near duplicates"].startswith("1, 0 across") and "near.jpg" in rows["near duplicates"]
    assert rows["result"] == "6 problems"
    with zipfile.ZipFile(tmp_path / "messy.zip", "w") as archive:
        for file in sorted(messy.rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path))
    zipped = dict(check_data(str(tmp_path / "messy.zip")))
    assert [text[:2] for text in [*zipped.values()][1:]] == [text[:2] for text in [*rows.values()][1:]]


@pytest.mark.parametrize("size", [None, 16])
def test_the_clean_copy_has_no_problems_but_what_looks_alike(messy: Path, tmp_path: Path, size: int | None) -> None:
    out = tmp_path / "clean.npz"
    said = dict(check_data(str(messy), out, size))["clean set"]
    side = size or 24
    # Without again, tested and both of what is torn; test images are all kept.
    assert said == f"14 + 12 images of {side}x{side}, colour: {out}"
    data, rows = load(str(out)), dict(check_data(str(out)))
    assert data.classes == ("cat", "dog") and data.shape == (3, side, side) and data.test is not None
    assert rows["result"] == "1 problem" and not rows["near duplicates"].startswith("0")
    assert {path.name for path in tmp_path.iterdir()} == {"messy", "clean.npz"}
    if size is None:
        assert data.train.labels is not None
        assert np.array_equal(data.train.images[0], picture(0, 24, 24, 3).transpose(2, 0, 1))
        assert np.bincount(data.train.labels).tolist() == [8, 6]


def test_named_sets_have_none(tmp_path: Path) -> None:
    rows = dict(check_data("digits", tmp_path / "d.npz"))
    assert rows["training images"] == "1,797" and rows["exact duplicates"] == rows["unreadable"] == "0"
    again, digits = load(str(tmp_path / "d.npz")), load("digits")
    assert np.array_equal(again.train.images, digits.train.images) and again.classes == digits.classes
    assert np.array_equal(again.train.labels, digits.train.labels)  # type: ignore[arg-type]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_class_that_only_the_test_part_has_is_refused(tmp_path: Path, labelled: bool) -> None:
    for i in range(3):
        save(tmp_path / "a/train" / ("cat" if labelled else "") / f"{i}.png", pixels(12, 12, seed=i))
        save(tmp_path / "a/train" / ("dog" if labelled else "") / f"1{i}.png", pixels(12, 12, seed=10 + i))
        save(tmp_path / "a/test/dog" / f"{i}.png", pixels(12, 12, seed=10 + i))
    with pytest.raises(DataError, match="no training image of the class dog is left: take its images out of the test"):
        check_data(str(tmp_path / "a"), tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_the_suffix_may_be_large(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png")
    check_data(str(tmp_path / "a"), tmp_path / "A.NPZ")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "A.NPZ"} and load(str(tmp_path / "A.NPZ"))


def test_unknown_labels_stay_unknown(tmp_path: Path) -> None:
    y = np.array([0, 1, -1, 0, 1, -1])
    np.savez(tmp_path / "a.npz", x=pixels(6, 12, 12), y=y)
    rows = dict(check_data(str(tmp_path / "a.npz"), tmp_path / "b.npz"))
    assert rows["2 classes"] == "0: 2, 1: 2, unlabelled: 2"
    labels = load(str(tmp_path / "b.npz")).train.labels
    assert labels is not None and labels.tolist() == y.tolist()


def test_images_that_hardly_differ_do_not_pair_with_themselves(tmp_path: Path) -> None:
    x = np.zeros((40, 12, 12), np.uint8)
    x[np.arange(40), 5, 5] = np.arange(40)
    np.savez(tmp_path / "a.npz", x=x)
    rows = dict(check_data(str(tmp_path / "a.npz")))
    assert rows["exact duplicates"] == "0" and 20 <= int(rows["near duplicates"].split(";")[0]) <= 40


def test_images_are_cut_around_the_middle() -> None:
    image = np.zeros((1, 16, 48), np.uint8)
    image[..., 16:32] = 200
    assert (fitted(image, (3, 8, 8)) == 200).all()
    assert fitted(image, (1, 16, 24)).shape == (1, 16, 24)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"fix": Path("out.png")}, UsageError, r"--fix out\.png: expected an \.npz file"),
        ({"fix": Path("out.npz"), "size": 7}, UsageError, r"--size 7: expected 8 to 128"),
        ({"fix": Path("out.npz"), "size": 129}, UsageError, r"--size 129: expected 8 to 128"),
        ({"size": 16}, UsageError, r"--size 16 needs --fix OUT\.npz"),
        ({"spec": "ring"}, DataError, r"ring holds points; only images can be checked"),
        ({"spec": ""}, DataError, r"unknown data set ''"),
        ({"spec": "a" * 300}, DataError, r"cannot read a+: File name too long"),
        ({"spec": "minst"}, DataError, r"unknown data set 'minst'"),
        ({"spec": "broken"}, DataError, r"broken: not one of 1 images can be read"),
        ({"spec": "torn.zip"}, DataError, r"torn\.zip is cut short, or is no zip file"),
    ],
)
def test_mistakes(
    arguments: dict[str, object],
    error: type[BayesganError],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken").mkdir()
    Path("broken/a.png").write_text("text")
    Path("torn.zip").write_bytes(b"PK no zip")
    with pytest.raises(error, match=message):
        check_data(**({"spec": "digits"} | arguments))  # type: ignore[arg-type]
    assert not Path("out.npz").exists()


def test_the_command(messy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["--fix", str(tmp_path / "c.npz"), "--size", "32"], 0), (["--size", "7"], 2)):
        with pytest.raises(SystemExit) as stop:
            main(["data", "check", str(messy), *arguments])
        assert stop.value.code == code
    out = capsys.readouterr().out
    assert "6 problems" in out and "14 + 12 images of 32x32" in out
    with pytest.raises(SystemExit) as stop:
        main(["data", "check", str(tmp_path / "nothing.zip")])
    assert stop.value.code == 3
    stream = io.StringIO(out)
    assert max(len(line) for line in stream) < 400


def test_odd_files_and_names_are_told_without_warnings(tmp_path: Path) -> None:
    save(tmp_path / "犬/\udcff.png")
    (tmp_path / "犬/é.png").write_text("text")
    Image.new("1", (10_000, 9_000)).save(tmp_path / "犬/large.png")  # of which Pillow warns
    command = [sys.executable, "-c", "from bayesgan.cli import main; main()", "data", "check", "犬"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "data                   \\u72ac" in done.stdout and "1: \\xe9.png" in done.stdout
    assert "\\udcff.png" in done.stdout  # of another size or kind


def test_images_that_are_not_read_are_counted(tmp_path: Path) -> None:
    root = tmp_path / "set"
    read = ("train/a/0.png", "train/b/0.png", "test/a/1.png", "test/b/1.png")
    for number, name in enumerate((*read, "train/a/more/2.png", "val/a/3.png")):
        save(root / name, picture(number, 8, 8))
    for name in ("train/b/scan.TIF", ".hidden.png", "notes.txt"):
        (root / name).write_text("")
    rows = dict(check_data(str(root)))
    assert rows["left out"] == "3: train/a/more/2.png, train/b/scan.TIF, val/a/3.png"
    assert rows["result"] == "1 problem"
