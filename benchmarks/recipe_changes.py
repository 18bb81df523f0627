"""What benchmarks/recipe.py changes, as assignments to a run, and what it changes them of."""

from __future__ import annotations

READERS = ("discriminator", "teacher")
CUTOUTS = ("augment.cutout=0.3",)
CHANGES: dict[str, tuple[str, ...]] = {
    "none": (),
    "warps the same at every size": ("augment.side=none",),
    "warps without scale and shear": ("augment.scale=0", "augment.shear=0"),
    "larger shifts": ("augment.shift=0.12", "augment.elastic=0.075"),
    "smaller shifts": ("augment.shift=0.05", "augment.elastic=0.03"),
    "no warps": ("augment=none",),
    "wider warps": ("augment.rotation=15", "augment.scale=0.15", "augment.shear=0.2"),
    "no cut-outs": ("augment.cutout=0",),
    "cut-outs": CUTOUTS,
    "larger cut-outs": ("augment.cutout=0.6",),
    "teacher's view weaker": ("augment.weak=0.25",),
    "teacher's view as strong": ("augment.weak=1.0",),
    "twice the labelled images a step": ("labelled_batch=64",),
    "consistency weight 1": ("objective.consistency.weight=1.0",),
    "consistency weight 2": ("objective.consistency.weight=2.0",),
    "consistency weight 5": ("objective.consistency.weight=5.0",),
    "consistency weight 10": ("objective.consistency.weight=10.0",),
    "targets not sharpened": ("objective.consistency.temperature=1.0",),
    "targets sharpened": ("objective.consistency.temperature=0.5",),
    "targets sharper": ("objective.consistency.temperature=0.3",),
    "targets not balanced": ("objective.consistency.balance=1000.0",),
    "interpolation": ("objective.consistency.interpolation=0.5",),
    "teacher's decay 0.995": ("players.teacher.inference.decay=0.995",),
    "teacher's decay 0.98": ("players.teacher.inference.decay=0.98",),
    "teacher's decay 0.95": ("players.teacher.inference.decay=0.95",),
    "teacher's decay 0.9": ("players.teacher.inference.decay=0.9",),
    "teacher's decay 0.8": ("players.teacher.inference.decay=0.8",),
    "teacher's power 4": ("players.teacher.inference.power=4",),
    "teacher's power 12": ("players.teacher.inference.power=12",),
    "larger shifts and teacher's power 12": (
        "augment.shift=0.12",
        "augment.elastic=0.075",
        "players.teacher.inference.power=12",
    ),
    "larger steps": ("players.discriminator.inference.lr=0.006",),
    "half the step size": ("players.discriminator.inference.lr=0.002",),
    "four starts": ("starts.chains=4",),
    "four starts and teacher's power 12": ("starts.chains=4", "players.teacher.inference.power=12"),
    "four chains": ("players.discriminator.particles=4",),
    "two convolutions a stage": tuple(f"players.{name}.network.depth=2" for name in READERS),
    "ResNet": tuple(f"players.{name}.network.kind=ResNet" for name in READERS),
}
# What changes are made to: the recipe as it is shipped and, of all but photographs, before its last two steps.
BASES: dict[str, tuple[str, ...]] = {
    "shipped": (),
    "cut-outs": CUTOUTS,
    "cut-outs and a slow teacher": (*CUTOUTS, "players.teacher.inference.decay=0.995"),
}
