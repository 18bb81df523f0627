"""All checks, those first that explain others. A new one: one function, one line."""

from __future__ import annotations

from bayesgan.diagnosis.finding import Check
from bayesgan.diagnosis.played import alike, collapse, saturated, unstable
from bayesgan.diagnosis.sampled import noise_negligible, not_left, not_mixed, too_few, wrong_temperature

CHECKS: tuple[Check, ...] = (
    unstable,
    noise_negligible,
    wrong_temperature,
    not_left,
    not_mixed,
    too_few,
    saturated,
    collapse,
    alike,
)
