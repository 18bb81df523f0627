"""The semi-supervised table of the Bayesian GAN's paper and talk, as one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bayesgan.errors import DataError, Interrupted
from bayesgan.files import write_text
from bayesgan.machine import write_result
from bayesgan.reproduce.cells import Job, Row
from bayesgan.reproduce.differences import difference_figures, differences
from bayesgan.reproduce.lines import figures, lines
from bayesgan.reproduce.options import Options
from bayesgan.reproduce.picture import picture
from bayesgan.reproduce.plan import Plan, command, planned, writable
from bayesgan.reproduce.results import presets, spare
from bayesgan.reproduce.rows import Rows, one_thread
from bayesgan.reproduce.shown import say, work
from bayesgan.reproduce.table import Page, markdown


def semi_supervised(options: Options) -> str:
    """Do what is not finished of the table, write ``result.json``, ``.md`` and ``.png``, and return the table.

    Raises UsageError and DataError before anything is trained; Interrupted, and what a cell raises, after the table of
    what is finished, of which ``--result`` then gets no copy: one that is there may hold more.
    """
    plan = planned(options)
    if options.result is not None:
        writable(options.result)
    out = options.out or Path("runs/reproduce") / f"semi-supervised-{Path(options.data).stem}"
    rows, jobs = Rows(out, options.keep), plan.jobs()
    with nullcontext() if options.collect else rows.alone():
        return made(rows, jobs, plan, options)


def made(rows: Rows, jobs: Sequence[Job], plan: Plan, options: Options) -> str:
    """Do what is not finished of the jobs, write the table, and return it; see :func:`semi_supervised`."""
    out = rows.folder
    if options.add is not None:
        say(f"{rows.take_over(jobs, options.add)} of {len(jobs)} cells are in {options.add}")
    if options.result is not None and options.result.exists():
        spare(options.result, [job for job in jobs if not options.collect or rows.finished(job)], plan.terms)
    write_text(out / "command.txt", command(options, plan) + "\n")
    stopped: BaseException | None = None
    try:
        if not options.collect:
            work(rows, jobs, options.jobs, f"few labels on {options.data}")
    except (KeyboardInterrupt, Exception) as error:  # raised again below, once what is finished is written
        stopped = error
    done = {job: row for job in jobs if (row := rows.finished(job))}
    copies = [options.result] if options.result and not stopped else []
    text = written(done, plan, options, [out / "result.json", *copies]) if done else ""
    if isinstance(stopped, KeyboardInterrupt | Interrupted):
        raise Interrupted(f"{len(done)} of {len(jobs)} cells are finished in {out}; continue with the same command")
    if stopped:
        raise stopped
    if not done:
        raise DataError(f"--collect: nothing of this table is finished in {out}")
    return text


def written(done: dict[Job, Row], plan: Plan, options: Options, paths: Sequence[Path]) -> str:
    """Write result, table and picture, beside each of ``paths``; return the table."""
    rows = [*done.values()]
    found, apart = lines(rows, plan.columns), differences(rows)
    text = ""
    for path in paths:
        with one_thread():  # as the rows were made
            result = write_result(
                path, command(options, plan), figures(found) | difference_figures(apart), rows + presets(done)
            )
        page = Page(options.data, plan.columns, result["command"], devices(rows, result), options.validation)
        text = markdown(found, apart, page)
        write_text(path.with_suffix(".md"), text)
        picture(path.with_suffix(".png"), found, page)
    return text


def devices(rows: Sequence[Row], result: Mapping[str, Any]) -> list[str]:
    """Return the names of all that computed rows; those of versions that did not say are of the result's machine."""
    named = {str(row.get("device", "cpu")) for row in rows}
    return sorted({str(result["machine"]["cpu"]) if name == "cpu" else name for name in named})
