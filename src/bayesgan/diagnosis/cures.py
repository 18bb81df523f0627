"""What to try, as flags of ``bayesgan train``."""

from __future__ import annotations

from bayesgan.config import Run
from bayesgan.samplers.schedules import Cyclical


def flag(path: str, value: object) -> str:
    """Return ``--set path=value``; numbers with few digits."""
    return f"--set {path}={float(f'{value:.2g}') if isinstance(value, float) else value}"


def setting(player: str, key: str, value: float) -> str:
    """Return the flag that sets one field of a player's inference."""
    return flag(f"players.{player}.inference.{key}", value)


def step(run: Run, player: str, factor: float) -> str:
    """Return the flag that multiplies a player's step size, in the spelling that the run uses (eta is its square)."""
    eta, lr = (getattr(run.players[player].inference, key, None) for key in ("eta", "lr"))
    return setting(player, "eta", eta * factor**2) if eta is not None else setting(player, "lr", (lr or 1.0) * factor)


def rate(run: Run, player: str, factor: float) -> str:
    """Return the flag that multiplies the rate at which a player learns: that of its burn-in, if it is sampled."""
    spec = run.players[player].inference
    burn_in = getattr(spec, "burn_in", None) if run.burn_in else None
    return setting(player, "burn_in.lr", burn_in.lr * factor) if burn_in else step(run, player, factor)


def batch(run: Run) -> str:
    """Return the flag for calmer gradients."""
    return flag("batch", 4 * run.batch)


def longer(run: Run) -> str:
    """Return the flag for a longer run: burn-in and the steps between weight samples grow along."""
    return f"--steps {4 * run.steps}"


def more(run: Run) -> str:
    """Return flags for more weight samples: in a longer run, where they would come too close after one another."""
    thin = max(1, (run.steps - run.burn_in) // 20)
    return flag("thin", thin) if thin < run.thin else f"{longer(run)} {flag('thin', run.thin)}"


def warmer(run: Run, player: str) -> str:
    """Return the flag against cold momenta: larger steps at the end of a cycle, where they have to warm up again."""
    schedule = run.players[player].inference.schedule  # type: ignore[union-attr]
    if isinstance(schedule, Cyclical):
        return setting(player, "schedule.floor", (1 + schedule.floor) / 2)
    return step(run, player, 0.3)


def weaker_discriminator(run: Run) -> str:
    """Return flags against a discriminator that is ahead: a penalty where it has none, else a lower rate."""
    slower = rate(run, "discriminator", 0.2)
    if getattr(run.objective, "r1", None) == 0:
        return f"{flag('objective.r1', 1.0)} or {slower}"
    return f"{slower} or {flag('players.generator.steps', 2 * run.players['generator'].steps)}"


def consistent(run: Run) -> bool:
    """Return whether a discriminator is trained to be invariant, which leaves generators little to spread along."""
    return getattr(run.objective, "consistency", None) is not None


def more_variety(run: Run) -> str:
    """Return flags against collapse: no consistency where there is any, a discriminator that is nearer its optimum."""
    if consistent(run):
        return f"{flag('objective.consistency', 'none')} (at a price in test error) or no --labels"
    if "discriminator" in run.players:
        return flag("players.discriminator.steps", 2 * run.players["discriminator"].steps)
    return rate(run, "generator", 0.3)


def apart(run: Run) -> str:
    """Return flags for generators that each cover the data: against one common discriminator they may share it out."""
    generator, discriminator = run.players["generator"], run.players.get("discriminator")
    if discriminator is None or discriminator.axis == generator.axis:
        return more_variety(run)
    own = flag("players.discriminator.axis", generator.axis)
    return f"{own} {flag('players.discriminator.particles', generator.particles)}, a discriminator for each"
