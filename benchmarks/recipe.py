"""What the settings of the recommended classifier are worth, one changed at a time, on images set aside from training.

    BAYESGAN_DATA=DIR python benchmarks/recipe.py [--sets mnist,digits] [--changes shipped,...] [--subsets 3]
        [--steps N] [--jobs 2] [--work runs/recipe] [--add] [--collect]

The supervised network with consistency, which is the discriminator of every system here, 100 labels, errors on 10,000
training images of MNIST or 400 of the digits that are set aside; no test image is opened. Every change sees the same
subsets of labels. Finished runs in the work folder are not run again, with --add those of the result file neither, and
a run that was interrupted goes on. Writes benchmarks/results/recipe.json and recipe.md.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common
import torch
from resumable import completed, digest, finished, names

from bayesgan import machine, presets
from bayesgan.config import Run
from bayesgan.errors import Diverged
from bayesgan.evaluate import evaluate
from bayesgan.serialise import assignment, from_config
from bayesgan.store import write_json, write_text
from bayesgan.training import train

LABELS = 100
ASIDE = {"mnist": 10_000, "digits": 400}
STEPS = {"mnist": 4000, "digits": 800}
RESNET = ("discriminator", "teacher")
CHANGES: dict[str, tuple[str, ...]] = {
    "shipped": (),
    "milder warps": ("augment.scale=0", "augment.shear=0", "augment.shift=0.057", "augment.elastic=0.03"),
    "stronger warps": ("augment.scale=0.15", "augment.shear=0.22", "augment.shift=0.12", "augment.elastic=0.075"),
    "no warps": ("augment=none",),
    "larger cutout": ("augment.cutout=0.6",),
    "consistency weight 1": ("objective.consistency.weight=1.0",),
    "targets not sharpened": ("objective.consistency.temperature=1.0",),
    "targets not balanced": ("objective.consistency.balance=1000.0",),
    "teacher's decay 0.98": ("players.teacher.inference.decay=0.98",),
    "half the step size": ("players.discriminator.inference.lr=0.002",),
    "ResNet": tuple(f"players.{name}.network.kind=ResNet" for name in RESNET),
}


@dataclass(frozen=True)
class Job:
    """A change, tried on one subset of the labels of a set."""

    data: str
    change: str
    subset: int
    steps: int | None
    work: Path

    @property
    def folder(self) -> Path:
        """Where the row lies."""
        return self.work / self.data / f"{self.change.replace(' ', '-')}-{self.subset}-{self.settings[:8]}"

    @property
    def settings(self) -> str:
        """A digest of all settings of the run."""
        return digest(self.run())

    def run(self) -> Run:
        """Return the run; its seed decides about weights, batches, labels and the images set aside."""
        run = presets.supervised(self.data, LABELS).lasting(self.steps or STEPS[self.data])
        for text in CHANGES[self.change]:
            run = from_config(assignment(text), base=run)
        return replace(run, seed=self.subset, label_seed=self.subset, validation=ASIDE[self.data])


def perform(job: Job) -> dict[str, Any]:
    """Train and measure on one thread; a run that was interrupted goes on."""
    torch.set_num_threads(1)
    row: dict[str, Any] = {"data": job.data, "change": job.change, "subset": job.subset, "settings": job.settings}
    folder = job.folder / "run"
    resumed = (folder / "checkpoint.pt").exists()
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        train(job.run(), folder, resume=resumed)
        metrics = evaluate(folder, ["error", "nll", "ece"], part="validation")["metrics"]
        row |= {"failed": None, **{name: round(metrics[name]["value"], 6) for name in ("error", "nll", "ece")}}
    except Diverged as error:
        row["failed"] = str(error)
    shutil.rmtree(folder, ignore_errors=True)
    write_json(job.folder / "row.json", row)
    return row


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one subset after the other."""
    runs = [(data, c, s) for s in range(options.subsets) for data in options.sets for c in options.changes]
    return [Job(*run, options.steps, options.work) for run in runs]


def summaries(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, per set and change, means and standard deviations over subsets, and the mean gain over the shipped."""
    shipped = {(row["data"], row["subset"]): row for row in rows if row["change"] == "shipped"}
    found = []
    for data, change in dict.fromkeys((row["data"], row["change"]) for row in rows):
        mine = [r for r in rows if (r["data"], r["change"]) == (data, change) and not r["failed"]]
        pairs = [r["error"] - s["error"] for r in mine if (s := shipped.get((data, r["subset"]))) and not s["failed"]]
        row: dict[str, Any] = {"data": data, "change": change, "subsets": len(mine)}
        for name in ("error", "nll", "ece"):
            row |= {name: mean([r[name] for r in mine]), f"{name}_sd": spread([r[name] for r in mine])}
        found.append(row | {"against_shipped": mean(pairs), "against_shipped_sd": spread(pairs)})
    return found


def mean(values: list[float]) -> float | None:
    """Return the mean, None of nothing."""
    return round(statistics.mean(values), 6) if values else None


def spread(values: list[float]) -> float | None:
    """Return the standard deviation, None of fewer than two."""
    return round(statistics.stdev(values), 6) if len(values) > 1 else None


def figures(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return the numbers of the summaries by set, change and measure."""
    named = {f"{row['data']}.{row['change'].replace(' ', '_')}": row for row in found}
    return {f"{name}.{key}": v for name, row in named.items() for key, v in row.items() if isinstance(v, float)}


def markdown(found: list[dict[str, Any]], machine: dict[str, Any]) -> str:
    """Return a table per set."""
    lines = ["# The recommended classifier, one setting changed", "", f"`{common.command()}`"]
    lines += ["", f"{machine['cpu']}; {LABELS} labels, images set aside from training, means over subsets of labels;"]
    lines += ["+- is one standard deviation, of a difference over the same subsets that of the differences."]
    for data in dict.fromkeys(row["data"] for row in found):
        lines += ["", f"## {data}", "", "| change | subsets | error, % | against shipped | NLL | ECE, % |"]
        lines += ["| --- |" + " --: |" * 5]
        for row in (row for row in found if row["data"] == data):
            cells = [cell(row, "error", 1), cell(row, "against_shipped", 1), cell(row, "nll", 1), cell(row, "ece", 100)]
            lines.append(f"| {row['change']} | {row['subsets']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row: dict[str, Any], key: str, scale: float) -> str:
    """Return a mean with its standard deviation."""
    if row[key] is None:
        return "-"
    digits = 3 if key == "nll" else 2
    deviation = row[f"{key}_sd"]
    return f"{scale * row[key]:.{digits}f}" + ("" if deviation is None else f" +- {scale * deviation:.{digits}f}")


def main() -> None:
    """Run what is not finished, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names, default=[*ASIDE])
    parser.add_argument("--changes", type=names, default=[*CHANGES])
    parser.add_argument("--subsets", type=int, default=3)
    parser.add_argument("--steps", type=int, help="for all sets; 4,000 on MNIST and 800 on the digits if left out")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, on one core each")
    parser.add_argument("--work", type=Path, default=Path("runs/recipe"))
    parser.add_argument("--add", action="store_true", help="keep the runs of the result file that have these settings")
    parser.add_argument("--collect", action="store_true", help="run nothing, write the result of what is finished")
    options = parser.parse_args()
    if done := completed(perform, planned(options), common.RESULTS / "recipe.json", options):
        rows = [finished(job) or {} for job in done]
        found = summaries(rows)
        path = common.write_result("recipe", figures(found), rows + found)
        write_text(path.with_suffix(".md"), markdown(found, machine.machine()))
        print(markdown(found, machine.machine()), path, sep="\n")


if __name__ == "__main__":
    main()
