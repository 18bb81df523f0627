"""From run folders to one self-contained HTML file that a person would rather look at than read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from bayesgan import cards, figures
from bayesgan.evaluate import complete
from bayesgan.files import write_text
from bayesgan.printed import plain
from bayesgan.store import Store
from bayesgan.subject import Subject, open_subject

SAMPLES = 64
HEADLINES = {
    "error": ("test error", "{:.2f} %"),
    "nll": ("negative log-likelihood", "{:.3f}"),
    "brier": ("Brier score", "{:.3f}"),
    "ece": ("calibration error", "{:.3f}"),
    "modes": ("modes found", "{}"),
    "frechet": ("Frechet distance", "{:.2f}"),
    "kernel": ("kernel distance", "{:.4g}"),
    "diversity": ("diversity", "{:.3f}"),
    "memorisation": ("distance to training images", "{:.2f}"),
    "critic": ("critic distance", "{:.3f}"),
    "reconstruction": ("reconstruction error", "{:.4f}"),
}
BESIDE = {"of": "of {}", "real": "real data: {}", "mean_image": "training mean: {}"}
IN_SPACES = ("frechet", "kernel")  # numbers that compare in one space and by equal counts alone


def report(paths: Sequence[str | Path], out: str | Path | None = None, progress: bool = False) -> Path:
    """Write the report of one run, or the comparison of several, and return its path.

    Runs that have not been evaluated are evaluated first.

    Args:
        paths: run folders. out: the HTML file; ``report.html`` in the first run folder where None.
        progress: show a bar while evaluating.
    """
    for path in paths:
        Store.open(path)  # a mistyped folder is named at once, not after the others were evaluated
    runs = [describe(Path(path), progress) for path in paths]
    name_apart(runs)
    trained = " and ".join(dict.fromkeys(f"{r['train']:,}" for r in runs))
    said = {"title": title(runs), "trained": trained, "comparison": comparison(runs)}
    page = template().render(runs=runs, headlines=columns(runs), **said)
    target = Path(out) if out else Path(paths[0]) / "report.html"
    write_text(target, page)
    return target


def template() -> Any:
    """Return the page's template."""
    return Environment(loader=PackageLoader("bayesgan"), autoescape=select_autoescape()).get_template("report.html")


def describe(path: Path, progress: bool) -> dict[str, Any]:
    """Return everything that the page says of one run."""
    store = Store.open(path)
    result, subject = complete(path, progress), open_subject(path, SAMPLES, seed=0)
    run = subject.posterior.run
    return {
        "name": run.system,
        "path": str(path),
        "data": subject.data.name,
        "run": run,
        "labels": result["labels"],
        "train": len(subject.data.images),
        "environment": store.json("env.json"),
        "config": (path / "config.toml").read_text(encoding="utf-8"),
        "command": shlex.join(["bayesgan", "train", run.system, "--config", str(path / "config.toml")]),
        "bank": result["bank"],
        "networks": networks(subject),
        "metrics": result["metrics"],
        "tiles": tiles(result["metrics"]),
        "curves": figures.curves(store.metrics(), run.burn_in),
        **cards.diagnosis(subject),
        **cards.pictures(subject),
        **cards.per_class(subject),
        **cards.auto_encoding(subject),
        **cards.classification(subject, result),
    }


def networks(s: Subject) -> int:
    """Return how many networks predict the class, or make the samples."""
    return len(s.posterior.bank) * s.posterior.chains("discriminator" if s.posterior.classifies else "generator")


def tiles(metrics: dict[str, Any]) -> list[dict[str, str]]:
    """Return the headline numbers: a name, a value, and what to hold it against."""
    shown = []
    for key, (name, form) in HEADLINES.items():
        if key in metrics:
            entry = metrics[key]
            notes = [text.format(plain(entry[other])) for other, text in BESIDE.items() if other in entry]
            notes += [f"in: {entry['protocol']['space']}"] if key in IN_SPACES else []
            shown.append({"name": name, "value": form.format(entry["value"]), "note": ", ".join(notes)})
    return shown


def columns(runs: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return the headline numbers that stand side by side: those of any run, if they compare."""
    shown = {}
    for key, headline in HEADLINES.items():
        how = [r["metrics"][key]["protocol"] for r in runs if key in r["metrics"]]
        compared = {tuple(p.get(term) for term in ("space", "n_real", "n_fake")) for p in how}
        if len(compared) == 1 or (how and key not in IN_SPACES):
            shown[key] = headline
    return shown


def comparison(runs: list[dict[str, Any]]) -> str | None:
    """Return the bars of test errors, baselines included; None without labels, or where the splits differ."""
    measured = [r for r in runs if "error" in r["metrics"]]
    splits = {(r["data"], r["metrics"]["error"]["protocol"]["split"], r["run"].labels) for r in measured}
    if len(splits) != 1:
        return None
    errors: dict[str, float] = {}
    for r in measured:
        errors |= r["metrics"].get("baselines", {"value": {}})["value"]
    mine = {r["label"]: r["metrics"]["error"]["value"] for r in measured}
    return figures.error_bars(errors | mine, list(mine))


def name_apart(runs: list[dict[str, Any]]) -> None:
    """Give every run a label of its own: its system, its data where they differ, its folder, and at last its path."""
    several = len({*map(data_name, runs)}) > 1
    names = [f"{r['name']} on {data_name(r)}" if several else r["name"] for r in runs]
    for r, name in zip(runs, names, strict=True):
        r["label"] = name if names.count(name) == 1 else f"{name} ({Path(r['path']).name})"
    labels = [r["label"] for r in runs]
    for r, name in zip(runs, names, strict=True):
        r["label"] = r["label"] if labels.count(r["label"]) == 1 else f"{name} ({r['path']})"


def title(runs: list[dict[str, Any]]) -> str:
    """Return the page's title."""
    systems, sets = dict.fromkeys(r["name"] for r in runs), dict.fromkeys(map(data_name, runs))
    counts = {r["labels"] for r in runs}
    labels = f", {max(counts):,} labels" if len(counts) == 1 and max(counts) else ""
    return f"{', '.join(systems)} on {', '.join(sets)}{labels}"


def data_name(run: dict[str, Any]) -> str:
    """Return the name of a run's data, of a path the last part."""
    return Path(run["data"]).name
