"""What the documents say runs, runs: every command of the README, shortened; every number is one of a result file."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from bayesgan.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FEW_LABELS = (ROOT / "docs" / "few-labels.md").read_text(encoding="utf-8")
FEW_LABELS_FLOWING = " ".join(FEW_LABELS.split())
RESULTS = ROOT / "benchmarks" / "results"
BRIEF = {
    "train": ["--steps", "4", "--set", "batch=8", "--set", "views_batch=8"],
    "reproduce": ["--steps", "2", "--systems", "supervised", "--columns", "best"],
}
SHORTER = {"20,50,100,200": "20", "0-9": "0"}


def commands() -> list[list[str]]:
    """Return the ``bayesgan`` commands of the README's code blocks, in order."""
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", README, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("bayesgan ")]


def made_up_mnist(folder: Path, name: str = "MNIST") -> None:
    """Write a small set in the layout of MNIST's publisher, or of Fashion-MNIST's."""
    raw, rng = folder / name / "raw", np.random.default_rng(0)
    raw.mkdir(parents=True)
    for part, count in (("train", 400), ("t10k", 50)):
        head = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + rng.integers(0, 256, count * 784, np.uint8).tobytes())
        labels = np.arange(count, dtype=np.uint8) % 10
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + labels.tobytes()
        )


def benchmarks_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the benchmarks importable, with made-up images for data and their results in ``folder / "results"``."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    monkeypatch.setattr(importlib.import_module("common"), "RESULTS", folder / "results")
    monkeypatch.setenv("BAYESGAN_DATA", str(folder))
    for layout in ("MNIST", "FashionMNIST"):
        made_up_mnist(folder, layout)


@pytest.mark.timeout(600)
def test_every_command_of_the_readme_runs_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bayesgan.demo as demo
    from bayesgan import presets

    found = commands()
    assert {"demo", "train", "sample", "predict", "evaluate", "report", "doctor", "data", "reproduce"} <= {
        command[0] for command in found
    }
    short = {name: lambda *a, f=f, **k: f(*a, **k).lasting(4) for name, f in presets.PRESETS.items()}
    monkeypatch.setattr(demo.presets, "PRESETS", short)
    monkeypatch.setattr(demo, "STEPS", 4)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "BAYESGAN_DATA", str(tmp_path))
    for name in ("MNIST", "FashionMNIST"):
        made_up_mnist(tmp_path, name)
    Path("photos").mkdir()
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (28, 28), np.uint8)).save(f"photos/{i}.png")
    for command in found:
        brief = BRIEF.get(command[0], [])
        command = [SHORTER.get(part, part) for part in command]
        if "--steps" in command:
            at = command.index("--steps")
            command = command[:at] + command[at + 2 :]
        with pytest.raises(SystemExit) as stop:
            main([*command, *brief])
        assert stop.value.code == 0, command


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bayesgan import presets

    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    preset = presets.bayesgan
    monkeypatch.setattr(presets, "bayesgan", lambda *a, **k: preset(*a, **k).lasting(4))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert tuple(names["images"].shape) == (64, 1, 8, 8)  # type: ignore[attr-defined]
    assert tuple(names["probs"].shape) == (5, 10)  # type: ignore[attr-defined]


