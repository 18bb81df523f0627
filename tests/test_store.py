"""Run folders: nobody ever sees half a file, and what is not a run folder says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bayesgan.errors import DataError
from bayesgan.files import atomic, write_json, write_text
from bayesgan.store import Store, load_sample, numbered


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_text(folder / "f.txt", "x" * 100_000),
        lambda folder: write_json(folder / "f.json", list(range(50_000))),
        lambda folder: Store(folder).save_checkpoint({"weights": torch.zeros(50_000)}),
        lambda folder: Store(folder).save_sample(7, {"generator": {"w": torch.zeros(1, 50_000)}}),
        lambda folder: Store(folder).write_metrics([{"step": i} for i in range(5_000)]),
    ],
)
def test_full_disk_is_one_line_and_leaves_nothing(write: Callable[[Path], None], tmp_path: Path) -> None:
    """Point every temporary file at /dev/full, where each write fails as on a full disk."""
    names = ["f.txt", "f.json", "checkpoint.pt", "posterior/000007.safetensors", "metrics.jsonl"]
    (tmp_path / "posterior").mkdir()
    for name in map(Path, names):
        (tmp_path / name.parent / f".{name.stem}.{os.getpid()}.partial{name.suffix}").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"cannot write .*: the disk is full") as error:
        write(tmp_path)
    assert error.value.code == 3
    assert not any((tmp_path / name).exists() for name in names)
    assert len([p for p in tmp_path.rglob(".*") if p.is_symlink()]) == len(names) - 1


def test_atomic_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_numbering_takes_the_next_free(tmp_path: Path) -> None:
    assert numbered(tmp_path, "gan-digits").name == "00000-gan-digits"
    (tmp_path / "00007-dcgan-mnist").mkdir()
    assert numbered(tmp_path, "gan-digits").name == "00008-gan-digits"


def test_what_is_no_run_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run folder at"):
        Store.open(tmp_path / "missing")
    with pytest.raises(DataError, match=r"not a run folder: it has no config.toml"):
        Store.open(tmp_path)


def test_broken_files_of_a_run_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(DataError, match=r"no checkpoint.pt to resume from"):
        store.load_checkpoint()
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match=r"cannot read .*checkpoint.pt"):
        store.load_checkpoint()
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(DataError, match=r"evaluation.json is not valid JSON"):
        store.json("evaluation.json")
    (tmp_path / "000001.safetensors").write_bytes(b"short")
    with pytest.raises(DataError, match=r"cannot read .*000001.safetensors"):
        load_sample(tmp_path / "000001.safetensors")


def test_samples_survive_the_round_trip(tmp_path: Path) -> None:
    weights = {"generator": {"0.weight": torch.randn(3, 4, 2)}, "discriminator": {"head.bias": torch.randn(1, 5)}}
    Store(tmp_path).save_sample(12, weights)
    (path,) = Store(tmp_path).bank()
    loaded = load_sample(path)
    assert path.name == "000012.safetensors"
    assert torch.equal(loaded["generator"]["0.weight"], weights["generator"]["0.weight"])
    assert torch.equal(loaded["discriminator"]["head.bias"], weights["discriminator"]["head.bias"])


def test_the_bank_is_in_the_order_of_its_steps(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for step in (900_000, 1_000_000, 999_999, 1_100_000, 100):
        store.save_sample(step, {"generator": {"w": torch.zeros(1)}})
    assert [int(path.stem) for path in store.bank()] == [100, 900_000, 999_999, 1_000_000, 1_100_000]
