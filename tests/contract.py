"""What every member of a union is tested with: registering it is subscribing to ``test_contract.py``.

A new member needs no change of the tests, or one line of :data:`EXAMPLES` where its fields have no defaults or where
more than its default deserves the tests.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bayesgan.build import State, initialise
from bayesgan.config import Player, Run
from bayesgan.data.batches import Batches
from bayesgan.data.diffaugment import DiffAugment
from bayesgan.data.labels import Training
from bayesgan.networks import DCGAN, MLP, Family, ResNet
from bayesgan.objectives import (
    AGE,
    AlphaGAN,
    AnyObjective,
    Bernoulli,
    Classified,
    Consistency,
    Elbo,
    Hinge,
    Laplace,
    Likelihood,
    Minimax,
    NonSaturating,
    Relativistic,
    SemiSupervised,
    Supervised,
    Wasserstein,
)
from bayesgan.particles import Ensemble, How
from bayesgan.posterior import Game, log_posterior
from bayesgan.priors import Box, Flat, Normal, Prior
from bayesgan.samplers import AdamSpec, EMASpec, SGHMCSpec, SGLDSpec, SGNHTSpec
from bayesgan.samplers.schedules import Cosine, Cyclical, Schedule
from bayesgan.samplers.specs import InferenceSpec, Setting
from bayesgan.serialise import from_config, kind, to_config
from bayesgan.types import Nets, Network

UNIONS = {
    "objective": AnyObjective,
    "prior": Prior,
    "inference": InferenceSpec,
    "network": Family,
    "schedule": Schedule,
    "likelihood": Likelihood,
}
EXAMPLES: dict[type, list[Any]] = {
    NonSaturating: [NonSaturating(), NonSaturating(DiffAugment(), conditional=True, r1=1.0)],
    Hinge: [Hinge(), Hinge(DiffAugment(), conditional=True)],
    Minimax: [Minimax(), Minimax(DiffAugment(), conditional=True)],
    Wasserstein: [Wasserstein(), Wasserstein(penalty=10.0), Wasserstein(DiffAugment(), True, penalty=10.0)],
    Relativistic: [Relativistic(), Relativistic(r1=0.0, r2=0.3), Relativistic(DiffAugment(), True)],
    Elbo: [Elbo(), Elbo(Laplace(0.5), conditional=True), Elbo(Bernoulli())],
    AlphaGAN: [
        AlphaGAN(),
        AlphaGAN(likelihood="explicit", noise=True),
        AlphaGAN(DiffAugment(), likelihood="implicit"),
        AlphaGAN(DiffAugment(), True, noise=True),
    ],
    AGE: [AGE(), AGE(conditional=True)],
    SemiSupervised: [
        SemiSupervised(),
        SemiSupervised("counts", 0.5, Consistency()),
        SemiSupervised(feature_matching=True, augment=DiffAugment()),
    ],
    Classified: [
        Classified(),
        Classified(Wasserstein(DiffAugment(), penalty=10.0), 0.5, 2.0, Consistency()),
        Classified(AlphaGAN(noise=True)),
    ],
    Supervised: [Supervised(), Supervised(Consistency(0.3)), Supervised(Consistency(0.3, interpolation=0.3))],
    Normal: [Normal(), Normal(10**0.5)],
    Box: [Box(), Box(0.3)],
    AdamSpec: [AdamSpec(), AdamSpec(schedule=Cosine(0.1)), AdamSpec(schedule=Cyclical(2, 0.5))],
    EMASpec: [EMASpec("discriminator", 0.7), EMASpec("discriminator", 0.9, power=3.0)],
    SGLDSpec: [SGLDSpec(), SGLDSpec(damping=None, schedule=Cosine()), SGLDSpec(schedule=Cyclical(2, 0.5))],
    SGHMCSpec: [
        SGHMCSpec(lr=0.05),
        SGHMCSpec(lr=0.05, friction=3.0, damping=1e-2, schedule=Cosine(0.1)),
        SGHMCSpec(eta=1e-6, alpha=0.1, integrator="euler"),
        SGHMCSpec(lr=0.05, damping=1e-2, schedule=Cyclical(3, 0.4)),
    ],
    SGNHTSpec: [
        SGNHTSpec(),
        SGNHTSpec(lr=0.05, friction=3.0, coupling=1.0, damping=1e-2, schedule=Cosine(0.1)),
        SGNHTSpec(lr=0.05, temperature=0.3, damping=1e-2, schedule=Cyclical(3, 0.4)),
    ],
    Cyclical: [Cyclical(), Cyclical(5, 0.3, floor=0.1), Cyclical(1, 0.0)],
    MLP: [MLP(8, 1), MLP(5, 3)],
    DCGAN: [DCGAN(8, 12), DCGAN(6, 8, depth=2)],
    ResNet: [ResNet(8, 12), ResNet(6, 8)],
}
CPU = torch.device("cpu")
# Where the tests of this file's unions compute: BAYESGAN_TEST_DEVICE=cuda pytest tests/test_contract.py.
DEVICE = torch.device(os.environ.get("BAYESGAN_TEST_DEVICE", "cpu"))


def instances(cls: type) -> list[Any]:
    """Return the examples of one member, its default where none are listed."""
    if cls in EXAMPLES:
        return EXAMPLES[cls]
    try:
        return [cls()]
    except TypeError as error:
        return pytest.fail(f"{cls.__name__} has no example: add one line to EXAMPLES in tests/contract.py ({error})")


def over(union: Any) -> pytest.MarkDecorator:
    """Parametrise a test over the examples of all members; one without an example fails in its own place."""
    return pytest.mark.parametrize("example", [*examples(union)])


def examples(union: Any) -> Iterator[Any]:
    for cls in get_args(union):
        try:
            yield from (pytest.param(e, id=f"{kind(cls)}{i or ''}") for i, e in enumerate(instances(cls)))
        except pytest.fail.Exception as error:
            yield pytest.param(error, id=kind(cls))


def given(example: Any) -> Any:
    """Return the example, or fail because there is none."""
    if isinstance(example, pytest.fail.Exception):
        raise example
    return example


def round_trip(value: Any, hint: Any) -> None:
    """A value survives its travel through plain values."""
    assert from_config(to_config(value, hint), hint) == value


def close(actual: Any, expected: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers in float64, the same ones every time."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Uniform numbers in float64, the same ones every time."""
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def same(x: Tensor) -> Tensor:
    """A generator (or an encoder) that does nothing: its codes are the images."""
    return x


