"""The command line. Torch is imported inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from bayesgan import __version__
from bayesgan.errors import BayesganError, UsageError
from bayesgan.reproduce.options import Options
from bayesgan.whole import MaybeWhole, Whole

app = App(
    name="bayesgan",
    version=__version__,
    help="Bayesian methods for generative adversarial networks. Try: bayesgan demo",
    suppress_keyboard_interrupt=False,
    help_epilogue="Exit codes: 0 done, 2 usage, 3 data, 4 diverged, 130 interrupted and resumable.",
)
data_app = App(name="data", help="Look at data sets before training on them.")
app.command(data_app)
DEFAULTS = Options()


@app.command
def demo(*, out: Path | None = None, seed: Whole = 0) -> None:
    """Handwritten digits, 100 labels: train three systems, evaluate, report. Needs no data and no network.

    Args:
        out: Folder for the runs and the report; by default the next number under runs/.
        seed: Of the split, the labels and the training.
    """
    from bayesgan.demo import demo as run_demo

    run_demo(out, seed)


@app.command
def train(
    system: str,
    *,
    data: str | None = None,
    labels: MaybeWhole = None,
    label_seed: MaybeWhole = None,
    split: Path | None = None,
    validation: MaybeWhole = None,
    conditional: Annotated[bool, Parameter(negative="")] = False,
    data_dir: Path | None = None,
    stream: Annotated[bool, Parameter(negative="")] = False,
    steps: MaybeWhole = None,
    seed: MaybeWhole = None,
    out: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] | None = None,
    precision: Literal["auto", "32", "bf16"] | None = None,
    preset: Literal["recommended", "photographs", "published"] = "recommended",
    config: Path | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    resume: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Train a system on a data set; leaves a run folder.

    Args:
        system: gan, dcgan, wgan, wgan-gp, vae, alpha-gan, age, bayesgan, ensemble, supervised or bayesian-alpha-gan.
        data: digits, mnist, fashion-mnist, color-mnist, stacked-mnist, cifar10, svhn, celeba (celeba-32, celeba-50,
            celeba-64), ring, grid, synthetic, synthetic-500, a folder of images, a zip, an npz or hf:OWNER/NAME.
        labels: How many training images keep their label, equally many of each class.
        label_seed: Chooses which images keep their label, and the test part of sets that bring none.
        split: A JSON file that says which images are labelled, tested and validated on, such as a run's split.json.
        validation: How many training images to set aside, for evaluate --part validation.
        conditional: Give the networks the class; trains on the labelled images, all of them without --labels.
        data_dir: Where named sets lie, or are downloaded to; else $BAYESGAN_DATA, else ./data.
        stream: Leave the images on disk and bring those of a step to the device; for what does not fit.
        steps: Iterations; burn-in and thinning scale along.
        seed: Of weights, batches and noise.
        out: The run folder; by default runs/NNNNN-SYSTEM-DATA.
        device: Where to compute.
        precision: bf16 computes in mixed precision, auto where that is faster; weights, momenta and noise stay float32.
        preset: photographs classifies those of your folder better; published takes the papers' settings.
        config: A TOML file of settings, laid over the preset.
        settings: KEY=VALUE, such as players.generator.particles=20; may be given again.
        dry_run: Print the resolved settings, and what this machine decides of them, and stop.
        resume: Continue the run folder --out from its checkpoint.
    """
    from bayesgan.resolve import described, resolve
    from bayesgan.training import train as train_run

    if resume and out is None:
        raise UsageError("--resume needs --out RUN, the run folder to continue")
    flags: dict[str, Any] = {"data": data, "labels": labels, "label_seed": label_seed, "seed": seed, "device": device}
    flags |= {"precision": precision, "validation": validation, "stream": stream or None}
    flags |= {name: str(path) for name, path in (("data_dir", data_dir), ("split", split)) if path}
    run = resolve(system, flags, preset, steps, config, settings, out if resume else None, conditional)
    if dry_run:
        print(described(run))
        return
    posterior = train_run(run, out, resume=resume, progress=True)
    print(f"run folder: {posterior.bank[0].parent.parent}")


@app.command
def sample(
    run: Path,
    *,
    n: Annotated[Whole, Parameter(name=["-n", "--n"])] = 64,
    seed: MaybeWhole = None,
    particle: str = "all",
    classes: str | None = None,
    reconstruct: str | None = None,
    interpolate: str | None = None,
    out: Path = Path("grid.png"),
) -> None:
    """Draw images from the posterior of a run, or send your own through its auto-encoders.

    Args:
        run: The run folder.
        n: How many images.
        seed: Of the draws, 0 if left out; image i does not depend on n.
        particle: One generator particle (from 0), or all.
        classes: Comma-separated names that the images of a conditional run take in turn; at random if left out.
        reconstruct: An image, a folder, a zip or an npz: originals, reconstructions and their standard deviations.
        interpolate: A folder, a zip or an npz: what lies between each image and the next.
        out: A .png for a grid, an .npz for the numbers.
    """
    from bayesgan.images import save_images
    from bayesgan.predict import Posterior
    from bayesgan.reconstruct import interpolate_files, reconstruct_files

    if n < 1:
        raise UsageError(f"-n {n}: at least 1 image")
    if out.suffix not in (".png", ".npz"):
        raise UsageError(f"--out {out}: expected a .png or an .npz file")
    if particle != "all" and not particle.isdecimal():
        raise UsageError(f"--particle {particle}: expected a number from 0, or all")
    chosen = None if particle == "all" else int(particle)
    refuse_together(reconstruct=reconstruct, interpolate=interpolate, classes=classes, particle=chosen, seed=seed)
    if reconstruct is not None:
        print(reconstruct_files(run, reconstruct, n, out))
    elif interpolate is not None:
        print(interpolate_files(run, interpolate, n, out))
    else:
        names = None if classes is None else [name.strip() for name in classes.split(",")]
        posterior = Posterior.load(run)
        save_images(out, posterior.sample(n, seed or 0, chosen, names), posterior.run.data)
        print(f"{n} samples: {out}")


