"""The run folder: everything a run leaves behind."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors

from bayesgan.config import Run
from bayesgan.environment import environment
from bayesgan.errors import DataError, UsageError
from bayesgan.files import atomic, write_json, write_text
from bayesgan.serialise import from_config, read_toml, to_config, to_toml
from bayesgan.types import Params

Weights = dict[str, Params]
"""Stacked weights of every player."""


@dataclass(frozen=True)
class Store:
    """A run folder at ``path``; the names of its files are the design's promise."""

    path: Path

    @classmethod
    def create(cls, path: Path | None, run: Run) -> Store:
        """Make the folder, by default the next number under ``runs/``; a folder with files in it is refused."""
        path = path or numbered(Path("runs"), f"{run.system}-{Path(run.data).stem}")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(f"{path} exists; continue it with --resume or choose another --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot make the run folder {path}: {error.strerror}") from None
        return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open an existing run folder."""
        path = Path(path)
        if not path.is_dir():
            raise DataError(f"no run folder at {path}; bayesgan train makes one, by default under runs/")
        if not (path / "config.toml").is_file():
            raise DataError(f"{path} is not a run folder: it has no config.toml")
        return cls(path)

    def run(self) -> Run:
        """Return the resolved run."""
        try:
            run: Run = from_config(read_toml(self.path / "config.toml"))
        except UsageError as error:
            raise DataError(f"{self.path / 'config.toml'} is not a run of this version: {error}") from None
        return run

    def describe(self, run: Run, data: Mapping[str, Any], split: Mapping[str, Any], device: torch.device) -> None:
        """Write config.toml, env.json and split.json: what is run, where, on which labels."""
        self.configure(run)
        write_json(self.path / "env.json", environment(device) | {"data": dict(data)})
        write_json(self.path / "split.json", dict(split))

    def configure(self, run: Run) -> None:
        """Write config.toml."""
        write_text(self.path / "config.toml", to_toml(to_config(run)) + "\n")

    def json(self, name: str, *keys: str) -> dict[str, Any]:
        """Return the content of a JSON file of the folder, which must have ``keys``."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{self.path} has no {name}") from None
        except ValueError:
            raise DataError(f"{self.path / name} is not valid JSON") from None
        if not isinstance(content, dict) or not set(keys) <= content.keys():
            raise DataError(f"{self.path / name} lacks {', '.join(keys)}")
        return content

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl."""
        path = self.path / "metrics.jsonl"
        try:
            return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        except ValueError:
            raise DataError(f"{path} is not valid JSON, line by line") from None

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Write metrics.jsonl anew; it has a few hundred rows at most."""
        write_text(self.path / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write checkpoint.pt, loadable with ``weights_only=True``."""
        # Through memory, because torch's own writer reports a full disk without an errno.
        content = io.BytesIO()
        torch.save(dict(state), content)
        with atomic(self.path / "checkpoint.pt") as temporary:
            temporary.write_bytes(content.getbuffer())

    def load_checkpoint(self) -> dict[str, Any]:
        """Return the content of checkpoint.pt."""
        path = self.path / "checkpoint.pt"
        if not path.exists():
            raise DataError(f"{self.path} has no checkpoint.pt to resume from: delete it, or choose another --out")
        if not zipfile.is_zipfile(path):
            raise DataError(f"cannot read {path}: it is broken, cut short or no checkpoint")
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, LookupError, ValueError, OSError, pickle.UnpicklingError) as error:
            raise DataError(f"cannot read {path}: {str(error).splitlines()[0].partition('. ')[0]}") from None
        if not {"config", "step", "weights", "optimisers"} <= state.keys():
            raise DataError(f"{path} is not a checkpoint of a run")
        return state

    def save_sample(self, step: int, weights: Weights) -> None:
        """Add one weight sample of all players to the bank, ``posterior/NNNNNN.safetensors``."""
        save_weights(self.path / "posterior" / f"{step:06d}.safetensors", weights)

    @property
    def burn_in_point(self) -> Path:
        """The weights with which sampling began; beside the bank, and no part of it."""
        return self.path / "posterior" / "burn-in.safetensors"

    def bank(self) -> list[Path]:
        """Return the weight samples in the order in which they were drawn."""
        # By number: a millionth step has a digit more than those before.
        return sorted((self.path / "posterior").glob("[0-9]*.safetensors"), key=lambda path: int(path.stem))


def save_weights(path: Path, weights: Weights) -> None:
    """Write the stacked weights of all players."""
    flat = {f"{player}.{name}": t.detach().cpu() for player, p in weights.items() for name, t in p.items()}
    with atomic(path) as temporary:
        temporary.write_bytes(to_safetensors(flat))


def load_sample(path: Path) -> Weights:
    """Return one weight sample of the bank, ``{player: {name: (K, *shape)}}``."""
    try:
        flat = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    weights: Weights = {}
    for key, leaf in flat.items():
        player, _, name = key.partition(".")
        weights.setdefault(player, {})[name] = leaf
    return weights


def numbered(root: Path, name: str) -> Path:
    """Return ``root/NNNNN-name`` with the next free number."""
    taken = [int(p.name[:5]) for p in root.glob("[0-9][0-9][0-9][0-9][0-9]-*")]
    return root / f"{max(taken, default=-1) + 1:05d}-{name}"
