"""An evaluation in lines: name, value, what to hold it against, protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

OWN_NAMES = ("risk", "coverage", "baselines")  # metrics whose numbers' names say enough
SMALL = 1000  # from here on, digits after the point say nothing


def lines(result: dict[str, Any], names: Iterable[str] | None = None) -> Iterator[str]:
    """Yield a line per number of an evaluation; ``names``: of these metrics only."""
    metrics = result["metrics"]
    for name in metrics if names is None else names:
        entry = metrics[name]
        terms = "; ".join(f"{k}={v}" for k, v in entry["protocol"].items())
        values = entry["value"] if isinstance(entry["value"], dict) else {name: entry["value"]}
        for key, value in values.items():
            title = key if key == name or name in OWN_NAMES else f"{name} {key}"
            number = bounded("value", value, entry)
            yield f"{title.replace('_', ' '):26s} {number:<8} {', '.join(beside(entry, key)):36s} [{terms}]"


def beside(entry: dict[str, Any], key: str) -> Iterator[str]:
    """Yield what to hold a number against."""
    for name, other in entry.items():
        found = other.get(key) if isinstance(other, dict) else other
        if name not in ("value", "protocol", "above") and found is not None:
            yield f"{name.replace('_', ' ')} {bounded(name, found, entry)}"


def bounded(name: str, value: Any, entry: dict[str, Any]) -> str:
    """Return a number, marked where it is a lower bound."""
    return f"> {plain(value)}" if name in entry.get("above", ()) else plain(value)


def plain(value: Any) -> str:
    """Return a number with four digits that count, anything else as it is."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4g}" if abs(value) < SMALL else f"{value:,.0f}"
