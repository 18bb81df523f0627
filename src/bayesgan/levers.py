"""What a run leaves open and a machine decides: precision, how to lift, graphs; the rules for CPUs were measured.

``docs/measurements.md`` has the numbers, and what was tried and is not here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import torch

from bayesgan.errors import UsageError, nearest
from bayesgan.particles import How

if TYPE_CHECKING:
    from bayesgan.config import Run

Precision = Literal["auto", "32", "bf16"]

# Numbers in one particle's images of a step, from which on its activations no longer fit a CPU's caches beside those of
# the others, and particles are faster one after the other.
CACHED = 2**18


def choose_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu`` or ``cuda`` stands for; raises a UsageError for one that is not here."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device = {name!r}: {nearest(name, ('auto', 'cpu', 'cuda'))}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def precision(run: Run, device: torch.device) -> Literal["32", "bf16"]:
    """Return what was asked for; for ``auto`` bf16 where networks of images convolve and there are units for it.

    Not for a likelihood that bfloat16 would saturate.
    """
    if run.precision != "auto":
        return run.precision
    if getattr(getattr(run.objective, "likelihood", None), "saturates", False):
        return "32"
    of_images = [run.players[role].network for role in map(run.role, run.players) if role != "code_discriminator"]
    convolve = all(getattr(network, "images_only", False) for network in of_images)
    return "bf16" if convolve and has_units(device) else "32"


def has_units(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 in hardware: AMX or AVX-512 BF16 of a CPU, tensor cores of a GPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Before torch 2.13 there may be no such question.
    ask: Callable[[], dict[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    there = ask()
    return any(there.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


def lifting(run: Run, shape: tuple[int, ...], device: torch.device) -> How | dict[str, How]:
    """Return how to lift where the run says ``auto``: on a CPU a loop along axes whose particles have many numbers.

    Along those alone: a loop over generators too would show every image to a discriminator once for each of them.
    """
    if run.how != "auto" or device.type != "cpu":
        return run.how
    return {axis: "loop" if count * math.prod(shape) > CACHED else "vmap" for axis, count in images(run).items()}


def capturing(run: Run, device: torch.device) -> bool:
    """Return whether energies become CUDA graphs; what is computed in chunks is computed twice, which none records."""
    return device.type == "cuda" and run.chunk_size is None


def images(run: Run) -> dict[str, int]:
    """Return, by axis, how many images a particle makes or sees in a step, of players that have several particles."""
    sizes = {"x": run.batch, "x_labelled": run.labelled_batch}
    sizes |= dict.fromkeys(("x_weak", "x_strong", "views_mix"), run.views_batch)
    found: dict[str, int] = {}
    for name in run.objective.players:
        if run.particles(name) > 1:
            axis, fields = run.players[name].axis, run.objective.fields(name)
            seen = sum(size for field, size in sizes.items() if field in fields)
            found[axis] = found.get(axis, 0) + (run.codes_each() if name == "generator" else seen)
    return found


def choices(run: Run) -> Iterator[str]:
    """Yield in a line each what this machine decides of a run, to be printed beside its settings."""
    if run.device == "cuda" and not torch.cuda.is_available():
        yield "this machine has no CUDA device: precision and lifting are decided where there is one"
        return
    device = choose_device(run.device)
    chosen = precision(run, device)
    units = "has" if has_units(device) else "has no"
    yield f"precision = {chosen!r} on this {device.type}, which {units} units for bfloat16"
    if capturing(run, device):
        yield "energies and gradients: recorded once as CUDA graphs"
    if device.type == "cpu":
        yield f"convolutions: {'channels last' if chosen == 'bf16' else 'as torch chooses'}"
        if run.how == "auto":
            yield f"how: particles at once; in a loop from {CACHED:,} numbers in a particle's images of a step"
