"""Streamed batches: the same rows, and the same training to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bayesgan.data.labels import open_data
from bayesgan.data.rows import Resident, Rows, Streamed, gather
from bayesgan.data.sets import load
from bayesgan.evaluate import evaluate
from bayesgan.training import train
from test_training import assert_same, numbers, tiny

CPU = torch.device("cpu")


def some(count: int = 50) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), np.uint8)


def test_rows_are_an_array_without_a_copy() -> None:
    source, index = some(), np.arange(3, 50, 2)
    rows, copy = Rows(source, index), source[index]
    assert len(rows) == len(copy) and rows.shape == copy.shape and rows.dtype == copy.dtype
    for key in (np.array([4, 1, 1, 20]), 7, np.arange(24)):
        assert np.array_equal(rows[key], copy[key])
    assert np.allclose(rows.mean(0, dtype=np.float64), copy.mean(0, dtype=np.float64))
    assert np.array_equal(np.concatenate([*rows.pieces()]), copy)


def test_gathering_keeps_the_order_that_was_asked_for() -> None:
    numbers = np.array([9, 3, 3, 40, 0])
    assert np.array_equal(gather(some(), numbers), some()[numbers])


@pytest.mark.parametrize("index", [None, np.arange(3, 50, 2)])
def test_both_kinds_of_images_give_the_same_rows(index: np.ndarray | None) -> None:
    images = some() if index is None else Rows(some(), index)
    rows = torch.tensor([5, 2, 2, 19])
    a, b = Resident(images, CPU)(rows), Streamed(images, CPU)(rows)
    assert torch.equal(a, b) and a.dtype == torch.uint8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a folder per class."""
    root, digits = tmp_path_factory.mktemp("digits"), load("digits").train
    assert digits.labels is not None
    for i, (image, label) in enumerate(zip(digits.images[:300], digits.labels[:300], strict=True)):
        (root / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image[0]).save(root / str(label) / f"{i:04d}.png")
    return root


@pytest.mark.parametrize("kind", ["folder", "npz"])
@pytest.mark.parametrize("system", ["bayesgan", "supervised", "ensemble"])
def test_streamed_training_is_bitwise_the_same(system: str, kind: str, folder: Path, tmp_path: Path) -> None:
    path = folder
    if kind == "npz":
        data = load(str(folder)).train
        path = tmp_path / "digits.npz"
        np.savez(path, x=data.images, y=data.labels)  # type: ignore[arg-type]
    run = tiny(system, data=str(path), validation=20)
    for name, stream in (("resident", False), ("streamed", True)):
        train(replace(run, stream=stream), tmp_path / name)
    assert_same(numbers(tmp_path / "resident"), numbers(tmp_path / "streamed"))


def test_streamed_images_are_not_copied_and_can_be_measured(folder: Path, tmp_path: Path) -> None:
    run = tiny("alpha-gan", data=str(folder), labels=None, stream=True)
    images = open_data(run).training.images
    assert isinstance(images, Rows) and isinstance(images.source, np.memmap)
    results = []
    for stream in (True, False):
        train(replace(run, stream=stream), tmp_path / str(stream))
        results.append(evaluate(tmp_path / str(stream), ["reconstruction"], n=4)["metrics"])
    streamed, resident = (r["reconstruction"] for r in results)
    assert streamed["value"] == resident["value"]
    assert streamed["mean_image"] == pytest.approx(resident["mean_image"])