def saved(state: Any) -> Any:
    """Send a state through a file, as a checkpoint does."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


# Tiny experiments


def training(images: int = 24, shape: tuple[int, ...] = (1, 8, 8), classes: int = 3) -> Training:
    """Random images, the first twelve with labels."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, *shape), dtype=np.uint8)
    labelled = np.arange(12)
    return Training("made up", shape, tuple(map(str, range(classes))), pixels, labelled, labelled % classes)


def experiment(
    objective: Any, particles: Mapping[str, int] | int = 2, axis: str | None = None, **options: Any
) -> tuple[Run, State, Batches]:
    """Return a run of an objective with all its players, each on its own axis (or all on ``axis``), about to start.

    ``options``: fields of every player or of the run. A teacher is there for whoever reads it.
    """
    mine = {name: options.pop(name) for name in Player.__dataclass_fields__ if name in options}
    base = Player(**{"network": MLP(8, 1), "inference": AdamSpec(1e-3), "prior": Normal()} | mine)
    count = defaultdict(lambda: particles) if isinstance(particles, int) else defaultdict(lambda: 1, particles)
    players = {name: replace(base, axis=axis or name, particles=count[name]) for name in objective.players}
    if "discriminator" in players:
        players["teacher"] = replace(players["discriminator"], inference=EMASpec("discriminator"))
    small = {
        "codes": getattr(objective, "code_prior", "normal"),
        "steps": 20,
        "batch": 6,
        "labelled_batch": 4,
        "noise_batch": 5,
        "latent": 3,
    }
    data = training()
    run = Run("test", "made up", objective, players, **small | options).resolved(len(data.images))
    return run, initialise(run, data, DEVICE), Batches(run, data, DEVICE)


def double(game: Game, how: How = "vmap") -> Game:
    """Return a game in float64, run in one way."""
    ensembles = {
        name: Ensemble(e.skeleton, {n: t.detach().double().requires_grad_() for n, t in e.params.items()})
        for name, e in game.ensembles.items()
    }
    return replace(game, ensembles=ensembles, how=how)