def refuse_together(**options: Path | str | int | None) -> None:
    """Raise a UsageError where --reconstruct or --interpolate is not the only one of the options."""
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if len(given) > 1 and given[0] in ("--reconstruct", "--interpolate"):
        raise UsageError(f"{given[0]} and {given[1]} exclude each other: leave out one of them")


@app.command
def predict(run: Path, images: str, *, out: Path = Path("predictions.csv")) -> None:
    """Classify images: class, probability, predictive entropy, mutual information; P(real) or a score of GANs.

    Args:
        run: The run folder, trained with labels.
        images: An image, a folder of images, a zip or an npz.
        out: The CSV file to write.
    """
    from bayesgan.classify import predict_files

    count = predict_files(run, images, out)
    print(f"{count} predictions: {out}")


@app.command
def evaluate(
    run: Path,
    *,
    metrics: str | None = None,
    n: Annotated[Whole, Parameter(name=["-n", "--n"])] = 2500,
    seed: Whole = 0,
    part: Literal["test", "validation"] = "test",
    features: Path | None = None,
    outside: str | None = None,
) -> None:
    """Measure a run on its test images and write evaluation.json.

    Args:
        run: The run folder.
        metrics: Comma-separated names, all that apply if left out: error, nll, brier, ece, risk, outside, modes,
            diversity, support, memorisation, critic, sliced, exact, divergence, inception, frechet, kernel, coverage,
            reconstruction, smoothness, baselines. What each is: docs/measures.md.
        n: How many samples to draw; diversity takes 320 of them, as published.
        seed: Of the draws.
        part: validation measures on the images set aside by --validation and writes evaluation-validation.json.
        features: A TorchScript file that makes features of uint8 images, such as an Inception network; a classifier
            of the data set, trained once and stored with the run, if left out.
        outside: Another data set of the same size, of which the run should not be sure.
    """
    from bayesgan.evaluate import evaluate as measure
    from bayesgan.evaluate import file_name
    from bayesgan.printed import lines

    names = [m.strip() for m in metrics.split(",")] if metrics else None
    result = measure(run, names, n, seed, True, part, features, outside)
    for line in lines(result, names):
        print(line)
    print(f"evaluation: {run / file_name(part)}")


@app.command
def doctor(run: Path) -> None:
    """Say in words what is wrong with a run and what to try: noise, mixing, saturation, collapse, too few samples.

    Args:
        run: The run folder; diagnosis.json is written there. What is asked and how: docs/diagnosis.md.
    """
    from bayesgan.doctor import diagnose

    for line in diagnose(run, progress=True).lines():
        print(line)


@data_app.command(name="check")
def check_data(spec: str, *, fix: Path | None = None, size: MaybeWhole = None, data_dir: Path | None = None) -> None:
    """Say what a data set holds and what is wrong with it: unreadable images, duplicates, contradictory labels.

    Args:
        spec: A named set, a folder of images, a zip, an npz or an image.
        fix: Write the clean set, every image once and all of one size and kind, to this .npz.
        size: Side of the clean images, 8 to 128; the most common size if left out.
        data_dir: Where named sets lie; else $BAYESGAN_DATA, else ./data.
    """
    from bayesgan.data.check import check_data as check

    for name, text in check(spec, fix, size, data_dir):
        print(f"{name:22s} {text}")


@app.command
def report(runs: Annotated[tuple[Path, ...], Parameter(name="RUN")], /, *, out: Path | None = None) -> None:
    """Write one self-contained HTML file of a run, or a comparison of several.

    Args:
        runs: Run folders.
        out: The HTML file; by default report.html in the first run folder.
    """
    from bayesgan.report import report as write_report

    if not runs:
        raise UsageError("report: expected a run folder")
    print(f"report: {write_report(runs, out, progress=True)}")


@app.command
def reproduce(name: str, *, options: Options = DEFAULTS) -> None:
    """Make a table of the papers: train every cell, measure, and write JSON, Markdown and a picture with error bars.

    Ctrl-C saves; the same command continues, and does only what is not finished or has other settings now.

    Args:
        name: semi-supervised, the talk's table of errors with few labels; docs/few-labels.md explains it.
    """
    from bayesgan.reproduce.tables import reproduce as make

    print(make(name, options))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; every foreseen mistake ends with one line and the design's exit code."""
    code = 0
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd images; what cannot be used has a line of its own
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    try:
        app(sys.argv[1:] if arguments is None else arguments, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        code = fail(" ".join(str(error).split()), 2)
    except BayesganError as error:
        code = fail(str(error), error.code)
    except BrokenPipeError:  # whoever read has seen enough; nothing is to be said when Python closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        code = fail(f"{error.filename or 'the system'}: {error.strerror or error}", 3)
    except KeyboardInterrupt:
        code = fail("interrupted", 130)
    raise SystemExit(code)


def fail(message: str, code: int) -> int:
    """Print one line to standard error and return the exit code."""
    print(f"bayesgan: {message}", file=sys.stderr)
    return code
