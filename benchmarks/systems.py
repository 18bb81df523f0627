"""Every generating system on several sets, without labels, with the same number of iterations each.

    BAYESGAN_DATA=DIR python benchmarks/systems.py [--sets ring,mnist,color-mnist] [--systems gan,...] [--seeds 3]
                                                   [--steps N] [--jobs 2] [--work runs/systems] [--collect]

Modes found (of the ring; of ten digits, by a classifier), diversity, critic distance, reconstruction error and failed
seeds: a run that diverges, gives numbers that are none, or finds fewer than half of the modes. Seconds per 1,000
iterations are measured at the end, all systems in turn, as processor time of one thread. Finished runs in the work
folder are not run again. Writes benchmarks/results/systems.json and systems.md, and docs/systems.png with samples of
the first seed. Settings were chosen on other seeds; these are seeds 10 and up.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import systems_table
from common import write_result
from systems_run import Job, perform
from systems_time import seconds_per_1000_steps

from bayesgan.data.toy import CENTRES
from bayesgan.presets import PRESETS
from bayesgan.store import write_text

FIRST_SEED = 10
STEPS = {True: 3000, False: 500}  # of points, of images
PICTURE = Path(__file__).parents[1] / "docs" / "systems.png"


def main() -> None:
    """Run what is not finished, and write the result."""
    options = parsed()
    jobs = planned(options)
    if not options.collect:
        for row in performed([job for job in jobs if job.finished() is None], options.jobs):
            print({key: value for key, value in row.items() if key != "config"}, flush=True)
    missing = [job for job in jobs if job.finished() is None]
    for job in missing:
        print(f"missing: {job.folder}")
    if len(missing) < len(jobs):
        collect([job for job in jobs if job not in missing], options)


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names, default=["ring", "mnist", "color-mnist"])
    parser.add_argument("--systems", type=names, default=[name for name in PRESETS if name != "supervised"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="for all sets; 3,000 for points and 500 for images if left out")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, on one core each")
    parser.add_argument("--work", type=Path, default=Path("runs/systems"))
    parser.add_argument("--collect", action="store_true", help="run nothing, write the result of what is finished")
    return parser.parse_args()


def names(text: str) -> list[str]:
    """Return a comma-separated list."""
    return text.split(",")


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one seed after the other."""
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    runs = [(system, data, seed) for seed in seeds for data in options.sets for system in options.systems]
    return [Job(*run, options.steps or STEPS[run[1] in CENTRES], options.work) for run in runs]


def performed(jobs: list[Job], at_once: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of runs as they are finished, in this process where only one runs at a time."""
    if at_once == 1:
        yield from map(perform, jobs)
        return
    # A process per run: what a run leaves in memory goes with it.
    with ProcessPoolExecutor(at_once, get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(perform, job) for job in jobs]):
            yield done.result()


def collect(jobs: Iterable[Job], options: argparse.Namespace) -> None:
    """Write the result file, the table and the picture."""
    jobs = list(jobs)
    rows = [{k: v for k, v in (job.finished() or {}).items() if k != "config"} for job in jobs]
    found = systems_table.summaries(rows, options.systems, options.sets)
    for data in options.sets:
        mine = {row["system"]: row for row in found if row["data"] == data}
        for system, (mean, sd) in seconds_per_1000_steps([*mine], data).items():
            mine[system]["mean"]["seconds_per_1000_steps"] = round(mean, 2)
            mine[system]["sd"]["seconds_per_1000_steps"] = round(sd, 2)
    path = write_result("systems", systems_table.figures(found), rows + found)
    result = json.loads(path.read_text())
    steps = {job.data: job.steps for job in jobs}
    table = systems_table.markdown(found, steps, result["command"], result["machine"])
    write_text(path.with_suffix(".md"), table)
    folders = {(job.system, job.data): job.folder for job in jobs if job.seed == FIRST_SEED}
    if folders:
        systems_table.picture(PICTURE, folders, options.systems, options.sets)
    print(table, path, PICTURE, sep="\n")


if __name__ == "__main__":
    main()
