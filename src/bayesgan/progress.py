"""A progress bar with rate and time left, on standard error; silent unless asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text


class Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return the rate of a task."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class Progress:
    """``with Progress(title, start, total, shown) as bar: ... bar.advance()``; ``binary`` counts bytes."""

    def __init__(self, title: str, start: int, total: int, shown: bool, binary: bool = False) -> None:
        columns = (
            BarColumn(),
            DownloadColumn() if binary else MofNCompleteColumn(),
            TransferSpeedColumn() if binary else Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.bar = RichProgress(TextColumn(title), *columns, console=Console(stderr=True), disable=not shown)
        self.task = self.bar.add_task(title, total=total, completed=start)

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def advance(self, by: int = 1) -> None:
        """Count steps."""
        self.bar.advance(self.task, by)

    def then(self, ask: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that counts a step and asks."""

        def counted() -> bool:
            self.advance()
            return ask()

        return counted

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
