"""How many samples fit into this machine's memory: asked before the first is drawn."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

from bayesgan.errors import UsageError
from bayesgan.subject import Subject

COPIES = 4  # of the samples at once, float32: themselves, moved, in float64
OVERHEAD = 2048  # bytes of what a sample is made of: its code, class and place in the bank, as objects
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container


def fits_memory(s: Subject) -> None:
    """Raise a UsageError where samples and what is computed of them need more than three quarters of the memory."""
    each = COPIES * 4 * math.prod(s.data.shape) + OVERHEAD
    memory = available()
    if s.generates and memory is not None and s.n > (most := int(0.75 * memory) // each):
        raise UsageError(f"-n {s.n}: the memory here, {memory / 2**30:.0f} GiB, is enough for {most}")


def available() -> int | None:
    """Return the bytes of this machine, or container; None where the system does not say."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in LIMITS:
        with suppress(ValueError, OSError):  # no such file, or no limit: "max"
            found.append(int(Path(path).read_text()))
    return min(found, default=None)
