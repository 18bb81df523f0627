"""Named sets in their publishers' layouts, made up small, and the ways in which each comes broken."""

from __future__ import annotations

import io
import pickle
import shutil
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from bayesgan.data import celeba, stacked_mnist, toy
from bayesgan.data.pickles import read_pickle
from bayesgan.data.sets import SETS, load
from bayesgan.errors import DataError
from test_data import fails, pixels, write_mnist

NAMES = ["airplane", "automobile"]
HEAD = [f"attribute_{i}" for i in range(40)]


def test_the_named_sets() -> None:
    images = {"digits", "mnist", "fashion-mnist", "color-mnist", "stacked-mnist", "cifar10", "svhn"}
    faces = {"celeba", "celeba-32", "celeba-50", "celeba-64"}
    assert set(SETS) == images | faces | {"ring", "grid", "synthetic", "synthetic-500"}
    assert set(toy.POINTS) == {"ring", "grid", "synthetic", "synthetic-500"}


# CIFAR-10


def python2(value: Any) -> bytes:
    """Pickle a value as Python 2 with NumPy 1 did: strings of bytes, and numpy's old name for its core."""
    if isinstance(value, np.ndarray):
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR"
        kind = b"cnumpy\ndtype\n(U\x02u1K\0K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        shape = b"(" + b"".join(python2(n) for n in value.shape) + b"t"
        raw = value.tobytes()
        return made + b"(K\x01" + shape + kind + b"\x89T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(part) for item in value.items() for part in item) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(python2(item) for item in value) + b"e"
    if isinstance(value, int):
        return b"J" + value.to_bytes(4, "little", signed=True)
    return b"U" + bytes([len(value)]) + value.encode()


def write_cifar(folder: Path, count: int = 4) -> None:
    folder.mkdir(parents=True)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        batch = {"labels": [i % 2 for i in range(count)], "data": pixels(count, 3072, seed=number)}
        (folder / name).write_bytes(b"\x80\x02" + python2(batch) + b".")
    (folder / "batches.meta").write_bytes(b"\x80\x02" + python2({"label_names": NAMES}) + b".")


def test_cifar10_in_its_folder_and_in_its_archive(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar-10-batches-py")
    data = load("cifar10", tmp_path)
    assert data.shape == (3, 32, 32) and data.classes == tuple(NAMES) and data.test is not None
    assert len(data.train.images) == 20 and len(data.test.images) == 4 and data.train.labels is not None
    assert np.array_equal(data.train.images[4:8].reshape(4, -1), pixels(4, 3072, seed=1))
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    shutil.rmtree(tmp_path / "cifar-10-batches-py")
    packed = load("cifar10", tmp_path)
    assert np.array_equal(packed.train.images, data.train.images) and packed.classes == data.classes
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-python.tar.gz"]
    archive_file = tmp_path / "cifar-10-python.tar.gz"
    archive_file.write_bytes(archive_file.read_bytes()[:-4000])
    fails(r"cifar-10-python\.tar\.gz\S* is cut short or broken", "cifar10", tmp_path)
    with tarfile.open(archive_file, "w:gz") as archive:
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "../../etc/passwd"
        archive.addfile(link)
    fails(r"cifar-10-python\.tar\.gz has no data_batch_1, ", "cifar10", tmp_path)


def test_cifar10_that_is_incomplete(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar(folder)
    whole = (folder / "data_batch_2").read_bytes()
    (folder / "data_batch_2").write_bytes(whole[:-100])
    fails(r"data_batch_2 is cut short or broken: fetch it again", "cifar10", tmp_path)
    (folder / "data_batch_2").write_bytes(pickle.dumps([1]))
    fails(r"data_batch_2 holds a list; expected a dictionary", "cifar10", tmp_path)
    (folder / "data_batch_2").write_bytes(pickle.dumps({"labels": [1]}))
    fails(r"data_batch_2: data is NoneType; expected uint8 \(N, 3072\)", "cifar10", tmp_path)
    (folder / "data_batch_2").write_bytes(pickle.dumps({"labels": [1], "data": pixels(2, 3072)}, protocol=4))
    fails(r"data_batch_2: 1 labels for 2 images", "cifar10", tmp_path)
    (folder / "data_batch_2").write_bytes(pickle.dumps({"labels": [1, [2]], "data": pixels(2, 3072)}))
    fails(r"data_batch_2: labels are not whole numbers", "cifar10", tmp_path)
    (folder / "data_batch_2").unlink()
    fails(r"cifar-10-batches-py has no data_batch_2: fetch cifar-10-python\.tar\.gz again", "cifar10", tmp_path)


class Evil:
    """What a pickle could do if it were let."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("pwned"),))


@pytest.mark.parametrize("value", [Evil(), OrderedDict(a=1), np.ma.masked_array([1, 2])])
def test_pickles_of_any_class_but_arrays_are_refused(
    value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^batch asks for \S+\.\S+, which no array needs") as err:
        read_pickle(io.BytesIO(pickle.dumps({"data": value})), "batch")
    assert err.value.code == 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", [b"cos\nsystem\n(Vtouch pwned\ntR.", b"cbuiltins\neval\n(V1\ntR.", b"cnumpy\nload\n."])
def test_pickles_cannot_call(call: bytes) -> None:
    with pytest.raises(DataError, match=r"asks for (os\.system|builtins\.eval|numpy\.load)"):
        read_pickle(io.BytesIO(call), "batch")


def test_pickles_of_arrays_and_numbers_of_any_protocol_up_to_4() -> None:
    for protocol in (3, 4):
        value = {"x": np.arange(6.0).reshape(2, 3), "n": np.int64(3), "names": ["a"]}
        read = read_pickle(io.BytesIO(pickle.dumps(value, protocol)), "batch")
        assert np.array_equal(read["x"], value["x"]) and read["n"] == 3 and read["names"] == ["a"]


# SVHN


def write_svhn(folder: Path, **changed: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 20), ("test", 10)):
        content = {"X": pixels(32, 32, 3, count), "y": np.arange(count, dtype=np.uint8)[:, None] % 10 + 1} | changed
        savemat(folder / f"{part}_32x32.mat", {k: v for k, v in content.items() if v is not None}, do_compression=True)


@pytest.mark.parametrize("folder", ["svhn", "."])
def test_svhn(tmp_path: Path, folder: str) -> None:
    write_svhn(tmp_path / folder)
    data = load("svhn", tmp_path)
    assert data.shape == (3, 32, 32) and data.classes == tuple("0123456789") and data.test is not None
    assert np.array_equal(data.train.images[3], pixels(32, 32, 3, 20)[..., 3].transpose(2, 0, 1))
    assert data.train.labels is not None and data.train.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_svhn_that_is_wrong(tmp_path: Path) -> None:
    write_svhn(tmp_path / "svhn", X=None)
    fails(r"train_32x32\.mat has no variable X; expected X \(32, 32, 3, N\)", "svhn", tmp_path)
    write_svhn(tmp_path / "svhn", y=None)
    fails(r"train_32x32\.mat has no variable y", "svhn", tmp_path)
    write_svhn(tmp_path / "svhn", y=np.ones((3, 1), np.uint8))
    fails(r"train_32x32\.mat: X is \(32, 32, 3, 20\), y uint8 \(3, 1\); expected", "svhn", tmp_path)
    write_svhn(tmp_path / "svhn")
    file = tmp_path / "svhn/test_32x32.mat"
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"text"):
        file.write_bytes(content)
        fails(r"test_32x32\.mat is cut short or broken, or no Matlab file", "svhn", tmp_path)


# CelebA


def write_celeba(folder: Path, count: int = 6, partition: bool = True) -> None:
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = [f"{count}", " ".join(HEAD)]
    for i in range(count):
        picture = np.zeros((218, 178, 3), np.uint8)
        picture[55:163, 35:143] = 40 * i + 10  # only the face is not black
        Image.fromarray(picture).save(folder / f"img_align_celeba/{i + 1:06d}.jpg", quality=95)
        held = [1 if j in celeba.TASK and i >> celeba.TASK.index(j) & 1 else -1 for j in range(40)]
        rows.append(f"{i + 1:06d}.jpg " + " ".join(f"{number:2d}" for number in held))
    (folder / celeba.ATTRIBUTES).write_text("\n".join(rows) + "\n")
    if partition:
        parts = [f"{i + 1:06d}.jpg {part}" for i, part in enumerate([0, 0, 0, 1, 2, 2][:count])]
        (folder / celeba.PARTITION).write_text("\n".join(parts) + "\n")


@pytest.mark.parametrize("spec, side", [("celeba", 64), ("celeba-32", 32), ("celeba-50", 50), ("celeba-64", 64)])
@pytest.mark.parametrize("folder", ["celeba", "."])
def test_celeba_crops_the_face(tmp_path: Path, spec: str, side: int, folder: str) -> None:
    write_celeba(tmp_path / folder)
    data = load(spec, tmp_path)
    assert data.name == spec and data.shape == (3, side, side) and data.test is not None
    assert (len(data.train.images), len(data.test.images)) == (4, 2) and data.train.labels is not None
    inside = data.train.images[3][:, 2:-2, 2:-2]
    assert np.abs(inside.astype(int) - 130).max() <= 4
    assert data.train.labels.tolist() == [0, 1, 2, 3] and data.test.labels is not None
    assert data.test.labels.tolist() == [4, 5] and len(data.classes) == 32
    assert data.classes[:4] == ("none", "attribute_9", "attribute_15", "attribute_9+attribute_15")


def test_celeba_without_a_partition(tmp_path: Path) -> None:
    write_celeba(tmp_path, partition=False)
    data = load("celeba-32", tmp_path)
    assert data.test is None and len(data.train.images) == 6


def test_celeba_that_does_not_fit(tmp_path: Path) -> None:
    write_celeba(tmp_path)
    attributes, partition = tmp_path / celeba.ATTRIBUTES, tmp_path / celeba.PARTITION
    text = attributes.read_text()
    attributes.write_text("".join(text.splitlines(keepends=True)[:-1]))
    fails(r"list_attr_celeba\.txt says 6 images and lists 5: fetch it again", "celeba", tmp_path)
    for broken in (text[:-30], text.replace(" 1", f" {10**20}"), ""):
        attributes.write_text(broken)
        fails(r"list_attr_celeba\.txt is cut short or broken", "celeba", tmp_path)
    attributes.write_text(text)
    last = tmp_path / "img_align_celeba/000006.jpg"
    jpeg = last.read_bytes()
    last.rename(tmp_path / "img_align_celeba/000009.jpg")
    fails(r"lists 000006\.jpg where .*img_align_celeba has 000009\.jpg", "celeba", tmp_path)
    (tmp_path / "img_align_celeba/000009.jpg").unlink()
    fails(r"list_attr_celeba\.txt lists 6 images, and .*img_align_celeba has 5", "celeba", tmp_path)
    last.write_bytes(jpeg[: len(jpeg) // 2])
    fails(r"000006\.jpg is broken, cut short or no image", "celeba", tmp_path)
    Image.new("RGB", (64, 64)).save(last)
    fails(r"000006\.jpg is 64x64; expected 178x218", "celeba", tmp_path)
    partition.write_text("000001.jpg 0\n")
    fails(r"list_eval_partition\.txt lists 1 images, and .*list_attr_celeba\.txt has 6", "celeba", tmp_path)


def test_celeba_cannot_be_downloaded(tmp_path: Path) -> None:
    where = r"put img_align_celeba \(unpacked\), list_attr_celeba\.txt and list_eval_partition\.txt from https"
    fails(rf"^celeba-50 is not under .*{where}.* into .*celeba, .*--data-dir", "celeba-50", tmp_path)


# Stacked MNIST, synthetic


def test_stacked_mnist_is_three_digits(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST/raw")
    grey, data, again = load("mnist", tmp_path), load("stacked-mnist", tmp_path), load("stacked-mnist", tmp_path)
    assert data.shape == (3, 28, 28) and data.classes[7] == "007" and len(data.classes) == 1000
    assert np.array_equal(data.train.images, again.train.images) and data.test is not None and grey.test is not None
    for name, part, other in (("train", data.train, grey.train), ("test", data.test, grey.test)):
        rows = stacked_mnist.triples(len(part.images), name)
        assert part.labels is not None and other.labels is not None and len(part.images) == len(other.images)
        for channel in range(3):
            assert np.array_equal(part.images[:, channel], other.images[rows[:, channel], 0])
            assert np.array_equal(part.labels // 10 ** (2 - channel) % 10, other.labels[rows[:, channel]])


@pytest.mark.parametrize("name, dimension", [("synthetic", 100), ("synthetic-500", 500)])
def test_synthetic_has_the_covariance_of_its_recipe(name: str, dimension: int) -> None:
    data, again = load(name), load(name)
    assert data.shape == (dimension,) and data.train.labels is None and data.centres is None and data.classes == ()
    assert data.test is not None and (len(data.train.images), len(data.test.images)) == (10_000, 2_000)
    assert data.train.images.dtype == np.float32 and np.array_equal(data.train.images, again.train.images)
    x, mixing = data.train.images.astype(np.float64), toy.mixing(name)
    true = 10 * mixing @ mixing.T
    assert np.linalg.norm(x.T @ x / len(x) - true) < 0.05 * np.linalg.norm(true)
    # What is left when the plane of A is taken away is noise of variance 0.01.
    plane, _ = np.linalg.qr(mixing)
    rest = x - x @ plane @ plane.T
    assert abs((rest**2).sum() / len(x) / (dimension - 2) - 0.01) < 1e-4


def test_the_principal_plane_of_a_synthetic_set() -> None:
    axes, x = toy.principal("synthetic"), load("synthetic").train.images
    seen = np.cov((x @ axes).T)
    assert axes.shape == (100, 2) and abs(seen[0, 0] - 1) < 0.05 and seen[1, 1] <= 1 and abs(seen[0, 1]) < 0.05
