"""Sets of the Hugging Face hub: through a made-up package, and through the package itself where it is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bayesgan.data import hub
from bayesgan.data.sets import load
from bayesgan.errors import UsageError
from test_data import fails, pixels

ImageFeature = type("Image", (), {})  # what the package calls the type of a column of images


class Stream(list[dict[str, Any]]):
    """A streamed part with features."""

    features: dict[str, Any] | None = None


def stream(count: int, label: str = "label", side: int = 12) -> Stream:
    rows = Stream({"img": Image.fromarray(pixels(side, side, 3, seed=i)), label: i % 2} for i in range(count))
    rows.features = {"img": ImageFeature(), label: SimpleNamespace(names=["cat", "dog"])}
    return rows


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a made-up package hands out, and how it was asked."""
    parts: dict[str, Any] = {}

    def load_dataset(name: str, config: str | None, streaming: bool) -> dict[str, Any]:
        parts["asked"] = (name, config, streaming)
        return {k: v for k, v in parts.items() if k != "asked"}

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr(hub, "reach", lambda: None)
    return parts


def test_a_hub_set(served: dict[str, Any]) -> None:
    served |= {"train": stream(6), "validation": stream(2)}
    data = load("hf:someone/pets:small")
    assert served["asked"] == ("someone/pets", "small", True) and data.name == "hf:someone/pets:small"
    assert data.shape == (3, 12, 12) and data.classes == ("cat", "dog") and data.test is not None
    assert data.train.labels is not None and data.train.labels.tolist() == [0, 1] * 3
    assert np.array_equal(data.train.images[1], pixels(12, 12, 3, seed=1).transpose(2, 0, 1))
    served |= {"test": stream(3)}
    data = load("hf:pets")
    assert served["asked"] == ("pets", None, True) and data.test is not None and len(data.test.images) == 3


def test_a_hub_set_without_labels_or_features(served: dict[str, Any]) -> None:
    served["train"] = stream(4, label="caption")
    served["train"].features = None
    data = load("hf:pets")
    assert data.train.labels is None and data.test is None and data.classes == ()


def test_hub_sets_that_do_not_fit(served: dict[str, Any]) -> None:
    served["all"] = stream(4)
    fails(r"^hf:pets has the parts all; expected train", "hf:pets")
    served["train"] = Stream()
    fails(r"hf:pets \(train part\) holds no images", "hf:pets")
    served["train"] = Stream(stream(2) + stream(1, side=14))
    fails(r"image 2 is 14x14 colour; expected 12x12 colour like the first", "hf:pets")
    served["train"] = Stream([{"text": "a"}])
    fails(r"hf:pets \(train part\) has no images; its columns are text", "hf:pets")
    served["train"] = Stream([{"image": "a"}])
    fails(r"image 0 is a str; expected an image", "hf:pets")


@pytest.mark.parametrize(
    ("labels", "found"),
    [(["a", None], "NoneType, str"), ([[1], [1, 2]], "list"), ([{}, {}], "dict"), ([1, "a"], "int, str")],
)
def test_hub_labels_that_are_no_classes(served: dict[str, Any], labels: list[Any], found: str) -> None:
    image = Image.fromarray(pixels(12, 12))
    served["train"] = Stream({"image": image, "label": label} for label in labels)
    fails(rf"\(train part\): labels are {found}; expected whole numbers, or names throughout", "hf:pets")


def test_hub_labels_that_are_missing(served: dict[str, Any]) -> None:
    image = Image.fromarray(pixels(12, 12))
    served["train"] = Stream({"image": image, "label": label} for label in (7, None, 3))
    data = load("hf:pets")
    assert data.train.labels is not None and data.train.labels.tolist() == [1, -1, 0] and data.classes == ("3", "7")


def test_a_hub_that_fails(served: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach\nthe hub")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", broken)
    fails(r"^hf:pets cannot be read \(Couldn't reach the hub\): check the name", "hf:pets")


def test_a_hub_without_its_package_or_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UsageError, match=r"hf:a/b needs the package datasets: pip install 'bayesgan\[datasets\]'"):
        load("hf:a/b")
    fails("^hf: names no set: write hf:OWNER/NAME", "hf:")
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace())
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fails(r"^http://127\.0\.0\.1:9 cannot be reached: check the network, or name a folder", "hf:a/b")


def test_the_hub_package_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for name in ("train/cat/1.png", "train/dog/1.png", "train/dog/2.png", "test/dog/1.png"):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(12, 12, 3)).save(tmp_path / "pets" / name)
    data = load(f"hf:{tmp_path / 'pets'}")
    assert data.classes == ("cat", "dog") and data.shape == (3, 12, 12) and data.test is not None
    assert data.train.labels is not None and sorted(data.train.labels.tolist()) == [0, 1, 1]
    assert np.array_equal(data.train.images[0], pixels(12, 12, 3).transpose(2, 0, 1))


def test_the_hub_package_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    columns = {"image": [Image.fromarray(pixels(12, 12, seed=i)) for i in range(4)], "fine": [1, 0, 1, -1]}
    features = datasets.Features(image=datasets.Image(), fine=datasets.ClassLabel(names=["a", "b"]))
    part = datasets.Dataset.from_dict(columns, features=features).to_iterable_dataset()
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.IterableDatasetDict(train=part))
    monkeypatch.setattr(hub, "reach", lambda: None)
    data = load("hf:someone/letters")
    assert data.classes == ("a", "b") and data.train.labels is not None
    assert data.train.labels.tolist() == [1, 0, 1, -1]
    assert np.array_equal(data.train.images[3, 0], pixels(12, 12, seed=3))
