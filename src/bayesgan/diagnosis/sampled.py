"""What can be wrong with the sampling: pure functions of the evidence, each with numbers and a flag to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from bayesgan.diagnosis import cures
from bayesgan.diagnosis.evidence import Chain, Evidence
from bayesgan.diagnosis.finding import Finding, worst

COLD = 1e-4  # of the temperature: weights spread at most 1 % as far as in the posterior
MOSTLY_GRADIENT = 10.0  # times the target: nine tenths of the momenta's energy is not the noise's
WARM, COOL = 1.5, 0.5
FEWEST_DRAWS, FEWEST_EFFECTIVE = 5, 10


def noise_negligible(e: Evidence) -> Iterator[Finding]:
    """Noise that moves nothing: a temperature of almost 0, lost in rounding, drowned by gradients, or no movement."""
    for c in e.chains:
        words = ", ".join(words(c) for applies, words in SIGNS.values() if applies(c))
        if words:
            cure = next(cure(e, c) for sign, cure in AGAINST.items() if SIGNS[sign][0](c))
            yield Finding("noise negligible", f"{c.player}: {words}", cure)


SIGNS: dict[str, tuple[Callable[[Chain], bool], Callable[[Chain], str]]] = {
    "cold": (
        lambda c: c.temperature < COLD,
        lambda c: f"at temperature {c.temperature:g} weights spread {c.temperature**0.5:.1g} times as far as at 1",
    ),
    "rounded": (
        lambda c: c.noise < c.rounding,
        lambda c: f"noise adds at most {c.noise:.1g} to a weight in a step, of which float32 keeps {c.rounding:.1g}",
    ),
    "drowned": (
        lambda c: max(c.kinetic, default=0) > MOSTLY_GRADIENT,
        lambda c: f"momenta are {max(c.kinetic):.3g} times as warm as noise makes them: gradients move it",
    ),
    "still": (
        lambda c: c.draws > 1 and c.spread == 0,
        lambda c: f"{c.values} are the same in all {c.draws} draws",
    ),
}
AGAINST: dict[str, Callable[[Evidence, Chain], str]] = {
    "cold": lambda e, c: cures.setting(c.player, "temperature", 1.0),
    "rounded": lambda e, c: cures.step(e.run, c.player, 10.0),
    "drowned": lambda e, c: f"{cures.step(e.run, c.player, 0.1)} or {cures.batch(e.run)}",
    "still": lambda e, c: cures.step(e.run, c.player, 10.0),
}


def wrong_temperature(e: Evidence) -> Iterator[Finding]:
    """Momenta warmer than asked, by gradients that vary between minibatches, or colder."""
    for c in e.chains:
        far = worst(abs(math.log(max(value, 1e-30))) for value in c.kinetic)
        if far is None or c.kinetic[far[0]] > MOSTLY_GRADIENT or COOL <= c.kinetic[far[0]] <= WARM:
            continue
        value = c.kinetic[far[0]]
        text = f"the momenta of {named(c, far[0])} have {value:.2f} times the temperature asked for"
        if value > WARM:
            cure = f"{cures.step(e.run, c.player, 0.3)} or {cures.batch(e.run)}"
            yield Finding("too warm", f"{text}: gradients add noise of their own", cure)
        else:
            yield Finding("too cold", text, cures.warmer(e.run, c.player))


def not_mixed(e: Evidence) -> Iterator[Finding]:
    """Values that still drift within a chain, or that chains do not agree about."""
    for c in e.chains:
        most = worst(c.rhat)
        if most and most[1] > c.limit:
            text = f"R-hat {most[1]:.2f} of {c.values}, {named(c, most[0])}: its two halves differ"
            yield Finding("not mixed", f"{text} (independent draws: below {c.limit:.2f})", cures.longer(e.run))
        elif c.rhat_all > c.limit_all:
            text = f"R-hat {c.rhat_all:.2f} of {c.values} between the {c.particles} particles of {c.player}"
            cure = f"{cures.longer(e.run)}, or take each for a mode of its own"
            yield Finding("not mixed", f"{text} (independent draws: below {c.limit_all:.2f})", cure)


def not_left(e: Evidence) -> Iterator[Finding]:
    """A chain that is still on its way from the burn-in point, or never left it."""
    for c in e.chains:
        if c.departure is None or c.departure.left:
            continue
        if math.isinf(c.departure.growth):
            text = f"every draw of {c.player} is the burn-in point"
            yield Finding("did not leave the burn-in point", text, cures.setting(c.player, "temperature", 1.0))
            continue
        grown = f"the squared distance of {c.values} of {c.player} grew by {100 * (c.departure.growth - 1):.0f} %"
        text = f"{grown} over the last quarter of the bank (p = {c.departure.p_value:.1g})"
        cure = f"{cures.longer(e.run)}, or {cures.step(e.run, c.player, 3.0)}"
        if not e.run.burn_in:
            text, cure = f"{text}; there was no burn-in", cures.flag("burn_in", e.run.steps // 2)
        yield Finding("still leaving the burn-in point", text, cure)


def too_few(e: Evidence) -> Iterator[Finding]:
    """A bank that cannot say how uncertain it is."""
    for c in e.chains:
        if c.draws < FEWEST_DRAWS:
            text = f"the bank has {c.draws} weight samples of {c.player}, at least {FEWEST_DRAWS} are needed"
            yield Finding("too few samples", text, cures.more(e.run))
        elif c.size < FEWEST_EFFECTIVE:
            total = c.draws * c.particles
            text = f"{c.values} of {c.player} are worth {c.size:.1f} independent draws, of {total}"
            # So few are never worth enough, however long apart.
            cure = cures.more(e.run) if c.draws < FEWEST_EFFECTIVE else cures.longer(e.run)
            yield Finding("too few samples", text, cure)


def named(c: Chain, k: int) -> str:
    """Return a particle's name."""
    return f"{c.player} {k}" if c.particles > 1 else c.player
