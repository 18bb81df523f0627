"""Every way in which data come, and every way in which they come broken."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bayesgan.data import sets, toy
from bayesgan.data.color_mnist import colours
from bayesgan.data.readers import read_idx
from bayesgan.data.sets import load
from bayesgan.errors import DataError

GREY, COLOUR = (12, 12), (12, 12, 3)
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, array: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(*GREY) if array is None else array).save(path)
    return path


def fails(pattern: str, spec: object, data_dir: Path | None = None) -> None:
    """The spec is refused with exit code 3 and one line that says so."""
    with pytest.raises(DataError, match=pattern) as err:
        load(str(spec), data_dir)
    assert err.value.code == 3 and "\n" not in str(err.value)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_mnist(folder: Path, *, ending: str = "", train: int = 20, labels: int = 20) -> None:
    folder.mkdir(parents=True)
    digits = np.arange(20, dtype=np.uint8) % 10
    for name, array in zip(IDX, (pixels(train, 28, 28), digits[:labels], pixels(10, 28, 28), digits[:10]), strict=True):
        content = idx(array)
        (folder / (name + ending)).write_bytes(gzip.compress(content) if ending == ".gz" else content)


def test_digits_come_with_scikit_learn() -> None:
    data = load("digits")
    assert data.shape == (1, 8, 8) and data.test is None and len(data.train.images) == 1797
    assert data.train.images.dtype == np.uint8 and data.train.images.max() == 255
    assert data.classes == tuple("0123456789")


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("folder", ["MNIST/raw", "mnist", "."])
def test_mnist_in_its_publishers_files(tmp_path: Path, folder: str, ending: str) -> None:
    write_mnist(tmp_path / "root" / folder, ending=ending)
    data = load("mnist", tmp_path / "root")
    assert data.shape == (1, 28, 28) and data.test is not None and len(data.test.images) == 10
    assert np.array_equal(data.train.images[:, 0], pixels(20, 28, 28)) and data.train.images.flags.writeable
    assert data.train.labels is not None and data.train.labels.dtype == np.int64


def test_fashion_by_environment_and_with_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "FashionMNIST/raw")
    for name in IDX:
        (tmp_path / "FashionMNIST/raw" / name).rename(tmp_path / "FashionMNIST/raw" / name.replace("-idx", ".idx"))
    monkeypatch.setenv("BAYESGAN_DATA", str(tmp_path))
    assert load("fashion-mnist").classes[9] == "Ankle boot"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("fashion-mnist", "~").classes[9] == "Ankle boot"


def test_color_mnist_is_mnist_in_colours_that_say_nothing_of_the_class(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST/raw")
    grey, data, again = load("mnist", tmp_path), load("color-mnist", tmp_path), load("color-mnist", tmp_path)
    assert data.shape == (3, 28, 28) and data.classes == grey.classes and data.test is not None and again.test
    assert np.array_equal(data.train.images, again.train.images) and data.train.images.dtype == np.uint8
    for name, part, other in (("train", data.train, grey.train), ("test", data.test, grey.test)):
        assert np.array_equal(part.labels, other.labels)
        expected = other.images / 255 * colours(len(part.images), name)[:, :, None, None]
        assert np.abs(part.images - expected).max() <= 1
        white, colour = other.images[:, 0] == 255, np.moveaxis(part.images, 1, -1)
        assert (colour[white] == np.repeat(colours(len(white), name), white.sum((1, 2)), axis=0)).all()
        assert (colour[other.images[:, 0] == 0] == 0).all()


def test_colours_are_bright_varied_and_belong_to_the_image() -> None:
    many = colours(6000, "train")
    assert np.array_equal(many[:7], colours(7, "train")) and not np.array_equal(many[:7], colours(7, "test"))
    assert many.max(1).min() >= 191 and (many.min(1) <= many.max(1) / 2 + 1).all()
    assert np.bincount(many.argmax(1)).min() > 1800
    assert many.std(0).min() > 60


def test_mnist_that_is_missing_or_wrong(tmp_path: Path) -> None:
    wanted = ", ".join(f"{name}.gz" for name in IDX)
    for name in ("mnist", "color-mnist"):
        fails(rf"^{name} .*put {wanted} into .*MNIST/raw.*--data-dir.*\$BAYESGAN_DATA", name, tmp_path)
    write_mnist(tmp_path / "a", labels=19)
    fails(r"mnist \(train part\): 19 labels for 20 images", "mnist", tmp_path / "a")
    write_mnist(tmp_path / "b")
    (tmp_path / "b" / IDX[3]).write_bytes(idx(np.full(10, 12, np.uint8)))
    fails(r"\(test part\): unknown class 12; .* 0, 1, 2", "mnist", tmp_path / "b")


def test_broken_idx(tmp_path: Path) -> None:
    whole, file = idx(pixels(4, 8, 8)), tmp_path / "file"
    broken = {
        whole[:-1]: "255 of 256",
        gzip.compress(whole)[:-9]: "cut short",
        b"\0\0": "not an idx",
        b"text!": "not an idx",
    }
    for content, pattern in broken.items():
        file.write_bytes(content)
        with pytest.raises(DataError, match=pattern) as err:
            read_idx(file)
        assert err.value.code == 3


@pytest.mark.parametrize("name, modes", [("ring", 8), ("grid", 25)])
def test_toy_sets_know_their_modes(name: str, modes: int) -> None:
    data, again = load(name), load(name)
    assert data.shape == (2,) and data.centres is not None and data.centres.shape == (modes, 2)
    assert data.train.images.dtype == np.float32 and data.train.labels is not None and data.test is not None
    assert (len(data.train.images), len(data.test.images)) == (10_000, 2_000)
    assert np.array_equal(data.train.images, again.train.images)
    assert abs((data.train.images - data.centres[data.train.labels]).std() - toy.STD) < 0.001
    assert np.unique(np.bincount(data.train.labels)).size == 1 and np.abs(data.centres).max() == 2


@pytest.mark.parametrize("shape", [GREY, COLOUR])
def test_flat_folder(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = [pixels(*shape, seed=i) for i in range(3)]
    for i, array in enumerate(arrays):
        save(tmp_path / f"{i}.PNG", array)
    for ignored in (".hidden.png", "notes.txt"):
        (tmp_path / ignored).write_text("no image")
    save(tmp_path / "__MACOSX" / "x.png")
    data = load(str(tmp_path))
    assert data.train.labels is None and data.test is None and data.classes == ()
    expected = np.stack(arrays).reshape(3, 12, 12, -1).transpose(0, 3, 1, 2)
    assert np.array_equal(data.train.images, expected) and data.name == str(tmp_path)


def test_class_folders_with_a_test_part(tmp_path: Path) -> None:
    for name in ("train/dog/1.png", "train/cat/1.png", "train/cat/2.png", "test/dog/1.png"):
        save(tmp_path / name)
    data = load(str(tmp_path))
    assert data.classes == ("cat", "dog") and data.train.labels is not None and data.test is not None
    assert data.train.labels.tolist() == [0, 0, 1] and data.test.labels is not None and data.test.labels.tolist() == [1]
    save(tmp_path / "test/eel/1.png")
    fails(r"\(test part\): unknown class eel; the training part has cat, dog", tmp_path)


@pytest.mark.parametrize("name", ["validation", "valid", "val"])
def test_another_name_of_a_test_part_counts_where_there_is_no_test(tmp_path: Path, name: str) -> None:
    for file in ("train/dog/1.png", "train/cat/1.png", f"{name}/dog/1.png"):
        save(tmp_path / file)
    data = load(str(tmp_path))
    assert data.classes == ("cat", "dog") and data.test is not None and data.test.labels is not None
    assert data.test.labels.tolist() == [1]
    save(tmp_path / "test/cat/1.png")
    data = load(str(tmp_path))
    assert data.test is not None and data.test.labels is not None and data.test.labels.tolist() == [0]


def test_flat_train_and_test(tmp_path: Path) -> None:
    save(tmp_path / "train/1.png")
    save(tmp_path / "test/1.png")
    data = load(str(tmp_path))
    assert data.test is not None and data.test.labels is None and data.train.images.shape == (1, 1, 12, 12)


@pytest.mark.parametrize(
    "mode, channels, value", [("1", 1, 255), ("LA", 1, 200), ("RGBA", 3, 200), ("P", 3, 200), ("I;16", 1, 200)]
)
def test_modes_become_grey_or_colour(tmp_path: Path, mode: str, channels: int, value: int) -> None:
    grey = np.full(GREY, 200, np.uint8)
    image = (
        Image.fromarray(grey.astype(np.uint16) << 8)
        if mode == "I;16"
        else Image.fromarray(grey).convert(mode, dither=Image.Dither.NONE)
    )
    image.save(tmp_path / "x.png")
    images = load(str(tmp_path / "x.png")).train.images
    assert images.shape == (1, channels, 12, 12) and (images == value).all()


def test_images_that_do_not_fit(tmp_path: Path) -> None:
    save(tmp_path / "mixed/a.png")
    save(tmp_path / "mixed/b.png", pixels(*COLOUR))
    fails(r"b\.png is 12x12 colour; expected 12x12 grey like a\.png: convert", tmp_path / "mixed")
    save(tmp_path / "sizes/train/a.png", pixels(10, 12))
    save(tmp_path / "sizes/test/b.png", pixels(12, 12))
    fails(
        r"test/b\.png is 12x12 grey; expected 12x10 grey like a\.png: resize all to one size \(bayesgan data",
        tmp_path / "sizes",
    )
    save(tmp_path / "photographs/a.png", pixels(200, 300))
    cure = r"resize all \(bayesgan data check, with --fix OUT\.npz, does\)"
    fails(rf"a\.png: 300x200 pixels; expected 8 to 128 a side: {cure}", tmp_path / "photographs")
    fails(r"small\.png: 7x8 pixels; expected 8 to 128 a side$", save(tmp_path / "small.png", pixels(8, 7)))
    fails(r"large\.png: 129x8 pixels; expected 8 to 128 a side", save(tmp_path / "large.png", pixels(8, 129)))


def test_broken_and_missing_images(tmp_path: Path) -> None:
    whole = save(tmp_path / "cut/a.png", pixels(64, 64)).read_bytes()
    for content in (whole[:-500], b"", b"text"):
        (tmp_path / "cut/a.png").write_bytes(content)
        fails(r"cut/a\.png is broken, cut short or no image", tmp_path / "cut")
    (tmp_path / "empty/class").mkdir(parents=True)
    fails(r"empty/class holds no images", tmp_path / "empty")
    fails(r"class holds no images", tmp_path / "empty/class")
    save(tmp_path / "both/a.png")
    save(tmp_path / "both/cat/a.png")
    fails(r"both mixes images \(a\.png\) with class folders", tmp_path / "both")


@pytest.mark.parametrize("top", ["", "pets/"])
def test_zip_is_a_folder(tmp_path: Path, top: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(pixels(*COLOUR)).save(stream, "PNG")
    names = ("cat/1.png", "dog/1.png", "dog/2.png", "dog/.3.png")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name in [top + name for name in names] + ["__MACOSX/cat/1.png", "readme.txt"]:
            archive.writestr(name, stream.getvalue())
    data = load(str(tmp_path / "pets.zip"))
    assert data.classes == ("cat", "dog") and data.shape == (3, 12, 12)
    assert data.train.labels is not None and data.train.labels.tolist() == [0, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["pets.zip"]


def test_broken_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    fails(r"a\.zip is cut short, or is no zip", tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x/broken.png", b"text")
    fails(r"b\.zip/x/broken\.png is broken", tmp_path / "b.zip")
    entry = bytearray((tmp_path / "b.zip").read_bytes())
    entry[entry.rindex(b"PK\1\2") + 6] = 199  # the version that a reader needs
    (tmp_path / "b.zip").write_bytes(entry)
    fails(r"b\.zip is cut short, or is no zip", tmp_path / "b.zip")


def test_zips_that_cannot_be_read_in_place_say_so(tmp_path: Path) -> None:
    image = save(tmp_path / "1.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        archive.writestr("cat\\1.png", image)
        archive.writestr("dog\\1.png", image)
    fails(r"windows\.zip has backslashes between its folders: unpack it", tmp_path / "windows.zip")
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr("1.png", image)
    content = bytearray((tmp_path / "secret.zip").read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    fails(r"secret\.zip is encrypted: unpack it and give the folder", tmp_path / "secret.zip")


@pytest.mark.parametrize("name", ["../../a.png", "/a.png"])
def test_a_zip_is_never_unpacked(tmp_path: Path, name: str) -> None:
    image = save(tmp_path / "deep/er/image.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "deep/er/a.zip", "w") as archive:
        archive.writestr(name, image)
        archive.writestr("c.png", image)
    load(str(tmp_path / "deep/er/a.zip"))
    assert {path.name for path in tmp_path.rglob("*")} == {"deep", "er", "a.zip", "image.png"}


X, Y = pixels(6, 12, 12), np.array([7, 3, -1, 3, 7, 3])


@pytest.mark.parametrize(
    "arrays, shape, classes",
    [
        ({"x": X}, (1, 12, 12), ()),
        ({"images": X, "labels": Y}, (1, 12, 12), ("3", "7")),
        ({"x": pixels(6, 10, 12, 3), "y": np.array([*"baabab"])}, (3, 10, 12), ("a", "b")),
        (
            {"x_train": pixels(6, 3, 10, 12), "y_train": Y, "x_test": pixels(2, 10, 12, 3), "y_test": Y[:2]},
            (3, 10, 12),
            ("3", "7"),
        ),
        ({"x": X, "y": np.full(6, -1)}, (1, 12, 12), ()),
    ],
)
def test_npz(tmp_path: Path, arrays: dict[str, Any], shape: tuple[int, ...], classes: tuple[str, ...]) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    data = load(str(tmp_path / "a.npz"))
    assert data.shape == shape and data.classes == classes and (data.test is not None) == ("x_test" in arrays)
    assert (data.train.labels is not None) == bool(classes)
    if "labels" in arrays:
        assert data.train.labels is not None and data.train.labels.tolist() == [1, 0, -1, 0, 1, 0]


@pytest.mark.parametrize(
    "arrays, pattern",
    [
        ({"data": X, "y": Y}, r"has the keys data, y; accepted are x_train, y_train, x_test, y_test; or images"),
        ({"x": X, "images": X}, r"has the keys x, images"),
        ({"x_train": X, "y_test": Y}, r"has the keys x_train, y_test"),
        ({"x": X / 255}, r"images are float64; expected uint8"),
        ({"x": X[0]}, r"images have the shape \(12, 12\)"),
        ({"x": pixels(2, 12, 12, 4)}, r"expected .* C 1 or 3"),
        ({"x": X[:0]}, r"images have the shape \(0, 1, 12, 12\)"),
        ({"x": pixels(2, 200, 8)}, r"8x200 pixels; expected 8 to 128"),
        ({"x": X, "y": Y[:5]}, r"5 labels for 6 images"),
        ({"x": X, "y": Y / 2}, r"labels are float64 \(6,\); expected integers or strings"),
        ({"x": X, "y": Y[:, None]}, r"labels are int64 \(6, 1\)"),
        ({"x": X, "y": Y.astype(object)}, r"objects are not read"),
        ({"x_train": X, "x_test": pixels(2, 14, 14)}, r"shape \(1, 14, 14\); expected \(1, 12, 12\) as in training"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1}, r"unknown class 0; the training part has 3, 7"),
        ({"x_train": X, "x_test": X, "y_test": Y}, r"unknown class 3; the training part has no labels"),
    ],
)
def test_npz_that_is_wrong(tmp_path: Path, arrays: dict[str, Any], pattern: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    fails(pattern, tmp_path / "a.npz")


def test_npz_that_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X)
    whole = (tmp_path / "a.npz").read_bytes()
    stream = io.BytesIO()
    np.save(stream, X)
    for content in (whole[:-100], b"", b"text", stream.getvalue()):
        (tmp_path / "a.npz").write_bytes(content)
        fails(r"a\.npz is broken, or no npz", tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**10, 128, 128, 3), r"a\.npz says that it holds more than fits into memory: train with --stream"),
        ((10**30, 8, 8), r"a\.npz is broken, or no npz"),
    ],
)
def test_npz_that_promises_too_much(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + b"text")
    fails(message, tmp_path / "a.npz")
    with pytest.raises(DataError, match="is broken, or no npz"):
        load(str(tmp_path / "a.npz"), stream=True)


def test_npz_that_is_packed_in_another_way(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X)
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[whole.rindex(b"PK\1\2") + 10] = 99  # the method of compression
    (tmp_path / "a.npz").write_bytes(whole)
    fails(r"a\.npz is broken, or no npz", tmp_path / "a.npz")


@pytest.mark.parametrize("spec", ["./mnist", "cats.zip", "pictures/cats", ".cats"])
def test_paths_that_do_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    monkeypatch.chdir(tmp_path)
    fails(f"no such file or folder: {re.escape(spec)}", spec)


def test_unknown_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fails(r"unknown data set 'minst': did you mean 'mnist'\?.*folder, zip or npz", "minst")
    fails(r"unknown data set '': choose from celeba, .*color-mnist, digits, ", "")
    (tmp_path / "notes.txt").write_text("text")
    fails(r"notes\.txt: expected a folder, a zip, an npz or an image", "notes.txt")
    fails("cannot read a+: File name too long", "a" * 300)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, stream: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(sets, "read", refuse)
    fails(r"cannot read .*: Permission denied", tmp_path)
