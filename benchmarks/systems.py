"""Every generating system on several sets, without labels, with the same number of iterations each.

    BAYESGAN_DATA=DIR python benchmarks/systems.py [--sets ring,mnist,color-mnist] [--systems gan,...] [--seeds 3]
                                                   [--steps N] [--jobs 2] [--work runs/systems] [--add] [--collect]

Modes found (of the ring; of ten digits, by a classifier), diversity, critic distance, reconstruction error and failed
seeds: a run that diverges, gives numbers that are none, or finds fewer than half of the modes. Seconds per 1,000
iterations are measured at the end, all systems in turn, as processor time of one thread. Finished runs in the work
folder are not run again, with --add those of the result file neither. Writes benchmarks/results/systems.json and
systems.md, and docs/systems.png with samples of the first seed. Settings were chosen on other seeds; these are seeds 10
and up.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import common
import systems_table
from resumable import add_flags, completed, finished, names
from systems_run import Job, perform
from systems_time import seconds_per_1000_steps

from bayesgan.data.toy import CENTRES
from bayesgan.files import write_text
from bayesgan.presets import PRESETS

FIRST_SEED = 10
STEPS = {True: 3000, False: 500}  # of points, of images
PICTURE = Path(__file__).parents[1] / "docs" / "systems.png"


def main() -> None:
    """Run what is not finished, and write the result."""
    options = parsed()
    if done := completed(perform, planned(options), common.result_path("systems"), options):
        collect(done, options)


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=names, default=["ring", "mnist", "color-mnist"])
    parser.add_argument("--systems", type=names, default=[name for name in PRESETS if name != "supervised"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="for all sets; 3,000 for points and 500 for images if left out")
    add_flags(parser, "systems")
    return parser.parse_args()


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one seed after the other."""
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    runs = [(system, data, seed) for seed in seeds for data in options.sets for system in options.systems]
    return [Job(*run, options.steps or STEPS[run[1] in CENTRES], options.work) for run in runs]


def collect(jobs: Iterable[Job], options: argparse.Namespace) -> None:
    """Write the result file, the table and the picture."""
    jobs = list(jobs)
    rows = [finished(job) or {} for job in jobs]
    found = systems_table.summaries(rows, options.systems, options.sets)
    for data in options.sets:
        mine = {row["system"]: row for row in found if row["data"] == data}
        for system, (mean, sd) in seconds_per_1000_steps([*mine], data).items():
            mine[system]["mean"]["seconds_per_1000_steps"] = round(mean, 2)
            mine[system]["sd"]["seconds_per_1000_steps"] = round(sd, 2)
    path = common.write_result("systems", systems_table.figures(found), rows + found)
    result = json.loads(path.read_text())
    steps = {job.data: job.steps for job in jobs}
    table = systems_table.markdown(found, steps, result["command"], result["machine"])
    write_text(path.with_suffix(".md"), table)
    shown = [(job, row) for job, row in zip(jobs, rows, strict=True) if job.seed == FIRST_SEED]
    folders = {(job.system, job.data): job.folder for job, _ in shown}
    # Rows of an earlier result come without their samples: then its picture stays.
    if shown and all(row["failed"] or (job.folder / "samples.npz").exists() for job, row in shown):
        systems_table.picture(PICTURE, folders, options.systems, options.sets)
    print(table, path, PICTURE, sep="\n")


if __name__ == "__main__":
    main()
