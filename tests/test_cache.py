"""The cache of decoded images: decoded once, noticed when stale, rebuilt when broken, missed when it cannot be."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesgan.data import celeba, decode, folders
from bayesgan.data.cache import cache_folder
from bayesgan.data.sets import load
from bayesgan.errors import DataError
from test_data import pixels, save
from test_sets import write_celeba


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and the folder of its entries."""
    monkeypatch.setenv("BAYESGAN_CACHE", str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls of the decoder."""
    calls: list[Any] = []
    alike = folders.alike
    monkeypatch.setattr(folders, "alike", lambda files, read: (calls.append(files), alike(files, read))[1])
    return calls


def images(folder: Path, count: int = 5) -> np.ndarray:
    """Write images and return them as they are read."""
    arrays = [pixels(12, 12, 3, seed=i) for i in range(count)]
    for i, array in enumerate(arrays):
        save(folder / f"{i}.png", array)
    return np.stack(arrays).transpose(0, 3, 1, 2)


def test_a_folder_is_decoded_once(tmp_path: Path, entries: Path, decoded: list[Any]) -> None:
    expected = images(tmp_path / "a")
    for _ in range(2):
        found = load(str(tmp_path / "a")).train.images
        assert isinstance(found, np.memmap) and np.array_equal(found, expected)
    assert len(decoded) == 1 and len([*entries.iterdir()]) == 1
    found[:] = 0  # a map may be written to; the cache does not change
    assert np.array_equal(load(str(tmp_path / "a")).train.images, expected)


def test_a_folder_is_the_same_however_it_is_spelled(
    tmp_path: Path, entries: Path, decoded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    images(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    for spelled in (str(tmp_path / "a"), "a", "./a/../a", "link"):
        load(spelled)
    assert len(decoded) == 1 and len([*entries.iterdir()]) == 1


def test_a_changed_folder_takes_the_place_of_the_old_one(tmp_path: Path, entries: Path, decoded: list[Any]) -> None:
    images(tmp_path / "a")
    images(tmp_path / "b")
    before = [load(str(tmp_path / name)).train.images for name in "ab"]
    save(tmp_path / "a" / "0.png", pixels(12, 12, 3, seed=99))
    os.utime(tmp_path / "a" / "0.png", (1, 1))
    after = [load(str(tmp_path / name)).train.images for name in "ab"]
    assert np.array_equal(after[0][0], pixels(12, 12, 3, seed=99).transpose(2, 0, 1))
    assert np.array_equal(after[1], before[1]) and np.array_equal(after[0][1:], before[0][1:])
    assert len(decoded) == 3 and len([*entries.iterdir()]) == 2
    (tmp_path / "a" / "0.png").unlink()
    assert len(load(str(tmp_path / "a")).train.images) == 4 and len([*entries.iterdir()]) == 2


def test_a_broken_entry_is_made_anew(tmp_path: Path, entries: Path, decoded: list[Any]) -> None:
    expected = images(tmp_path / "a")
    load(str(tmp_path / "a"))
    (entry,) = entries.iterdir()
    whole = entry.read_bytes()
    np.save(tmp_path / "short.npy", expected[:2])
    np.save(tmp_path / "float.npy", expected.astype(np.float32))
    for content in (
        b"",
        b"text",
        whole[:-1],
        *((tmp_path / name).read_bytes() for name in ("short.npy", "float.npy")),
    ):
        entry.write_bytes(content)
        assert np.array_equal(load(str(tmp_path / "a")).train.images, expected)
        assert entry.read_bytes() == whole
    assert len(decoded) == 6


def test_without_a_place_to_write_images_are_decoded_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = images(tmp_path / "a")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BAYESGAN_CACHE", str(tmp_path / "file"))
    assert np.array_equal(load(str(tmp_path / "a")).train.images, expected)


def test_a_full_disk_is_no_error(tmp_path: Path, entries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = images(tmp_path / "a")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    assert np.array_equal(load(str(tmp_path / "a")).train.images, expected)
    assert not [*entries.iterdir()]


def test_a_folder_that_does_not_fit_leaves_nothing(tmp_path: Path, entries: Path) -> None:
    images(tmp_path / "a")
    save(tmp_path / "a" / "9.png", pixels(14, 14))
    with pytest.raises(DataError, match=r"9\.png is 14x14 grey"):
        load(str(tmp_path / "a"))
    assert not [*entries.iterdir()]


def test_zips_and_parts_and_many_pieces(
    tmp_path: Path, entries: Path, decoded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "CHUNK", 3)
    expected = images(tmp_path / "a" / "train", 7)
    images(tmp_path / "a" / "test", 2)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted((tmp_path / "a").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path))
    for spec in ("a", "a.zip", "a.zip"):
        data = load(str(tmp_path / spec))
        assert np.array_equal(data.train.images, expected)
        assert data.test is not None and np.array_equal(data.test.images, expected[:2])
    assert len(decoded) == 2


def test_faces_are_cropped_once_for_each_size(tmp_path: Path, entries: Path, decoded: list[Any]) -> None:
    write_celeba(tmp_path)
    (tmp_path / "img_align_celeba" / "._000001.jpg").write_text("what a Mac leaves behind")
    for spec in ("celeba-32", "celeba-50", "celeba-32"):
        data = load(spec, tmp_path)
        assert data.test is not None and isinstance(data.train.images, np.memmap)
        assert (len(data.train.images), len(data.test.images)) == (4, 2)
    assert len(decoded) == 2 and len([*entries.iterdir()]) == 2
    lines = (tmp_path / celeba.PARTITION).read_text().splitlines()
    (tmp_path / celeba.PARTITION).write_text("\n".join([lines[0].replace(" 0", " 2"), *lines[1:]]))
    again = load("celeba-32", tmp_path)
    assert again.test is not None and len(decoded) == 3 and len([*entries.iterdir()]) == 2
    assert np.array_equal(again.train.images, data.train.images[1:])
    assert np.array_equal(again.test.images, np.concatenate([data.train.images[:1], data.test.images]))


@pytest.mark.parametrize("save_npz", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(9, 12, 12), (9, 12, 10, 3), (9, 3, 12, 10)])
def test_a_streamed_npz_is_mapped(tmp_path: Path, entries: Path, save_npz: Any, shape: tuple[int, ...]) -> None:
    y = np.arange(9) % 3
    save_npz(tmp_path / "a.npz", x_train=pixels(*shape), y_train=y, x_test=pixels(*shape)[:4], y_test=y[:4])
    plain, mapped = (load(str(tmp_path / "a.npz"), stream=stream) for stream in (False, True))
    assert mapped.test is not None and plain.test is not None
    for a, b in ((plain.train, mapped.train), (plain.test, mapped.test)):
        assert isinstance(b.images, np.memmap) and not isinstance(a.images, np.memmap)
        assert np.array_equal(a.images, b.images) and np.array_equal(a.labels, b.labels)  # type: ignore[arg-type]
    assert len([*entries.iterdir()]) == 2


def test_a_streamed_npz_that_is_wrong_is_refused_as_ever(tmp_path: Path) -> None:
    for arrays, message in (
        ({"x": pixels(6, 12, 12) / 255}, "images are float64; expected uint8"),
        ({"data": pixels(6, 12, 12)}, "has the keys data"),
        ({"x": pixels(0, 12, 12)}, "images have the shape"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=message):
            load(str(tmp_path / "a.npz"), stream=True)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(DataError, match="is broken, or no npz"):
        load(str(tmp_path / "a.npz"), stream=True)
