"""Minibatches: uint8 images on the device, one stream of indices per particle, all randomness of a step.

A batch is a pure function of (seed, player, step, particle): nothing to save, nothing that depends on how many other
particles there are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bayesgan.config import Run
from bayesgan.data.labels import Training
from bayesgan.seeds import generator


def to_float(images: Tensor) -> Tensor:
    """Return uint8 images ``(..., C, H, W)`` as float32 in [-1, 1]; points pass as they are."""
    return images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images


class Batches:
    """Draws what each player's objective reads: ``batches(player, step) -> {field: (K, B, ...)}``."""

    def __init__(self, run: Run, data: Training, device: torch.device) -> None:
        self.run = run
        self.images = torch.from_numpy(np.ascontiguousarray(data.images)).to(device)
        self.labelled = torch.from_numpy(data.labelled)
        self.labels = torch.from_numpy(data.labels).to(device)
        self.fraction = torch.tensor(len(data.labels) / len(data.images), device=device)
        self.orders: dict[int, Tensor] = {}

    def __call__(self, player: str, step: int) -> Mapping[str, Tensor]:
        """Return the fields of one step, each ``(K, B, ...)`` along the axis of the player it rides with."""
        rides, batch = self.run.objective.rides, {}
        wanted = self.run.objective.fields(player)
        for rider in dict.fromkeys(rides[field] for field in wanted if field in rides):
            mine = [field for field in wanted if rides.get(field) == rider]
            rows = [self.draw(mine, player, step, rider, k) for k in range(self.run.particles(rider))]
            batch.update({field: torch.stack([row[field] for row in rows]) for field in mine})
        return batch | ({"labelled_fraction": self.fraction} if "labelled_fraction" in wanted else {})

    def draw(self, fields: list[str], player: str, step: int, rider: str, k: int) -> dict[str, Tensor]:
        """Return the fields of one particle; drawn on the CPU, so that they are the same on every device."""
        rng = generator(self.run.seed, "batch", player, step, rider, k)
        one: dict[str, Tensor] = {}
        if "z" in fields:
            one["z"] = torch.randn(self.run.noise_batch, self.run.latent, generator=rng).to(self.images.device)
        if "x" in fields:
            one["x"] = self.training_images(rng, k, self.run.batch)
        if "x_strong" in fields:
            images = self.training_images(rng, k, self.run.views_batch)
            one["x_weak"], one["x_strong"] = self.view(images, rng, weak=True), self.view(images, rng, cut=True)
        if "x_labelled" in fields:
            rows = torch.randint(len(self.labelled), (self.run.labelled_batch,), generator=rng)
            one["x_labelled"] = self.view(to_float(self.images[self.labelled[rows]]), rng)
            one["y"] = self.labels[rows.to(self.labels.device)]
        return one

    def training_images(self, rng: torch.Generator, k: int, count: int) -> Tensor:
        """Return a uniform draw of particle k's training images, ``(B, ...)`` float32."""
        rows = torch.randint(max(1, int(len(self.images) * self.run.subset)), (count,), generator=rng)
        return to_float(self.images[rows if self.run.subset == 1 else self.order(k)[rows]])

    def order(self, k: int) -> Tensor:
        """Return particle k's own order of the training images; it sees the first ``subset`` of them."""
        if k not in self.orders:
            order = torch.randperm(len(self.images), generator=generator(self.run.seed, "subset", k))
            self.orders[k] = order
        return self.orders[k]

    def view(self, x: Tensor, rng: torch.Generator, weak: bool = False, cut: bool = False) -> Tensor:
        """Return images augmented as the run says; points and runs without augmentation pass unchanged."""
        warp = self.run.augment
        if warp is None or x.ndim != 4:
            return x
        view = warp(x, rng, warp.weak if weak else 1.0)
        return warp.cut(view, rng) if cut else view
