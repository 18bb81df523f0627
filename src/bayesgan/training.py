"""Training: one straight loop over iterations and players."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bayesgan import starts
from bayesgan.build import State, initialise, restore, weights
from bayesgan.check import check
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.data.labels import Training, open_data
from bayesgan.data.sets import located
from bayesgan.data.splits import Split, check_data
from bayesgan.errors import Diverged
from bayesgan.images import save_samples
from bayesgan.interrupt import interrupted, interruptible, save
from bayesgan.iteration import diverged, due, iterate, logged, record
from bayesgan.levers import choose_device, precision
from bayesgan.motion import mark
from bayesgan.predict import Posterior
from bayesgan.progress import Progress
from bayesgan.serialise import from_config, to_config
from bayesgan.store import Store

PICTURES = 10


def train(run: Run, out: str | Path | None = None, *, resume: bool = False, progress: bool = False) -> Posterior:
    """Train a run from its data to a posterior, and leave a run folder behind.

    Args:
        run: from :mod:`bayesgan.presets`, or your own.
        out: the run folder; by default the next number under ``runs/``.
        resume: continue ``out`` from its checkpoint, with the numbers an uninterrupted run would have had.
        progress: show a bar with rate and time left.

    Raises:
        DataError: data, split or folder cannot be used. UsageError: the run contradicts itself or its data.
        Diverged: an energy is no longer finite; the bank holds only what came before.
        Interrupted: Ctrl-C; a checkpoint was saved.
    """
    device, run = choose_device(run.device), from_config(to_config(placed(run)))
    data, split, counts = opened(run, Path(out) if out and resume else None)
    run = run.resolved(len(data.labels) if run.objective.conditioned else len(data.images))
    check(run, data)
    # A run goes on in the precision that it began in, on whatever machine.
    begun = Store.open(out).run().precision if out and resume and run.precision == "auto" else run.precision
    run = replace(run, precision=precision(replace(run, precision=begun), device))
    state = initialise(run, data, device)
    if resume:
        store, rows = gone_on(run, state, out, split, counts)
    else:
        store, rows = Store.create(Path(out) if out else None, run), []
        store.describe(run, counts, split.to_json(), device)
    batches = Batches(run, data, device)
    begin, (spent, planned) = partial(initialise, run, data, device), starts.elsewhere(run, rows)
    title, done, total = f"{run.system} on {data.name}", state.step + spent, run.steps + planned
    with Progress(title, done, total, progress) as bar, interruptible() as stopped:
        for best in starts.trials(run, state, rows, begin, batches, bar.then(stopped)):
            state, rows = best
            save(run, state, store, rows)
        if starts.pending(run, rows):
            state = state if rows else begin(0)
            save(run, state, store, rows)
            raise interrupted(run, state, store)
        mark(run, state, store)
        while state.step < run.steps:
            energies = iterate(run, state, batches)
            state.step += 1
            bar.advance()
            kept, pictured, over = keep(run, state), due(state.step, run.steps // PICTURES), stopped()
            if kept or logged(run, state):
                rows.append(record(state, energies))
                if problem := diverged(energies, state.step):
                    store.write_metrics(rows)
                    raise Diverged(problem)
            if state.step == run.burn_in:
                mark(run, state, store)
            if kept:
                store.save_sample(state.step, weights(state))
            if (kept and state.step == run.steps) or pictured or over:
                save(run, state, store, rows)
            if pictured:
                save_samples(store.path / "samples" / f"{state.step:06d}.png", run, data.shape, state.game.ensembles)
            if over and state.step < run.steps:
                raise interrupted(run, state, store)
    return Posterior.load(store.path, device=run.device)


def placed(run: Run) -> Run:
    """Return the run with its paths in full: it is measured from other folders too."""
    folder = None if run.data_dir is None else str(Path(run.data_dir).expanduser().resolve())
    return replace(run, data=located(str(run.data)), data_dir=folder)


def opened(run: Run, folder: Path | None) -> tuple[Training, Split, dict[str, Any]]:
    """Return the training view, the split and what env.json says of the data; the other parts are let go of."""
    prepared = open_data(run, folder)
    data = prepared.training
    counts: dict[str, Any] = {"name": data.name, "shape": data.shape, "classes": data.classes}
    counts |= {"train": len(data.images), "test": prepared.test.listed}
    if prepared.validation is not None:
        counts["validation"] = prepared.validation.listed
    return data, prepared.split, counts


def gone_on(
    run: Run, state: State, out: str | Path | None, split: Split, counts: dict[str, Any]
) -> tuple[Store, list[dict[str, Any]]]:
    """Return the folder and the metrics of a run that goes on; other data than it began with are a DataError."""
    store, rows = restore(run, state, out)
    split.check(store.json("split.json"))
    check_data(store.json("env.json", "data"), counts)
    store.configure(run)  # where it is computed, and where its data lie, may have changed
    return store, rows


def keep(run: Run, state: State) -> bool:
    """Return whether the bank keeps the weights: every ``thin`` iterations while all players sample, and at the end."""
    past = state.step - run.burn_in
    return state.step == run.steps or (past > 0 and past % run.thin == 0 and sampling(run, state))


def sampling(run: Run, state: State) -> bool:
    """Return whether the last update of every player was one that samples."""
    return all(p.inference.samples(state.step * p.steps - 1, state.settings[n]) for n, p in run.players.items())
