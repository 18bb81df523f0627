"""Training: one straight loop over iterations and players."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from bayesgan.build import State, checkpoint, cure, initialise, restore, weights
from bayesgan.check import check
from bayesgan.config import Run
from bayesgan.data.batches import Batches
from bayesgan.data.labels import Training, open_data
from bayesgan.data.splits import Split
from bayesgan.errors import Diverged, Interrupted
from bayesgan.images import save_samples
from bayesgan.levers import choose_device, precision
from bayesgan.motion import mark, motion
from bayesgan.predict import Posterior
from bayesgan.progress import Progress
from bayesgan.store import Store

LOGGED = 200
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
    device = choose_device(run.device)
    data, split, counts = opened(run, Path(out) if out and resume else None)
    run = run.resolved(len(data.labels) if run.objective.conditioned else len(data.images))
    # A run goes on in the precision that it began in, on whatever machine.
    begun = Store.open(out).run().precision if out and resume and run.precision == "auto" else run.precision
    run = replace(run, precision=precision(replace(run, precision=begun), device))
    check(run, data)
    state = initialise(run, data, device)
    store, rows = restore(run, state, out) if resume else (Store.create(Path(out) if out else None, run), [])
    if not resume:
        store.describe(run, counts, split.to_json(), device)
    mark(run, state, store)
    batches = Batches(run, data, device)

    with (
        Progress(f"{run.system} on {data.name}", state.step, run.steps, progress) as bar,
        interruptible() as stopped,
    ):
        while state.step < run.steps:
            energies = iterate(run, state, batches)
            state.step += 1
            bar.advance()
            kept, pictured, over = keep(run, state), due(state.step, run.steps // PICTURES), stopped()
            if kept or due(state.step, run.steps // LOGGED):
                rows.append({"step": state.step, "time": time.time(), "energy": plain(energies), **motion(state)})
                if problem := diverged(energies, state.step):
                    store.write_metrics(rows)
                    raise Diverged(problem)
            if state.step == run.burn_in:
                mark(run, state, store)
            if kept:
                store.save_sample(state.step, weights(state))
            if (kept and state.step == run.steps) or pictured or over:
                store.write_metrics(rows)
                store.save_checkpoint(checkpoint(run, state))
            if pictured:
                save_samples(store.path / "samples" / f"{state.step:06d}.png", run, data.shape, state.game.ensembles)
            if over and state.step < run.steps:
                raise Interrupted(f"stopped at step {state.step}; continue with: {again(run, store)}")
    return Posterior.load(store.path, device=run.device)


def opened(run: Run, folder: Path | None) -> tuple[Training, Split, dict[str, Any]]:
    """Return the training view, the split and what env.json says of the data; the other parts are let go of."""
    prepared = open_data(run, folder)
    data = prepared.training
    counts: dict[str, Any] = {"name": data.name, "shape": data.shape, "classes": data.classes}
    counts |= {"train": len(data.images), "test": prepared.test.listed}
    if prepared.validation is not None:
        counts["validation"] = prepared.validation.listed
    return data, prepared.split, counts


def iterate(run: Run, state: State, batches: Batches) -> dict[str, Tensor]:
    """Update every player in turn and return the energies ``{player: (K,)}`` of those that have one."""
    energies: dict[str, Tensor] = {}
    for player, spec in run.players.items():
        optimiser, setting = state.optimisers[player], state.settings[player]
        for repeat in range(spec.steps):
            count = state.step * spec.steps + repeat
            optimiser.param_groups[0].update(spec.inference.options(count, setting))

            def energy(player: str = player, count: int = count) -> Any:
                energies[player] = state.energies[player](batches(player, count))
                return energies[player]

            optimiser.step(energy)
            spec.prior.project_(state.game.ensembles[player].params)
    return energies


def keep(run: Run, state: State) -> bool:
    """Return whether the bank keeps the weights: every ``thin`` iterations while all players sample, and at the end."""
    past = state.step - run.burn_in
    return state.step == run.steps or (past > 0 and past % run.thin == 0 and sampling(run, state))


def sampling(run: Run, state: State) -> bool:
    """Return whether the last update of every player was one that samples."""
    return all(p.inference.samples(state.step * p.steps - 1, state.settings[n]) for n, p in run.players.items())


def due(step: int, every: int) -> bool:
    """Return whether something that happens ``every`` steps happens now."""
    return step % max(1, every) == 0


def plain(energies: dict[str, Tensor]) -> dict[str, list[float]]:
    """Return the energies as numbers."""
    return {player: [round(v, 6) for v in energy_K.tolist()] for player, energy_K in energies.items()}


def diverged(energies: dict[str, Tensor], step: int) -> str | None:
    """Return which energy is not finite and what to try, or None."""
    for player, energy_K in energies.items():
        if not energy_K.isfinite().all():
            k = int((~energy_K.isfinite()).nonzero()[0])
            what = f"the energy of {player}, particle {k}, is {energy_K[k].item()} at step {step}"
            return f"diverged: {what}; {cure(player)}"
    return None


def again(run: Run, store: Store) -> str:
    """Return the command that continues a run."""
    return shlex.join(["bayesgan", "train", run.system, "--out", str(store.path), "--resume"])


@contextmanager
def interruptible() -> Iterator[Any]:
    """Yield a function that says whether Ctrl-C or SIGTERM came, so that a step always ends before the run does."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return
    before = {s: signal.signal(s, lambda *_: event.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
