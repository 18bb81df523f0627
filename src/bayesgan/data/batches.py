"""Minibatches: uint8 images on the device or on their way to it, a stream of indices per particle, all randomness.

A batch is a pure function of (seed, player, step, particle): nothing to save, nothing that depends on how many other
particles there are.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bayesgan.config import Run
from bayesgan.data.codes import draw_codes
from bayesgan.data.diffaugment import NUMBERS
from bayesgan.data.labels import Training
from bayesgan.data.rows import Resident, Streamed
from bayesgan.seeds import generator


def to_float(images: Tensor) -> Tensor:
    """Return uint8 images ``(..., C, H, W)`` as float32 in [-1, 1]; points pass as they are."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


class Batches:
    """Draws what each player's objective reads: ``batches(player, step) -> {field: (K, B, ...)}``."""

    def __init__(self, run: Run, data: Training, device: torch.device) -> None:
        self.run = run
        self.device, self.total = device, len(data.images)
        self.images = (Streamed if run.stream else Resident)(data.images, device)
        self.labelled = torch.from_numpy(data.labelled)
        self.labels = torch.from_numpy(data.labels).to(device)
        self.one_hot = torch.eye(len(data.classes), device=device)
        judge = run.players.get("discriminator")
        self.fraction = torch.tensor(len(data.labels) / ((judge and judge.num_obs) or self.total), device=device)
        self.orders: dict[tuple[int, int], Tensor] = {}

    def __call__(self, player: str, step: int) -> Mapping[str, Tensor]:
        """Return the fields of one step, each ``(K, B, ...)`` along the axis of the player it rides with."""
        riders, batch = self.run.objective.fields(player), {}
        for rider in dict.fromkeys(rider for rider in riders.values() if rider is not None):
            mine = [field for field in riders if riders[field] == rider]
            rows = [self.draw(mine, player, step, rider, k) for k in range(self.run.particles(rider))]
            batch.update({field: torch.stack([row[field] for row in rows]) for field in mine})
        return batch | ({"labelled_fraction": self.fraction} if "labelled_fraction" in riders else {})

    def draw(self, fields: list[str], player: str, step: int, rider: str, k: int) -> dict[str, Tensor]:
        """Return the fields of one particle; drawn on the CPU, so that they are the same on every device."""
        run, rng, one = self.run, generator(self.run.seed, "batch", player, step, rider, k), {}
        if "z" in fields:
            one["z"] = draw_codes(run.codes_each(), run.latent, run.codes, rng)
        if "label" in fields:
            one["x"], one["label"] = self.labelled_images(rng, k)
        elif "x" in fields:
            one["x"] = self.training_images(rng, k, run.batch)
        if "x_strong" in fields:
            images = self.training_images(rng, k, run.views_batch)
            one["x_weak"], one["x_strong"] = self.view(images, rng, weak=True), self.view(images, rng, cut=True)
        if "x_labelled" in fields:
            rows = torch.randint(len(self.labelled), (run.labelled_batch,), generator=rng)
            one["x_labelled"] = self.view(to_float(self.images(self.labelled[rows])), rng)
            one["y"] = self.labels[rows.to(self.labels.device)]
        if "wanted" in fields:
            one["wanted"] = self.one_hot[torch.randint(len(self.one_hot), (run.codes_each(),), generator=rng)]
        if "eps" in fields:
            one["eps"] = torch.randn(run.batch, run.latent, generator=rng)
        if "mix" in fields:
            one["mix"] = torch.rand(run.batch, generator=rng)
        if "views_mix" in fields:
            one["views_mix"] = torch.rand(run.views_batch, generator=rng)
        if "jitter" in fields:
            one["jitter"] = torch.rand(max(run.batch, run.codes_each()), NUMBERS, generator=rng)
        return {field: value.to(self.device) for field, value in one.items()}

    def labelled_images(self, rng: torch.Generator, k: int) -> tuple[Tensor, Tensor]:
        """Return a uniform draw of particle k's labelled images ``(B, ...)`` and their one-hot classes ``(B, Y)``."""
        rows = self.rows(rng, k, len(self.labelled), self.run.batch)
        return to_float(self.images(self.labelled[rows])), self.one_hot[self.labels[rows.to(self.labels.device)]]

    def training_images(self, rng: torch.Generator, k: int, count: int) -> Tensor:
        """Return a uniform draw of particle k's training images, ``(B, ...)`` float32."""
        return to_float(self.images(self.rows(rng, k, self.total, count)))

    def rows(self, rng: torch.Generator, k: int, total: int, count: int) -> Tensor:
        """Return ``count`` rows of ``total``, drawn from the share that particle k sees."""
        rows = torch.randint(max(1, int(total * self.run.subset)), (count,), generator=rng)
        return rows if self.run.subset == 1 else self.order(k, total)[rows]

    def order(self, k: int, total: int) -> Tensor:
        """Return particle k's own order of ``total`` rows; it sees the first ``subset`` of them."""
        if (k, total) not in self.orders:
            self.orders[k, total] = torch.randperm(total, generator=generator(self.run.seed, "subset", k))
        return self.orders[k, total]

    def view(self, x: Tensor, rng: torch.Generator, weak: bool = False, cut: bool = False) -> Tensor:
        """Return images augmented as the run says; points and runs without augmentation pass unchanged."""
        warp = self.run.augment
        if warp is None or x.ndim != 4:
            return x
        view = warp(x, rng, warp.weak if weak else 1.0)
        return warp.cut(view, rng) if cut else view
