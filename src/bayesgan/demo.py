"""The first two minutes with the package: few labels, honest baselines, one picture to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bayesgan import presets
from bayesgan.evaluate import evaluate
from bayesgan.report import report
from bayesgan.store import numbered
from bayesgan.training import train

LABELS, STEPS = 100, 800
NAMES = {
    "supervised": "the supervised network",
    "dcgan": "one DCGAN",
    "bayesgan": "the Bayesian GAN",
}


def demo(out: Path | None, seed: int) -> Path:
    """Train the supervised network, one DCGAN and the Bayesian GAN on the digits; return the report's path.

    Args:
        out: the folder for runs and report; by default the next number under ``runs/``.
        seed: of split, labels and training.
    """
    root = out or numbered(Path("runs"), "demo-digits")
    errors: dict[str, float] = {}
    for system, name in NAMES.items():
        run = replace(presets.PRESETS[system]("digits", LABELS).lasting(STEPS), seed=seed, label_seed=seed)
        train(run, root / system, progress=True)
        metrics = evaluate(root / system)["metrics"]
        errors = metrics["baselines"]["value"] | errors | {name: metrics["error"]["value"]}
    table = Table(title=f"digits, {LABELS} labels, split {seed}")
    table.add_column("trained on the same labels")
    table.add_column("test error", justify="right")
    for name, error in errors.items():
        table.add_row(name, f"{error:.1f} %")
    Console().print(table)
    path = report([root / system for system in reversed(NAMES)], root / "report.html")
    print(f"report: {path}")
    return path
