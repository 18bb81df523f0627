"""What classifiers of photographs ask for; ``benchmarks/recipe.py --sets cifar10`` changes a setting at a time."""

from __future__ import annotations

from dataclasses import replace

from bayesgan.config import Player, Run
from bayesgan.data.augment import Warp
from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN
from bayesgan.objectives import Consistency, SemiSupervised, Supervised
from bayesgan.presets.common import FAKES
from bayesgan.samplers.schedules import Cosine
from bayesgan.samplers.specs import AdamSpec, EMASpec, SamplerSpec

NAMES = {"cifar10", "svhn"}  # sets whose presets do so by themselves
STEPS = 8000
ADAM = AdamSpec(2e-3, 0.9, 0.99, Cosine(0.02))
CONSISTENCY = Consistency(weight=2.0, temperature=1.0)
WARP = Warp(rotation=0.0, scale=0.0, shear=0.0, shift=0.125, elastic=0.0, cutout=0.5, mirror=True)
READER = DCGAN(64, depth=2)
TEACHER = EMASpec("discriminator", 0.995)


def of_photographs(run: Run) -> Run:
    """Return a run of the recommended classifier, or of a game with it, made for photographs.

    A deeper and wider discriminator that learns more slowly and longer; labelled images twice as often; targets of a
    slower teacher that count less and are not sharpened, because more of them are wrong; shifts, mirrors and cut-outs,
    but no bends; as many fakes a step as without labels.

    Raises a UsageError for a run that does not classify, or not with a DCGAN under consistency.
    """
    objective, player = run.objective, run.players.get("discriminator")
    reads = player is not None and isinstance(player.network, DCGAN)
    if not isinstance(objective, SemiSupervised | Supervised) or objective.consistency is None or not reads:
        which = "dcgan, ensemble, bayesgan and supervised, with --labels and on images"
        raise UsageError(f"--preset photographs is for {which}, not for this {run.system}")
    readers = {name: replace(p, network=READER) for name, p in run.players.items() if run.role(name) == "discriminator"}
    readers["discriminator"] = descending(readers["discriminator"])
    readers["teacher"] = replace(readers["teacher"], inference=TEACHER)
    return replace(
        run,
        objective=replace(objective, consistency=CONSISTENCY),
        augment=replace(WARP, mirror=run.data != "svhn"),  # a number in a mirror is none
        players=run.players | readers,
        labelled_batch=64,
        noise_batch=FAKES if run.spread else run.noise_batch,
    ).lasting(STEPS)


def descending(player: Player) -> Player:
    """Return a player that is optimised, or whose burn-in is, by Adam with smaller steps."""
    if isinstance(player.inference, SamplerSpec):
        return replace(player, inference=replace(player.inference, burn_in=ADAM))
    return replace(player, inference=ADAM)
