"""What can be wrong with the game: pure functions of the evidence, each with numbers and a flag to try."""

from __future__ import annotations

from collections.abc import Iterator

from bayesgan.diagnosis import cures
from bayesgan.diagnosis.evidence import Energy, Evidence
from bayesgan.diagnosis.finding import Finding, worst

REAL, FAKE = 0.95, 0.05  # of P(real)
ALIKE, COLLAPSED = 0.05, 0.5  # of the differences between training examples
RISING, NOTICED = 3.0, 0.1  # standard deviations of a row, share of the energy


def saturated(e: Evidence) -> Iterator[Finding]:
    """A discriminator so sure that generators learn little from it."""
    if e.scores and e.scores.real > REAL and e.scores.fake < FAKE:
        text = f"P(real) is {e.scores.real:.3f} of training examples, {e.scores.fake:.3f} of samples"
        yield Finding("discriminator saturated", text, cures.weaker_discriminator(e.run))


def collapse(e: Evidence) -> Iterator[Finding]:
    """A generator whose samples hardly differ."""
    particles = e.variety.particles if e.variety else ()
    bad = [k for k, value in enumerate(particles) if value < COLLAPSED]
    if not e.variety or not bad:
        return
    low, high = (f"{pick(particles[k] for k in bad):.2f}" for pick in (min, max))
    many = len(particles) > 1
    who = f"generator {', '.join(map(str, bad))} of {len(particles)}" if many else "the generator"
    text = f"samples of {who} differ from each other {low if low == high else f'{low} to {high}'} times as much"
    whole = f" (of all particles together: {e.variety.together:.2f})" if many else ""
    shared = many and e.variety.together >= COLLAPSED and not cures.consistent(e.run)
    cure = cures.apart(e.run) if shared else cures.more_variety(e.run)
    yield Finding("collapse", f"{text} as training examples do{whole}", cure)


def alike(e: Evidence) -> Iterator[Finding]:
    """Generators that all make the same of a code, so that more than one tells nothing."""
    if e.variety and e.variety.apart is not None and e.variety.apart < ALIKE:
        text = f"what the {len(e.variety.particles)} generators make of one code differs at most {e.variety.apart:.2g}"
        yield Finding("particles alike", f"{text} times as much as training examples", cures.more_variety(e.run))


def unstable(e: Evidence) -> Iterator[Finding]:
    """An energy that is not finite, or that rises."""
    for energy in e.energies:
        if energy.broken:
            text = "the energy of {}, particle {}, is not finite at step {}".format(energy.player, *energy.broken)
            yield Finding("diverged", text, cures.step(e.run, energy.player, 0.1))
        elif rises := rising(energy):
            yield Finding("energy rises", rises, cures.step(e.run, energy.player, 0.3))


def rising(energy: Energy) -> str | None:
    """Return in words by how much the particle's energy rose that rose most, None where none rose much."""
    both = zip(energy.rise, energy.share, strict=True)
    most = worst(rise if share > NOTICED else float("nan") for rise, share in both)
    if most is None or most[1] <= RISING:
        return None
    k, rise = most
    text = f"that of {energy.player}, particle {k}, rose by {100 * energy.share[k]:.0f} % in the last rows"
    return f"{text}, {rise:.1f} times the standard deviation of a row"
