"""A run says everything: frozen dataclasses that build the whole experiment, and that travel as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from bayesgan.data.augment import Warp
from bayesgan.data.codes import Codes
from bayesgan.errors import UsageError, require
from bayesgan.levers import Precision
from bayesgan.networks import DCGAN, Family
from bayesgan.objectives import AnyObjective
from bayesgan.particles import How
from bayesgan.posterior import Marginal
from bayesgan.priors import Normal, Prior
from bayesgan.samplers.specs import AdamSpec, EMASpec, InferenceSpec, SamplerSpec, Setting
from bayesgan.seeds import derive


@dataclass(frozen=True)
class Player:
    """One player: its network, how its weights move, how many particles it has and along which axis.

    Players on the same axis are zipped, on different axes crossed. ``steps``: updates per iteration.
    ``num_obs``: how many data its likelihood stands for; the size of the training set where None.
    """

    network: Family = field(default_factory=DCGAN)
    inference: InferenceSpec = field(default_factory=AdamSpec)
    prior: Prior = field(default_factory=Normal)
    axis: str = "d"
    particles: int = 1
    steps: int = 1
    num_obs: int | None = None


@dataclass(frozen=True)
class Starts:
    """How many ``chains`` begin, each from weights of its own; the best goes on after ``trial``, a share of the run."""

    chains: int = 4
    trial: float = 0.25

    def __post_init__(self) -> None:
        require(self, "chains", self.chains, self.chains > 1, "at least 2")
        require(self, "trial", self.trial, 0 < self.trial < 1, "between 0 and 1")


@dataclass(frozen=True)
class Run:
    """An experiment. Presets are functions that return one; ``config.toml`` holds the one that ran.

    ``players``: by name, in the order of their updates. ``labels``: how many training images keep their label,
    or all, or none. ``split``: a file that says which images are labelled, tested and validated on; else
    ``label_seed`` draws them. ``validation``: how many training images are set aside to validate on. ``burn_in`` and
    ``thin``: a weight sample is kept every ``thin`` iterations after ``burn_in`` where all players' schedules sample,
    and at the end. ``*_batch``: images per particle and step; with ``spread`` the ``noise_batch`` codes of a step are
    shared out among the generators instead, at least one to each: for likelihoods that are means over codes (not AGE's
    moments of a batch) the same in expectation, and noisier; more generators then cost no more fakes. ``how`` and
    ``chunk_size``: see :func:`~bayesgan.particles.lift`. ``precision``: see :func:`~bayesgan.levers.precision`.
    ``subset``: share of the training images that each particle sees, besides the labelled ones, which all see.
    ``latent``: dimensions of z, and ``codes`` its prior.
    ``stream``: images stay where they are, and those of a step are brought to the device; the numbers are the same.
    ``starts``: see :mod:`~bayesgan.starts`; None is one chain.
    """

    system: str
    data: str
    objective: AnyObjective
    players: dict[str, Player]
    labels: int | Literal["all"] | None = None
    seed: int = 0
    label_seed: int = 0
    steps: int = 2000
    burn_in: int = 0
    thin: int = 100
    batch: int = 64
    labelled_batch: int = 32
    views_batch: int = 128
    noise_batch: int = 64
    spread: bool = False
    latent: int = 100
    codes: Codes = "normal"
    subset: float = 1.0
    augment: Warp | None = None
    marginal: Marginal = "mean"
    how: How = "auto"
    chunk_size: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "auto"
    data_dir: str | None = None
    split: str | None = None
    validation: int = 0
    stream: bool = False
    starts: Starts | None = None

    def resolved(self, num_train: int) -> Run:
        """Return the run with every player's ``num_obs`` filled in: the training images that a particle sees."""
        num_train = max(1, int(num_train * self.subset))
        players = {
            name: replace(p, num_obs=num_train if p.num_obs is None else p.num_obs) for name, p in self.players.items()
        }
        return replace(self, players=players)

    def uncounted(self) -> Run:
        """Return the run with every player's ``num_obs`` left to the data again."""
        return replace(self, players={name: replace(p, num_obs=None) for name, p in self.players.items()})

    def codes_each(self) -> int:
        """Return how many codes each generator draws per step."""
        return -(-self.noise_batch // self.particles("generator")) if self.spread else self.noise_batch

    def lasting(self, steps: int) -> Run:
        """Return the run with another number of iterations, burn-in and thinning scaled along."""
        if self.steps < 1:
            raise UsageError(f"steps = {self.steps}: expected at least 1")
        # In whole numbers: a rounded share of 4000 steps may be 1000 of 1001.
        burn_in, thin = (count * steps // self.steps for count in (self.burn_in, self.thin))
        return replace(self, steps=steps, burn_in=burn_in, thin=max(1, thin))

    def tempered(self, temperature: float) -> Run:
        """Return the run with every sampler at another temperature; 0 is descent with momentum."""
        players = {
            name: replace(p, inference=replace(p.inference, temperature=temperature))
            if isinstance(p.inference, SamplerSpec)
            else p
            for name, p in self.players.items()
        }
        return replace(self, players=players)

    def axes(self) -> dict[str, str]:
        """Return player -> axis name."""
        return {name: player.axis for name, player in self.players.items()}

    def role(self, name: str) -> str:
        """Return whose network the player has: its own, or that of the player it averages."""
        inference = self.players[name].inference
        return inference.of if isinstance(inference, EMASpec) else name

    def particles(self, name: str) -> int:
        """Return how many particles a player has; an average has as many as the player it follows."""
        return self.players[self.role(name)].particles

    def setting(self, name: str, weights: Mapping[str, Sequence[Tensor]]) -> Setting:
        """Return what a player's inference needs to know of the run; a step of it is an update, not an iteration."""
        player = self.players[name]
        assert player.num_obs is not None, "of a resolved run"
        seeds = [derive(self.seed, "noise", name, k) for k in range(self.particles(name))]
        return Setting(player.num_obs, self.burn_in * player.steps, self.steps * player.steps, seeds, weights)