SAMPLERS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "samplers.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("code", SAMPLERS, ids=lambda code: code.splitlines()[0])
def test_python_of_the_samplers_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each block for itself; a comment behind a print says what it prints, the digits aside."""
    exec(compile(code, "samplers.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print\(.*?\)  # (.*)$", code, re.M)
    assert promised and len(printed) == len(promised)
    for line, promise in zip(printed, promised, strict=True):
        assert [float(word) for word in line.split()] == pytest.approx([float(w) for w in promise.split()], rel=0.1)


def test_every_sampler_and_schedule_is_documented() -> None:
    from bayesgan.samplers.schedules import Schedule
    from bayesgan.samplers.specs import InferenceSpec
    from bayesgan.serialise import kind

    text = (ROOT / "docs" / "samplers.md").read_text(encoding="utf-8")
    assert all(f"`{kind(member)}`" in text for union in (InferenceSpec, Schedule) for member in get_args(union))
    tests = set(re.findall(r"`(test_\w+)\.py`", text))
    assert tests and all((ROOT / "tests" / f"{name}.py").is_file() for name in tests)


@pytest.mark.parametrize(
    ("name", "arguments", "keys"),
    [
        ("digits", ["--splits", "1", "--steps", "4"], {"bayesgan_error", "dcgan_error", "supervised_error"}),
        ("ring", ["--seeds", "1", "--steps", "4"], {"ring.bayesgan.modes", "grid.gan.modes_fewest"}),
        (
            "measures",
            ["--samples", "40", "--images", "20", "--seeds", "1", "--metrics", "exact,outside"],
            {"evaluate_minutes", "evaluate_peak_gib", "mnist_load_s", "folder_load_s", "folder_cached_load_s"},
        ),
    ],
)
def test_every_benchmark_of_the_readme_runs(
    name: str, arguments: list[str], keys: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"python benchmarks/{name}.py" in README
    benchmarks_in(tmp_path, monkeypatch)
    monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py", *arguments])
    monkeypatch.setenv("BAYESGAN_CACHE", os.environ["BAYESGAN_CACHE"])  # the benchmark sets one of its own
    importlib.import_module(name).main()
    (path,) = (tmp_path / "results").iterdir()
    assert keys <= json.loads(path.read_text())["figures"].keys()


def test_every_result_says_how_where_and_what() -> None:
    files = sorted(RESULTS.glob("*.json"))
    assert {"digits.json", "semi_supervised_mnist.json", "ring.json"} <= {path.name for path in files}
    for path in files:
        result = json.loads(path.read_text())
        assert result.keys() == {"command", "machine", "commit", "figures", "rows"}
        assert all(isinstance(value, int | float) for value in result["figures"].values())
        assert result["command"].startswith(("python benchmarks/", "bayesgan reproduce "))
        assert result["rows"]


def test_figures_of_speed_are_those_of_the_results() -> None:
    speed = json.loads((RESULTS / "speed.json").read_text())["figures"]
    growth = json.loads((RESULTS / "scaling.json").read_text())["figures"]
    text = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
    for key, value in speed.items():
        if key.endswith(("_over_naive_bayesgan", "_over_naive_dcgan", "sampler_over_backward", "peak_memory_gib")):
            assert f"{value:.2f}" in text, key
    assert all(f"{value:.2f}" in text for value in growth.values())
    for size in (28, 64):
        for key in ("bayesgan_over_naive_dcgan", "bayesgan_over_naive_bayesgan"):
            assert f"{speed[f'{size}.{key}']:.2f}" in README, key


def test_headline_numbers_of_the_readme_are_those_of_the_results() -> None:
    digits = json.loads((RESULTS / "digits.json").read_text())["figures"]
    for key in ("bayesgan", "dcgan", "supervised", "label_spreading", "logistic"):
        assert f"{digits[f'{key}_error']:.2f} %" in README, key
    for name, unit, numbers in (("mnist", "errors", (20, 50, 100, 200)), ("cifar10", "error", (1000, 4000))):
        table = json.loads((RESULTS / f"semi_supervised_{name}.json").read_text())["figures"]
        for system in ("supervised", "bayesgan"):
            found = [table[f"{system}.best.{n}.{unit}"] for n in numbers]
            assert ", ".join(f"{value:.0f}" if unit == "errors" else f"{value:.1f}" for value in found) in README
    measures = json.loads((RESULTS / "measures.json").read_text())["figures"]
    assert f"{measures['evaluate_minutes']:.2f} minutes, {measures['evaluate_peak_gib']:.1f} GiB" in README
    assert f"{measures['folder_load_s']:.1f} s, {measures['folder_cached_load_s']:.1f} s" in README
    posterior = json.loads((RESULTS / "posterior.json").read_text())["figures"]
    methods = [("bayesgan-cold", "bayesgan-t1"), ("ema", "ema"), ("ensemble", "ensemble"), ("point", "point")]
    for images, _ in methods:
        modes, kl = (posterior[f"stacked_mnist.{images}.{key}"] for key in ("modes", "reverse_kl"))
        assert f"GAN{'s' * (images == 'ensemble')} {modes:.0f} ({kl:.2f})" in README
    modes, kl = (posterior[f"stacked_mnist.{key}"] for key in ("modes", "reverse_kl"))
    assert f"In four times the budget the Bayesian GAN alone: {modes:.0f} ({kl:.2f})" in README
    assert posterior["stacked_mnist.budget"] == 4 * 4000
    assert ", ".join(f"{posterior[f'synthetic.100.{points}.jsd']:.3f}" for _, points in methods) in README
    systems = json.loads((RESULTS / "systems.json").read_text())["figures"]
    for name in ("bayesian-alpha-gan", "alpha-gan", "wgan-gp", "dcgan", "bayesgan", "vae"):
        assert f"`{name}` {systems[f'{name}.mnist.critic_distance']:.1f}" in README, name
    for name in ("bayesian-alpha-gan", "alpha-gan", "vae"):
        assert f"{systems[f'{name}.mnist.reconstruction_error']:.3f}" in README, name


def test_the_table_of_posteriors_is_that_of_the_results() -> None:
    figures = json.loads((RESULTS / "posterior.json").read_text())["figures"]
    text = (ROOT / "docs" / "posterior.md").read_text(encoding="utf-8").replace("**", "")
    methods = ("point", "ema", "ensemble", "bayesgan-t0", "bayesgan-cold", "bayesgan-t1")
    rows = [("synthetic.100", "jsd", 3), ("synthetic.500", "jsd", 3), ("stacked_mnist", "modes", 0)]
    rows += [("stacked_mnist", "reverse_kl", 3), ("calibration", "errors", 0), ("calibration", "nll", 3)]
    for part, key, digits in [*rows, ("calibration", "auroc", 3), ("calibration", "auroc_fake", 3)]:
        values = [figures[f"{part}.{method}.{key}"] for method in methods]
        assert f"| {' | '.join(f'{value:.{digits}f}' for value in values)} |" in text, (part, key)
    modes, kl = (figures[f"stacked_mnist.{key}"] for key in ("modes", "reverse_kl"))
    assert f"comes to {modes} modes and a reverse KL of {kl:.3f};" in " ".join(text.split())
    ece = [100 * figures[f"calibration.{method}.ece"] for method in methods]
    assert f"| {' | '.join(f'{value:.2f}' for value in ece)} |" in text


@pytest.mark.parametrize("name", ["semi_supervised_mnist", "semi_supervised_mnist_slow_teacher"])
def test_rows_of_the_few_label_tables_are_those_of_the_results(name: str) -> None:
    text = FEW_LABELS
    rows = [row for row in json.loads((RESULTS / f"{name}.json").read_text())["rows"] if row.get("column") == "best"]
    every = [row["errors"] for row in rows if row["system"] in {"supervised", "bayesgan"}]
    wrong = f"{sum(errors > 180 for errors in every)} of {len(every)} runs"
    assert f"{wrong} made more than 180 errors; the median of all is {median(every):.0f}" in " ".join(text.split())
    assert wrong in " ".join(README.split())

    def cell(system: str, key: str, form: str, mean: Callable[..., float] = fmean, scale: float = 1.0) -> str:
        means = [mean(r[key] for r in rows if (r["system"], r["labels"]) == (system, n)) for n in (20, 50, 100, 200)]
        return ", ".join(f"{scale * value:{form}}" for value in means)

    for what, key, form, scale in (
        ("MNIST, 20, 50, 100, 200 labels, mean errors of 10,000", "errors", ".0f", 1.0),
        ("NLL", "nll", ".3f", 1.0),
        ("ECE, percent", "ece", ".2f", 100.0),
        ("AUROC against Fashion-MNIST", "auroc_fashion", ".3f", 1.0),
    ):
        cells = (cell(system, key, form, scale=scale) for system in ("supervised", "bayesgan"))
        assert f"| {what} | {' | '.join(cells)} |" in text
    medians = (cell(system, "errors", ".0f", median) for system in ("supervised", "bayesgan"))
    assert f"| the same, median | {' | '.join(medians)} |" in text
    figures = json.loads((RESULTS / f"{name}.json").read_text())["figures"]
    more = [f"bayesgan.best.{n}.against_supervised.errors" for n in (20, 50, 100, 200)]
    differences = ", ".join(f"{figures[key]:+.0f} +- {figures[f'{key}.sd']:.0f}" for key in more)
    assert f"| the same, Bayesian GAN less supervised on the subsets of both, +- one sd | | {differences} |" in text
    banks = [(r["labels"], 100 - 100 * r["nll"] / r["last_nll"]) for r in rows if r["system"] == "bayesgan"]
    lower = [fmean(gain for labels, gain in banks if labels == n) for n in (20, 50, 100, 200)]
    assert f"Its NLL is lower by {', '.join(f'{x:.1f}' for x in lower)} %" in " ".join(text.split())


def test_what_the_recipe_before_made_worse_or_better() -> None:
    text = FEW_LABELS_FLOWING
    errors: list[dict[tuple[int, int], int]] = []
    for name in ("semi_supervised_mnist_slow_teacher", "semi_supervised_mnist"):
        rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
        best = [row for row in rows if (row.get("system"), row.get("column")) == ("supervised", "best")]
        errors.append({(row["labels"], row["seed"]): row["errors"] for row in best})
    before, now = errors
    less = [fmean(before[n, seed] - now[n, seed] for seed in range(10)) for n in (20, 50, 100)]
    assert f"lower by {less[0]:.0f}, {less[1]:.0f} and {less[2]:.0f} errors with 20, 50 and 100 labels" in text
    worst = [[max(made[n, seed] for seed in range(10)) for n in (20, 50, 100)] for made in errors]
    then, today = ("{}, {} and {}".format(*three) for three in worst)
    assert f"{then} errors then, {today} now" in text
    quiet = {place for place in now if max(now[place], before[place]) <= 180}
    more = [fmean(now[p] - before[p] for p in quiet if p[0] == n) for n in (20, 50, 100, 200)]
    few = f"{-more[0]:.0f} and {-more[1]:.0f} fewer, {more[2]:.0f} more, and with 200 labels {more[3]:.0f} more"
    assert few in text


def test_the_bayesian_gan_beside_the_supervised_network_where_no_style_went_astray() -> None:
    text = FEW_LABELS_FLOWING
    rows = [r for r in json.loads((RESULTS / "semi_supervised_mnist.json").read_text())["rows"] if "seed" in r]
    best = {(r["system"], r["labels"], r["seed"]): r for r in rows if r.get("column") == "best"}
    pairs = [(n, r, best["supervised", n, seed]) for (system, n, seed), r in best.items() if system == "bayesgan"]
    quiet = [(n, ours["errors"] - one["errors"]) for n, ours, one in pairs if max(ours["errors"], one["errors"]) <= 180]
    more = [fmean(gain for labels, gain in quiet if labels == n) for n in (20, 50, 100, 200)]
    few = "makes {:.0f}, {:.0f}, {:.0f} and {:.0f} errors more with 20, 50, 100 and 200 labels"
    assert few.format(*more) in text
    key = "processor_seconds"
    timed = [(ours[key], one[key]) for _, ours, one in pairs if key in ours and key in one]
    times = fmean(first for first, _ in timed) / fmean(second for _, second in timed)
    assert f"for {times:.1f} times the processor time" in text


def test_what_the_parts_of_the_recipe_do_is_that_of_the_results() -> None:
    text = FEW_LABELS
    rows = [r for r in json.loads((RESULTS / "semi_supervised_mnist.json").read_text())["rows"] if "seed" in r]
    best = {(r["system"], r["labels"], r["seed"]): r for r in rows if r.get("column") == "best"}
    systems = ["supervised", "bayesgan", "float32", "without_generators", "zero_temperature", "discriminators_2"]
    systems += ["discriminators_4", "dcgan", "without_consistency", "without_augmentation"]
    errors = [f"{best[system, 100, 0]['errors']:,}" for system in systems]
    errors[5:7] = [", ".join(errors[5:7])]
    assert f"| first | {' | '.join(errors)} |" in text
    for name, seed in (("second", 1), ("third", 2)):
        more = [f"{best[system, 100, seed]['errors']:,}" for system in systems if (system, 100, seed) in best]
        assert f"| {name} | {more[0]} | {more[1]} | | {more[2]} | {more[3]} | | {' | '.join(more[4:])} |" in text
    assert f"from {errors[1]} to {errors[2]} errors" in text
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"made {errors[1]} errors in bfloat16 and {errors[2]} in float32" in readme
    assert {best[system, 100, 0]["precision"] for system in ("float32", "discriminators_4")} == {"32"}
    key, flowing = "auroc_fake_fashion", " ".join(text.split())
    ours = [r for (system, *_), r in best.items() if system == "bayesgan" and key in r]
    for name, words in (
        (key, "with an AUROC of {:.3f} to {:.3f} on"),
        ("auroc_fashion", "by entropy with {:.3f} to {:.3f} on"),
    ):
        assert words.format(min(r[name] for r in ours), max(r[name] for r in ours)) in flowing
    assert len(ours) == 4 and "the four subsets" in flowing
    alone = [r[key] for (system, *_), r in best.items() if system == "dcgan"]
    cold, warm = ([best[system, 100, seed] for seed in range(3)] for system in ("zero_temperature", "bayesgan"))
    clipped = [best["w_dcgan", n, 0] for n in (20, 50, 100, 200)]
    critics, doubts = (sorted(row[key] for row in found) for found in (clipped, cold))
    words = f"at temperature 0 it has {doubts[0]:.3f} to {doubts[-1]:.3f} on three, and one DCGAN"
    assert f"{words} {min(alone):.3f} to {max(alone):.3f} on the ten subsets" in flowing and len(alone) == 10
    words = "NLL at temperature 0 is {:.3f}, {:.3f} and {:.3f}, sampled {:.3f}, {:.3f} and {:.3f}."
    assert words.format(*(row["nll"] for row in (*cold, *warm))) in flowing
    assert f"The critic of W-DCGAN, whose weights are clipped, has {critics[0]:.3f} to {critics[-1]:.3f}." in flowing
    words = "W-DCGAN makes {}, {}, {} and {} on the first."
    assert words.format(*(row["errors"] for row in clipped)) in flowing
    numbers = (20, 50, 100, 200)
    one, ten = ([best[system, n, 0]["errors"] for n in numbers] for system in ("dcgan", "bayesgan"))
    assert "first subset DCGAN makes {}, {}, {} and {} errors (the last in float32)".format(*one) in flowing
    assert "the Bayesian GAN {}, {}, {} and {}; with 100 of the tenth".format(*ten) in flowing
    assert f"tenth {best['dcgan', 100, 9]['errors']} and {best['bayesgan', 100, 9]['errors']}, with 20" in flowing
    for label, words in (
        (20, "with 20 of the second and third {}, {} and {}, {},"),
        (100, "with 100 labels of these two {}, {} and {}, {},"),
    ):
        more = [best[system, label, seed]["errors"] for system in ("dcgan", "bayesgan") for seed in (1, 2)]
        assert words.format(*more) in flowing
    more = [best[system, 50, 1]["errors"] for system in ("dcgan", "bayesgan")]
    assert "with 50 of the second {} and {}.".format(*more) in flowing
    pairs = [(place, best["bayesgan", *place]["errors"]) for system, *place in best if system == "dcgan"]
    more = [best["dcgan", *place]["errors"] - made for place, made in pairs if place != [100, 0]]
    assert "alike on nine subsets of ten" in flowing and len(more) == 9
    words = f"one makes {-min(more)} errors fewer to {max(more)} more, {fmean(more):.0f} more in the mean"
    assert words in flowing
    assert [best["dcgan", n, 0]["precision"] for n in numbers] == ["bf16", "bf16", "bf16", "32"]


def test_what_ten_separate_networks_do_is_that_of_the_results() -> None:
    text = FEW_LABELS_FLOWING
    result, numbers = json.loads((RESULTS / "semi_supervised_mnist.json").read_text()), (20, 50, 100, 200)
    first = [r for r in result["rows"] if (r.get("column"), r.get("seed")) == ("best", 0)]
    alone, one = ({r["labels"]: r["errors"] for r in first if r["system"] == s} for s in ("supervised", "dcgan"))
    figures = result["figures"]
    ten = [figures[f"dcgan_10.best.{n}.errors"] for n in numbers]
    words = "DCGAN-10 makes {}, {}, {} and {} errors, the supervised network {}, {}, {} and {};"
    assert words.format(*ten, *(alone[n] for n in numbers)) in text
    nll = "NLL is {:.3f}, {:.3f}, {:.3f} and {:.3f}, AUROC by P(fake) above 0.999."
    assert nll.format(*(figures[f"dcgan_10.best.{n}.nll"] for n in numbers)) in text
    assert min(figures[f"dcgan_10.best.{n}.auroc_fake_fashion"] for n in numbers) > 0.999
    words = "{} to {} errors on one subset, where one DCGAN makes {} to {}."
    assert words.format(min(ten), max(ten), min(one.values()), max(one.values())) in " ".join(README.split())


def test_how_soon_runs_are_near_their_end_is_what_was_measured() -> None:
    figures = json.loads((RESULTS / "minutes.json").read_text())["figures"]
    text = FEW_LABELS_FLOWING
    one, ours = ([figures[f"{system}.{key}"] for key in ("near", "minutes")] for system in ("supervised", "bayesgan"))
    assert f"after {one[0]:.1f} of {one[1]:.1f} minutes, the Bayesian GAN after {ours[0]:.1f} of {ours[1]:.1f}." in text
    assert f"with {figures['bayesgan.errors']} errors in the end" in text and figures["threads"] == 2


def test_what_the_bayesian_gan_does_on_photographs_is_that_of_the_results() -> None:
    result = json.loads((RESULTS / "semi_supervised_cifar10.json").read_text())
    rows = {(r["system"], r["labels"], r["seed"]): r for r in result["rows"] if "seed" in r}
    ours = {key[1:]: r for key, r in rows.items() if key[0] == "bayesgan"}
    text = FEW_LABELS_FLOWING
    assert len(ours) == 6 and "in NLL and ECE on each of the six subsets" in text
    for place, row in ours.items():
        alone = rows["supervised", *place]
        assert row["nll"] < alone["nll"] and row["ece"] < alone["ece"]
    figures = result["figures"]
    seeds = {figures[f"{system}.best.{n}.seeds"] for system in ("supervised", "bayesgan") for n in (1000, 4000)}
    assert seeds == {3} and "10 subsets of MNIST and 3 of CIFAR-10:" in text and "means of 3 subsets" in README
    errors = ", ".join(f"{figures[f'bayesgan.best.{n}.error']:.1f}" for n in (1000, 4000))
    assert f"; Bayesian GAN {errors}; the paper's" in README
    banks = (
        100 - 100 * figures[f"bayesgan.best.{n}.nll"] / figures[f"bayesgan.best.{n}.last_nll"] for n in (1000, 4000)
    )
    assert "by {:.1f} and {:.1f} % with 1,000 and 4,000 labels".format(*banks) in text
    more, spread = (figures[f"bayesgan.best.4000.against_supervised.error{end}"] for end in ("", ".sd"))
    assert f"with 4,000 labels {more:.1f} +- {spread:.1f} points more" in text
    for measure, factor, digits in (("nll", 1, 3), ("ece", 100, 1)):
        one, other = (
            ", ".join(f"{factor * result['figures'][f'{system}.best.{n}.{measure}']:.{digits}f}" for n in (1000, 4000))
            for system in ("supervised", "bayesgan")
        )
        assert f"| {one} | {other} |" in text


def test_the_aims_say_what_was_reached() -> None:
    mnist, photographs, posterior, minutes = (
        json.loads((RESULTS / f"{name}.json").read_text())["figures"]
        for name in ("semi_supervised_mnist", "semi_supervised_cifar10", "posterior", "minutes")
    )
    shapes = mnist, "errors", (20, 50, 100, 200), 0
    for figures, unit, numbers, digits in (shapes, (photographs, "error", (1000, 4000), 1)):
        ours, alone = (
            ", ".join(f"{figures[f'{system}.best.{n}.{unit}']:.{digits}f}" for n in numbers)
            for system in ("bayesgan", "supervised")
        )
        assert f"| {ours}; supervised network {alone} |" in FEW_LABELS
    assert f"at most 0.5 % | {100 * mnist['best.100.ece']:.2f} % |" in FEW_LABELS
    areas = [mnist[f"{system}.best.100.auroc_fashion"] for system in ("bayesgan", "supervised")]
    assert "by entropy {:.3f}, supervised network {:.3f};".format(*areas) in FEW_LABELS
    modes, divergence = (posterior[f"stacked_mnist.{key}"] for key in ("modes", "reverse_kl"))
    assert (
        f"| {modes:.0f}, {divergence:.3f}, one run of {posterior['stacked_mnist.budget']:,} iterations |" in FEW_LABELS
    )
    rows = json.loads((RESULTS / "semi_supervised_mnist.json").read_text())["rows"]
    best = [r for r in rows if (r.get("system"), r.get("column"), r.get("labels")) == ("bayesgan", "best", 20)]
    worst = max(best, key=lambda row: row["last_nll"])
    assert f"{100 - 100 * worst['nll'] / worst['last_nll']:.1f} %: the bank adds nothing" in FEW_LABELS
    near, errors = minutes["bayesgan.near"], minutes["bayesgan.errors"]
    assert f"6 minutes | {near:.1f} minutes; one run, which ended with {errors} errors |" in FEW_LABELS
    before = json.loads((RESULTS / "semi_supervised_mnist_slow_teacher.json").read_text())["figures"]
    shared = [before[f"{system}.best.100.gpu_minutes"] for system in ("supervised", "bayesgan")]
    assert "{:.1f} minutes (supervised network) and {:.1f} (Bayesian GAN)".format(*shared) in FEW_LABELS_FLOWING


def test_every_cell_of_the_papers_table_was_measured_on_mnist() -> None:
    figures = json.loads((RESULTS / "semi_supervised_mnist.json").read_text())["figures"]
    for system in ("supervised", "dcgan", "w_dcgan", "dcgan_10", "bayesgan", "label_spreading"):
        for column in ("published", "best"):
            for n in (20, 50, 100, 200):
                assert figures[f"{system}.{column}.{n}.errors"] > 0
                assert figures[f"{system}.{column}.{n}.failed"] == 0


def test_one_subset_of_the_few_label_table_is_that_of_the_results() -> None:
    text = FEW_LABELS
    rows = json.loads((RESULTS / "semi_supervised_mnist_slow_teacher.json").read_text())["rows"]
    every = {(r["system"], r["column"], r["labels"]): r["errors"] for r in rows if r.get("column") and r["seed"] == 0}
    found = {(system, column): errors for (system, column, labels), errors in every.items() if labels == 100}
    few = [*(every["supervised", "published", n] for n in (20, 50, 200))]
    few += [every["dcgan", "published", n] for n in (20, 50, 200)]
    few_best = [every["dcgan", "best", n] for n in (20, 50, 200)]
    flowing = " ".join(text.split())
    assert "{:,}, {:,} and {:,} errors, and DCGAN {:,}, {:,} and {:,} (the".format(*few) in flowing
    assert "the best DCGAN makes {:,}, {:,} and {:,}.".format(*few_best) in flowing
    assert f"| DCGAN-10 | {found['dcgan_10', 'published']:,} | |" in text
    figures = json.loads((RESULTS / "semi_supervised_mnist.json").read_text())["figures"]
    names = {"supervised": "supervised network", "dcgan": "DCGAN", "w_dcgan": "W-DCGAN", "bayesgan": "Bayesian GAN"}
    clipped = [f"{figures[f'w_dcgan.published.{n}.errors']:,}" for n in (20, 50, 200)]
    assert "W-DCGAN is left with {}, {} and [{}](".format(*clipped) in flowing
    sampled = [f"{figures[f'bayesgan.published.{n}.errors']:,}" for n in (20, 50, 200)]
    assert "the Bayesian GAN with [{}, {} and {}](".format(*sampled) in flowing
    ten = [f"{figures[f'dcgan_10.published.{n}.errors']:,}" for n in (20, 50, 200)]
    assert "DCGAN-10 with [{}, {} and {}](".format(*ten) in flowing
    for n in (20, 50, 100, 200):
        published = {system: figures[f"{system}.published.{n}.errors"] for system in (*names, "dcgan_10")}
        assert min(published, key=lambda system: published[system]) == "dcgan_10"
        assert 2 < published["bayesgan"] / published["dcgan_10"] < 7
    for system, name in names.items():
        published, best = (found[system, column] for column in ("published", "best"))
        assert f"| {name} | {published:,} | {best:,} |" in text
    for ablation in ("without_generators", "without_consistency", "without_augmentation", "zero_temperature"):
        assert f"| {found[ablation, 'best']:,} | |" in text
    fashion = json.loads((RESULTS / "semi_supervised_fashion_mnist_slow_teacher.json").read_text())["figures"]
    for system in ("supervised", "bayesgan", "label_spreading"):
        few, more = (fashion[f"{system}.best.{n}.error"] for n in (100, 1000))
        assert f"{few:.1f} and {more:.1f} %" in text


def test_what_few_fakes_cost_is_what_was_measured() -> None:
    text = FEW_LABELS_FLOWING
    figures = json.loads((RESULTS / "fakes.json").read_text())["figures"]
    for game, form in (
        ("mnist", "MNIST has {:.2f} % errors after 1,000 iterations where it had {:.2f}"),
        ("digits", "the digits have {:.2f} and {:.2f} %"),
    ):
        assert form.format(*(figures[f"labelled-{game}.{way}.error"] + 1e-9 for way in (20, 80))) in text
    few, many = ([figures[f"labelled-{game}.{way}.frechet"] for game in ("mnist", "digits")] for way in (20, 80))
    assert f"({few[0]:.0f} and {many[0]:.0f})" in text and f"{few[1]:.0f}, with 80 fakes {many[1]:.0f}" in text


def test_errors_on_the_way_to_the_recipe_are_those_of_the_results() -> None:
    text = FEW_LABELS_FLOWING
    found = json.loads((RESULTS / "recipe.json").read_text())["rows"]
    rows, summaries = ([row for row in found if ("settings" in row) is single] for single in (True, False))
    fields = ("base", "data", "labels", "steps", "change", "subset")
    errors = {tuple(row[field] for field in fields): row["error"] for row in rows}
    bases = ("cut-outs and a slow teacher", "cut-outs", "shipped")
    keys = sorted(key[2:] for key in errors if key[:2] == ("shipped", "mnist") and key[4] == "none")
    assert len(keys) == 14
    for labels, iterations, change, subset in keys:
        columns = [errors.get((base, "mnist", labels, iterations, change, subset)) for base in bases]
        columns.append(errors.get(("shipped", "mnist", labels, iterations, "interpolation", subset)))
        cells = [" " if value is None else f" {value:.2f} " for value in columns]
        name = ("first", "second", "third", "fourth", "fifth", "sixth")[subset]
        assert f"| {labels}, {iterations:,}, {name} |{'|'.join(cells)}|" in text
    for labels, iterations, subsets in ((20, 2000, 4), (20, 4000, 3), (100, 2000, 3)):
        means = [
            sum(errors[base, "mnist", labels, iterations, "none", s] for s in range(subsets)) / subsets
            for base in bases[:2]
        ]
        assert "{:.2f} against {:.2f}".format(*(mean + 1e-9 for mean in means)) in text
    means = {tuple(row[field] for field in fields[:-1]): row for row in summaries}
    fashion, digits = (
        [means[base, *place, "none"] for base in bases]
        for place in (("fashion-mnist", 100, 4000), ("digits", 100, 800))
    )
    assert "{:.2f}, {:.2f} and {:.2f} %, the digits".format(*(row["error"] for row in fashion)) in text
    assert "{:.2f}, {:.2f} and {:.2f} %; and probabilities".format(*(row["error"] for row in digits)) in text
    assert "NLL {:.2f}, {:.2f}, {:.2f}".format(*(row["nll"] for row in fashion)) in text
    assert "and {:.3f}, {:.3f}, {:.3f}.".format(*(row["nll"] for row in digits)) in text


def test_what_interpolation_does_is_what_was_measured() -> None:
    text = FEW_LABELS_FLOWING
    found = [row for row in json.loads((RESULTS / "recipe.json").read_text())["rows"] if row.get("base") == "shipped"]
    rows = {(r["data"], r["labels"], r["steps"], r["subset"], r["change"]): r for r in found if "settings" in r}

    def pairs(data: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        mixed = {key: row for key, row in rows.items() if key[0] == data and key[-1] == "interpolation"}
        return [(rows[*key[:-1], "none"], row) for key, row in mixed.items()]

    def means(data: str, key: str) -> list[float]:
        return [fmean(pair[i][key] for pair in pairs(data)) for i in (0, 1)]

    def mean(chosen: Any, key: str) -> list[float]:
        return [fmean(pair[i][key] for pair in chosen) + 1e-9 for i in (0, 1)]

    mnist, gone = pairs("mnist"), (rows["mnist", 20, 4000, 5, name] for name in ("interpolation", "none"))
    assert len(mnist) == 13 and sum(row["error"] < none["error"] for none, row in mnist) == 7
    (one,) = ([none, row] for none, row in mnist if row["nll"] > none["nll"])
    assert one[::-1] == [*gone] and "NLL is lower on 12 of the 13 pairs of MNIST above, errors on 7" in text
    others = [pair for pair in mnist if [*pair] != one]
    form = "fall from {:.3f} to {:.3f} and from {:.2f} to {:.2f} %"
    assert form.format(*mean(others, "nll"), *mean(others, "error")) in text
    bad = "{:.2f} % and {:.3f}, where the recipe has {:.2f} and {:.3f}"
    assert bad.format(*(row[key] for row in one[::-1] for key in ("error", "nll"))) in text
    assert "of all pairs are {:.2f} and {:.2f} %".format(*mean(mnist, "error")) in text
    for data, form in (("fashion-mnist", "{:.2f} % where it had {:.2f}"), ("digits", "{:.2f} where they had {:.2f}")):
        assert form.format(*means(data, "error")[::-1]) in text
    assert "NLL {:.2f} where it had {:.2f}".format(*means("fashion-mnist", "nll")[::-1]) in text
    assert "and {:.3f} where they had {:.3f}.".format(*means("digits", "nll")[::-1]) in text
    assert len(pairs("fashion-mnist")) == 2 and len(pairs("digits")) == 4


def test_errors_beside_the_faster_teacher_are_those_of_the_results() -> None:
    text = FEW_LABELS_FLOWING
    found = json.loads((RESULTS / "recipe.json").read_text())["rows"]
    rows, summaries = ([row for row in found if ("settings" in row) is single] for single in (True, False))
    fields = ("labels", "steps", "change", "subset")
    errors = {
        tuple(row[field] for field in fields): row["error"]
        for row in rows
        if (row["base"], row["data"]) == ("cut-outs", "mnist")
    }
    many, one = ([errors[20, 2000, change, s] for s in range(6)] for change in ("four chains", "none"))
    assert all(a < b for a, b in zip(many, one, strict=True))
    assert f"{sum(many) / 6:.2f} against {sum(one) / 6 + 1e-9:.2f} %" in text and one[4] == max(one) > 2
    assert f"{many[4]:.2f} against {one[4]:.2f} %" in text
    beside = {c: e for (n, t, c, s), e in errors.items() if (n, t, s) == (100, 2000, 0) and c != "none"}
    *others, strong, large = sorted(e for c, e in beside.items() if c != "no cut-outs")
    assert f"nine others made {others[0]:.2f} to {others[-1]:.2f} %" in text and len(others) == 9
    weaker = "teacher's view weaker"
    assert beside[weaker] == others[0] and f"{errors[20, 2000, weaker, 2]:.2f} % on another subset" in text
    assert f"made {strong:.2f} %, shifts as large as those of small images {large:.2f} %" in text
    assert f"40,000 labels it made {errors[40_000, 2000, 'none', 0]:.2f} %" in text
    where = ("mnist", 20, 2000, "four starts")
    starts = {r["base"]: r for r in summaries if (r["data"], r["labels"], r["steps"], r["change"]) == where}
    slow, fast = starts["cut-outs and a slow teacher"], starts["cut-outs"]
    assert "made {against_none:.2f} +- {against_none_sd:.2f} points more".format(**slow) in text
    assert f"and {-fast['against_none']:.2f} +- {fast['against_none_sd']:.2f} fewer under a fast one" in text


def test_errors_under_wrong_labels_are_those_of_the_results() -> None:
    text = FEW_LABELS
    figures = json.loads((RESULTS / "wrong_labels.json").read_text())["figures"]
    methods = ("point", "temperature_0", "temperature_0.1", "temperature_1", "four_points", "four_chains")
    for likelihood in ("labels", "consistency"):
        for percent, words in ((0, "none"), (30, "30 %")):
            errors = [figures[f"100.{likelihood}.{percent}.{method}.error"] for method in methods]
            assert f"| {likelihood}, {words} | {' | '.join(f'{error:.2f}' for error in errors)} |" in text
    assert f"whose error is {figures['100.labels.0.temperature_1.last_error']:.2f} %" in text
    rows = json.loads((RESULTS / "wrong_labels.json").read_text())["rows"]
    mixing = [player for row in rows for player in row.get("mixing", {}).values()]
    mixed = [m for m in mixing if m["rhat"] <= m["limit"]]
    assert len(mixed) == 1 and f"above its\n  limit in {len(mixing) - 1} of {len(mixing)} runs" in text


def test_what_four_chains_do_under_wrong_labels_is_that_of_the_results() -> None:
    result = json.loads((RESULTS / "wrong_labels.json").read_text())
    figures = {key.removeprefix("100.labels.30."): value for key, value in result["figures"].items()}
    rows = [row for row in result["rows"] if (row.get("likelihood"), row.get("noise")) == ("labels", 0.3)]
    chains, points = (
        {row["split"]: row["errors"] for row in rows if row.get("method") == method and "split" in row}
        for method in ("four chains", "four points")
    )
    assert len(points) == 5 and all(chains[split] < errors for split, errors in points.items())
    nll = "NLL {:.3f} against {:.3f}".format(*(figures[f"four_{way}.nll"] for way in ("chains", "points")))
    ece = "ECE {:.1f} against {:.1f} %".format(*(100 * figures[f"four_{way}.ece"] for way in ("chains", "points")))
    assert f"{nll} and {ece}" in FEW_LABELS_FLOWING
    less, spread = (figures[f"temperature_0.1.against_descent{end}"] for end in ("", "_sd"))
    assert f"one chain makes {-less:.2f} +- {spread:.2f} points fewer" in FEW_LABELS_FLOWING
    fewer = figures["four_points.error"] - figures["four_chains.error"]
    assert f"Four at temperature 0.1 make {fewer:.1f} points fewer" in FEW_LABELS_FLOWING
    clean = [result["figures"][f"100.labels.0.four_{way}.error"] for way in ("chains", "points")]
    assert f"they make {clean[0] - clean[1]:.1f} points more errors" in FEW_LABELS_FLOWING


def test_nothing_speaks_of_other_machines() -> None:
    texts = [p for p in ROOT.rglob("*") if p.suffix in {".py", ".md", ".toml", ".txt", ".json", ".html"}]
    own = [p for p in texts if not {".venv", ".git", "build", "runs"} & set(p.relative_to(ROOT).parts[:1])]
    assert len(own) > 50
    for path in own:
        text = path.read_text(encoding="utf-8")
        assert "import torch" + "vision" not in text, path
        assert not re.search(r"(?<![\w.])/(work|root|home|tmp)/\w", text), path