def double_batch(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {field: t.double() if t.is_floating_point() else t for field, t in batch.items()}


def gradients(game: Game, player: str, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a player's log posterior (K,) and the gradient of its sum, ``(K, *shape)`` each."""
    value, params = log_posterior(game, player, batch), game.ensembles[player].params
    return value.detach(), dict(zip(params, torch.autograd.grad(value.sum(), [*params.values()]), strict=True))


def first(tensors: Mapping[str, Tensor], k: int = 0) -> dict[str, Tensor]:
    """Return particle k of stacked tensors."""
    return {name: t[k] for name, t in tensors.items()}


def perturbed(game: Game) -> Game:
    """Return a game in float64 whose weights are all random, those that start at 0 too."""
    game = double(game)
    for i, ensemble in enumerate(game.ensembles.values()):
        for j, leaf in enumerate(ensemble.params.values()):
            leaf.data += 0.1 * numbers(*leaf.shape, seed=100 * i + j)
    return game


def lone(game: Game, batch: Mapping[str, Tensor], riders: Mapping[str, str | None]) -> tuple[Nets, dict[str, Tensor]]:
    """Return the first particle of every player, and what it sees."""
    nets = Nets(**{name: ensemble.particle(0) for name, ensemble in game.ensembles.items()})
    return nets, {field: t if riders[field] is None else t[0] for field, t in batch.items()}


def single(objective: Any, seed: int = 0, **makers: Callable[[], nn.Module]) -> Game:
    """Return a game of one particle per player under flat priors, each network made by hand."""
    ensembles = {name: Ensemble.init(make, 1, seed) for name, make in makers.items()}
    return Game(objective, ensembles, {n: n for n in makers}, dict.fromkeys(makers, Flat()), dict.fromkeys(makers, 100))


def affine(scale: float, shift: float, dims: int = 1) -> nn.Module:
    """Return ``x -> scale x + shift`` of points."""
    layer = nn.Linear(dims, dims)
    nn.init.eye_(layer.weight).data *= scale
    nn.init.constant_(layer.bias, shift)
    return layer


def trained(game: Game, player: str, batches: Callable[[int], Mapping[str, Tensor]], steps: int = 300) -> Network:
    """Maximise a player's log posterior with Adam; return its network."""
    params = [*game.ensembles[player].params.values()]
    adam = torch.optim.Adam(params, 0.01)
    for step in range(steps):
        value = log_posterior(game, player, batches(step)).sum()
        for leaf, gradient in zip(params, torch.autograd.grad(-value, params), strict=True):
            leaf.grad = gradient
        adam.step()
    return game.ensembles[player].particle(0)


# Tiny networks

ROLES = ("generator", "encoder", "discriminator", "code_discriminator")


def part(family: Any, role: str, shape: tuple[int, ...] = (1, 8, 8), classes: int = 0) -> nn.Module:
    """Return a network of a family for codes of 3 dimensions, with 2 outputs."""
    sizes = {"generator": (shape, 3), "code_discriminator": (3, 2)}
    make: Callable[..., nn.Module] = getattr(family, role)
    return make(*sizes.get(role, (shape, 2)), classes).to(DEVICE)


def part_inputs(role: str, count: int = 4, shape: tuple[int, ...] = (1, 8, 8), classes: int = 0) -> dict[str, Tensor]:
    """Return what such a network reads, in float64."""
    inputs = {"x": numbers(count, *((3,) if role in ("generator", "code_discriminator") else shape))}
    one_hot = torch.eye(classes, dtype=torch.float64, device=DEVICE)
    return inputs | ({"label": one_hot[torch.arange(count) % classes]} if classes else {})


# Tiny walks


class Walk:
    """An optimizer built from a spec, on two stacked tensors of K particles each, whose energies are known.

    Each particle descends to its own target, which depends on its number alone; so does the source of an average.
    """

    def __init__(self, spec: Any, particles: int = 2, burn_in: int = 4, steps: int = 20) -> None:
        self.spec, self.count = spec, 0
        self.weights = [draw(particles, 3, 2), draw(particles, 4)]
        self.source = [w.detach() + 1 for w in self.weights]
        seeds = [100 + k for k in range(particles)]
        self.setting = Setting(50, burn_in, steps, seeds, defaultdict(lambda: self.source))
        self.optimiser = spec.build(self.weights, self.setting)

    def step(self, times: int = 1) -> list[Tensor]:
        """Take steps as training does, and return the weights."""
        for _ in range(times):
            self.optimiser.param_groups[0].update(self.spec.options(self.count, self.setting))
            self.optimiser.step(self.energy)
            for s in self.source:
                s.mul_(0.9)
            self.count += 1
        return [w.detach().clone() for w in self.weights]

    def energy(self) -> Tensor:
        self.optimiser.zero_grad()
        energy = torch.stack([(w.square() / 2 + (2 * w).cos()).sum() for w in self.weights]).sum()
        energy.backward()
        return energy.detach()

    def resumed(self) -> Walk:
        """Return another walk that continues from this one's state."""
        particles = len(self.weights[0])
        other = Walk(self.spec, particles, self.setting.burn_in, self.setting.steps)
        here, there = [*self.weights, *self.source], [*other.weights, *other.source]
        with torch.no_grad():
            for mine, theirs in zip(here, there, strict=True):
                theirs.copy_(mine)
        other.optimiser.load_state_dict(saved(self.optimiser.state_dict()))
        other.count = self.count
        return other


def draw(particles: int, *shape: int) -> Tensor:
    """Return a leaf whose particle k depends on k alone."""
    rows = [torch.randn(shape, generator=torch.Generator().manual_seed(k)) for k in range(particles)]
    return torch.stack(rows).to(DEVICE).requires_grad_()
