"""Point estimate, averaged weights, ensemble and Bayesian GAN at three temperatures, at equal compute.

    BAYESGAN_DATA=DIR python benchmarks/posterior.py [--parts synthetic,stacked,calibration] [--methods point,...]
        [--seeds 3] [--steps N] [--jobs 1] [--work runs/posterior] [--add] [--collect]
        [--validation N [--set KEY=VALUE]]

synthetic: Jensen-Shannon divergence on two principal components of points in 100 and 500 dimensions (Saatchi and
Wilson 2017, 4.1) after an eighth, a quarter, half and all of the budget, equal sample counts. stacked: modes of Stacked
MNIST among 26,000 samples and their reverse KL, of the relativistic game; the recommended method also after four times
the budget, by itself. calibration: errors, NLL, ECE on MNIST's test images after 100 labels, and AUROC of predictive
entropy against Fashion-MNIST. A budget is a number of iterations of the Bayesian GAN; other methods run as many as cost
the same (see posterior_methods.py).

Finished runs in the work folder are not run again, with --add those of the result file neither, and a run that was
interrupted goes on. Writes benchmarks/results/posterior.json and posterior.md, and docs/posterior.png; with
--validation, which measures on images that are taken from the training images, nothing but rows in the work folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import common
import posterior_picture
import posterior_table
from posterior_methods import METHODS, steps_for
from posterior_run import PARTS, Job, perform
from posterior_table import RECOMMENDED
from resumable import add_flags, completed, finished, names

from bayesgan import machine
from bayesgan.files import write_text

FIRST_SEED = 10
PICTURE = Path(__file__).parents[1] / "docs" / "posterior.png"


def main() -> None:
    """Run what is not finished, and write the result."""
    options = parsed()
    if done := completed(perform, planned(options), common.result_path("posterior"), options):
        collect(done, bool(options.validation))


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=names, default=[*PARTS])
    parser.add_argument("--methods", type=names, default=[*METHODS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="iterations of the Bayesian GAN, in every part")
    add_flags(parser, "posterior", jobs=1)
    parser.add_argument("--validation", type=int, default=0, help="measure on this many training images instead")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="with --validation: try it")
    options = parser.parse_args()
    if options.set and not options.validation:
        parser.error("--set needs --validation: settings are chosen on validation images")
    return options


def planned(options: argparse.Namespace) -> list[Job]:
    """Return all runs, one seed after the other."""
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    return [job for seed in seeds for part in options.parts for job in of_part(part, seed, options)]


def of_part(name: str, seed: int, options: argparse.Namespace) -> list[Job]:
    """Return the runs of a part by one seed; of a validation, at the whole budget alone."""
    part, jobs = PARTS[name], []
    whole = max(2, options.steps or part.steps)
    budgets = dict.fromkeys([whole] if options.validation else [max(2, round(whole * s)) for s in part.shares])
    for data in part.sets:
        jobs += [job(name, data, method, n, seed, options) for n, method in product(budgets, options.methods)]
        if part.beyond > 1 and RECOMMENDED in options.methods and not options.validation:
            jobs.append(replace(job(name, data, RECOMMENDED, whole * part.beyond, seed, options), alone=True))
    return jobs


def job(name: str, data: str, method: str, budget: int, seed: int, options: argparse.Namespace) -> Job:
    """Return a run of a method for what ``budget`` iterations of the Bayesian GAN cost."""
    part, changes = PARTS[name], tuple(options.set)
    steps = max(2, steps_for(method, data, part.labels, budget, (*part.changes, *changes)))
    return Job(name, data, method, seed, budget, steps, options.work, options.validation, changes)


def collect(jobs: Sequence[Job], validation: bool) -> None:
    """Print the table; write it, the result file and the picture, unless the test images were left alone."""
    rows = [(finished(job) or {}) | {"alone": job.alone} for job in jobs]
    found = posterior_table.summaries(rows)
    if validation:
        print(posterior_table.markdown(found, "on validation images", machine.machine()))
        return
    path = common.write_result("posterior", posterior_table.figures(found), rows + found)
    table = posterior_table.markdown(found, f"`{common.command()}`", machine.machine())
    write_text(path.with_suffix(".md"), table)
    if any(row["part"] == "synthetic" for row in found):
        posterior_picture.picture(PICTURE, found)
    print(table, path, PICTURE, sep="\n")


if __name__ == "__main__":
    main()
