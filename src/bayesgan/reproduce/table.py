"""Lines as a table in Markdown: the paper's numbers, ours in two columns, what else was measured, ablations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bayesgan.reproduce import published
from bayesgan.reproduce.ablations import ABLATIONS
from bayesgan.reproduce.cells import PRESET
from bayesgan.reproduce.lines import LAST_SAMPLE, Line
from bayesgan.reproduce.spreading import SPREADING

TITLES = {"supervised": "Supervised", "dcgan": "DCGAN", "w_dcgan": "W-DCGAN", "dcgan_10": "DCGAN-10"}
TITLES |= {"bayesgan": "Bayesian GAN", SPREADING: "LabelSpreading (scikit-learn)"}
TITLES |= {LAST_SAMPLE: "its last weight sample alone"}
TITLES |= {name: name.replace("_", " ") for name in ABLATIONS}
COLUMN_TITLES = {"published": "as published, here", "best": "best, here"}
DETAILS = {
    "nll": "{:.3f}",
    "ece": "{:.4f}",
    "minutes": "{:.1f}",
    "gpu_minutes": "{:.1f}",
    "processor_seconds": "{:,.0f}",
}
AUROC = "{:.3f}"


@dataclass(frozen=True)
class Page:
    """What a page says besides its lines.

    devices: where it was computed. validation: how many images were set aside to measure on, or 0.
    """

    data: str
    columns: Sequence[str]
    command: str
    devices: Sequence[str]
    validation: int = 0

    @property
    def unit(self) -> str:
        """Which measure the table shows: errors where they are counted, else percent."""
        return "errors" if self.data in published.COUNTED else "error"

    def cell(self, line: Line | None, key: str, form: str, most: int) -> str:
        """Return a mean with two standard deviations; of how many seeds, where fewer than ``most`` or some diverged."""
        if line is None or (key not in line.mean and not line.failed):
            return "-"
        text = form.format(line.mean[key]) if key in line.mean else "-"
        text += f" +- {form.format(2 * line.sd[key])}" if key in line.sd else ""
        seeds = line.count[key] + len(line.failed) if key in line.count else line.seeds
        notes = [f"{seeds} seed{'s' if seeds > 1 else ''}"] if seeds < most else []
        notes += [f"{len(line.failed)} of {line.seeds} diverged"] if line.failed else []
        return text + (f" ({', '.join(notes)})" if notes else "")


def markdown(found: Sequence[Line], apart: Sequence[Line], page: Page) -> str:
    """Return the page of all lines, and of what they have more than the baseline on the same subsets."""
    part = f"{page.validation:,} validation images" if page.validation else "test images"
    unit = "number" if page.unit == "errors" else "percent"
    over = "mean +- 2 sd over label subsets" if max(line.seeds for line in found) > 1 else "one label subset"
    ours = f"Ours: {unit} of errors on {part}, {over}, {' and '.join(page.devices)}."
    parts = [f"# Few labels on {page.data}\n\n`{page.command}`\n\n{ours} The paper: {published.PAPER}."]
    parts += [table(compared(found, page)), "## Probabilities and times\n\n" + table(detailed(found, page))]
    if apart:
        parts.append(
            "## Against the supervised network, on the subsets that both have\n\n" + table(beside(apart, page))
        )
    if any(line.system in ABLATIONS for line in found):
        parts.append("## The best Bayesian GAN, one part changed\n\n" + table(ablated(found, page)))
    diverged = [
        f"- {TITLES[line.system]}, {line.column}, {line.labels} labels, seed {seed}: {why}"
        for line in found
        for seed, why in line.failed.items()
        if line.system != LAST_SAMPLE
    ]
    return "\n\n".join(parts + ["\n".join(diverged)] * bool(diverged)) + "\n"


def compared(found: Sequence[Line], page: Page) -> Iterator[list[str]]:
    """Yield the main table: a line per number of labels and system, and what others published."""
    form, most = ("{:,.0f}" if page.unit == "errors" else "{:.1f}"), max(line.seeds for line in found)
    yield ["labels", "system", "the paper", *(COLUMN_TITLES[column] for column in page.columns)]
    for labels in labels_of(found):
        for system in (*PRESET, SPREADING):
            mine = [one(found, system, column, labels) for column in page.columns]
            if any(mine):
                cells = [page.cell(line, page.unit, form, most) for line in mine]
                yield [f"{labels:,}", TITLES[system], str(published.paper(page.data, labels, system) or "-"), *cells]
        for name, number in published.others(page.data, labels).items():
            yield [f"{labels:,}", name, str(number), *["-"] * len(page.columns)]


def detailed(found: Sequence[Line], page: Page) -> Iterator[list[str]]:
    """Yield what else was measured of every system, and the errors of its last weight sample."""
    measured = {key for line in found if line.system in PRESET for key in line.mean}
    forms = {key: form for key, form in DETAILS.items() if key in measured}
    forms |= {key: AUROC for key in sorted(measured) if key.startswith("auroc")}
    form = "{:,.0f}" if page.unit == "errors" else "{:.1f}"
    shown = {page.unit: form, f"last_{page.unit}": form, **forms}
    yield ["labels", "column", "system", *(key.replace("_", " ") for key in shown)]
    for line in found:
        if line.system in PRESET:
            cells = [page.cell(line, key, form, line.seeds) for key, form in shown.items()]
            yield [f"{line.labels:,}", line.column, TITLES[line.system], *cells]


def beside(apart: Sequence[Line], page: Page) -> Iterator[list[str]]:
    """Yield what a system has more of than the baseline."""
    forms = {page.unit: "{:+,.0f}" if page.unit == "errors" else "{:+.1f}", "nll": "{:+.3f}", "ece": "{:+.4f}"}
    yield ["labels", "column", "system", "subsets", *forms]
    for line in apart:
        cells = [page.cell(line, key, form, 0).replace("+- +", "+- ") for key, form in forms.items()]
        yield [f"{line.labels:,}", line.column, TITLES[line.system], str(line.seeds), *cells]


def ablated(found: Sequence[Line], page: Page) -> Iterator[list[str]]:
    """Yield the best Bayesian GAN, its last weight sample, and what becomes of it with one part changed."""
    form, most = ("{:,.0f}" if page.unit == "errors" else "{:.1f}"), max(line.seeds for line in found)
    yield ["labels", "run", page.unit, "nll", "ece"]
    for labels in labels_of(found):
        for name in ("bayesgan", LAST_SAMPLE, *ABLATIONS):
            if line := one(found, name, "best", labels):
                numbers = [page.cell(line, key, DETAILS[key], most) for key in ("nll", "ece")]
                yield [f"{labels:,}", TITLES[name], page.cell(line, page.unit, form, most), *numbers]


def one(found: Iterable[Line], system: str, column: str, labels: int) -> Line | None:
    """Return the line of a system in a column, or None."""
    return next((line for line in found if (line.system, line.column, line.labels) == (system, column, labels)), None)


def labels_of(found: Iterable[Line]) -> list[int]:
    """Return the numbers of labels in order."""
    return sorted({line.labels for line in found})


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first row is the head."""
    head, *body = rows
    rule = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *body))
