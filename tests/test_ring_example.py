"""``examples/ring.py`` and the library are the same algorithm, held together step by step: neither drifts alone."""

from __future__ import annotations

import ast
import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from bayesgan.build import State, initialise
from bayesgan.config import Player, Run
from bayesgan.data import toy
from bayesgan.data.batches import Batches
from bayesgan.data.labels import Training
from bayesgan.iteration import iterate
from bayesgan.metrics.modes import modes_found
from bayesgan.networks import MLP
from bayesgan.objectives import NonSaturating
from bayesgan.particles import How
from bayesgan.priors import Normal
from bayesgan.samplers import AdamSpec, SGHMCSpec
from bayesgan.samplers.noise import Noise
from bayesgan.types import Params

PATH = Path(__file__).parents[1] / "examples" / "ring.py"
CPU = torch.device("cpu")
AXES, PARTICLES = {"discriminator": "d", "generator": "g"}, {"discriminator": 2, "generator": 3}
BURN_IN, STEPS, BATCH = 20, 40, 16


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ring_example", PATH)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ring = load_example()


class DoubleBatches(Batches):
    """The library's batches in float64, so that 40 steps of two programs can be compared to nine digits."""

    def __call__(self, player: str, step: int) -> dict[str, Tensor]:
        return {field: value.double() for field, value in super().__call__(player, step).items()}


def library_run(how: How) -> Run:
    """Return the example's game as a run, every number taken from the example."""

    def player(name: str) -> Player:
        adam = AdamSpec(ring.ADAM_LR[name], 0.5, 0.99)
        inference = SGHMCSpec(lr=ring.STEP_SIZE, friction=ring.FRICTION, burn_in=adam)
        prior, size = Normal(ring.PRIOR_STD), PARTICLES[name]
        return Player(MLP(ring.WIDTH, depth=2), inference, prior, AXES[name], size, num_obs=ring.N)

    players = {name: player(name) for name in AXES}
    sizes = {"batch": BATCH, "noise_batch": BATCH, "latent": ring.LATENT}
    schedule = {"steps": STEPS, "burn_in": BURN_IN}
    return Run("bayesgan", "ring", NonSaturating(), players, how=how, **sizes, **schedule)


def library_state(run: Run, data: Training) -> State:
    """Return the run's first state, in float64."""
    state = initialise(run, data, CPU)
    for ensemble in state.game.ensembles.values():
        for leaf in ensemble.params.values():
            leaf.data = leaf.data.double()
    return state


def ring_data() -> Training:
    points, none = toy.points("ring")[0].images, np.zeros(0, np.int64)
    return Training("ring", (2,), (), points, labelled=none, labels=none)


def as_example(player: str, params: Params) -> Params:
    """Return a copy of the library's stacked weights under the example's names: the layers have the same order."""
    skeleton = ring.GENERATOR if player == "generator" else ring.DISCRIMINATOR
    names = [name for name, _ in skeleton.named_parameters()]
    return {name: leaf.detach().clone() for name, leaf in zip(names, params.values(), strict=True)}


def constant(params: Params) -> float:
    """Return what the library's energies have and the example's leave out: the prior's normaliser, per datum."""
    count = sum(leaf[0].numel() for leaf in params.values())
    return count * (math.log(ring.PRIOR_STD) + 0.5 * math.log(2 * math.pi)) / ring.N


@pytest.mark.parametrize("how", ["vmap", "loop"])
def test_the_library_takes_the_same_steps(how: How) -> None:
    data, run = ring_data(), library_run(how)
    state, batches = library_state(run, data), DoubleBatches(run, data, CPU)
    weights = {name: as_example(name, e.params) for name, e in state.game.ensembles.items()}
    start = {name: {n: w.clone() for n, w in params.items()} for name, params in weights.items()}
    adam = {p: torch.optim.Adam(weights[p].values(), ring.ADAM_LR[p], (0.5, 0.99)) for p in weights}
    noise = {p: Noise(state.settings[p].seeds, CPU) for p in weights}

    def draw(player: str) -> Params:
        return dict(zip(weights[player], noise[player].draw(list(weights[player].values())), strict=True))

    def draw_momenta(player: str) -> Params:
        std = math.sqrt(ring.TEMPERATURE)
        return {name: std * noise[player].draw([w])[0] for name, w in weights[player].items()}

    momenta = {player: draw_momenta(player) for player in weights}
    for step in range(STEPS):
        energies = iterate(run, state, batches)
        state.step += 1
        for player, own in weights.items():
            fields = batches(player, step)
            z, x = fields["z"], fields.get("x", torch.zeros(PARTICLES["discriminator"], BATCH, 2).double())
            energy = -ring.log_posterior(player, weights, z, x) + constant(own)
            torch.testing.assert_close(energies[player], energy, rtol=1e-9, atol=1e-12)
            grads = ring.gradients(player, weights, z, x)
            if step < BURN_IN:
                for name, w in own.items():
                    w.grad = grads[name]
                adam[player].step()
            else:
                ring.sghmc_(own, momenta[player], grads, draw(player))
        for player, own in weights.items():
            theirs = as_example(player, state.game.ensembles[player].params)
            for name, w in own.items():
                torch.testing.assert_close(theirs[name], w, rtol=1e-9, atol=1e-12, msg=f"{player} {name} {step}")
    moved = [(w - start[p][name]).abs().amax() for p in weights for name, w in weights[p].items()]
    assert min(moved) > 1e-3, "a weight that stands still compares nothing"


def test_its_data_are_the_library_s() -> None:
    torch.testing.assert_close(ring.CENTRES, torch.from_numpy(toy.centres("ring")), rtol=0, atol=1e-6)
    assert (ring.STD, ring.N) == (toy.STD, toy.TRAIN)


def test_it_counts_modes_as_the_library_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = torch.tensor([20, 19, 2000, 0, 21, 0, 0, 0])  # the rest of 2,500 lie at the origin, far from all centres
    points = torch.zeros(2500, 2)
    points[: counts.sum()] = ring.CENTRES.repeat_interleave(counts, 0) + torch.tensor([2.9 * ring.STD, 0.0])
    monkeypatch.setattr(ring, "train", lambda steps: [])
    monkeypatch.setattr(ring, "sample", lambda bank, n: points)
    ring.main()
    found, _ = modes_found(points, ring.CENTRES, ring.STD)
    assert found == 3 and capsys.readouterr().out == f"{found} of 8 modes found\n"


def test_it_samples_every_network_of_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "GENERATORS", 3)
    bank = []
    for kept in range(2):  # network k of sample s is the constant 3 s + k
        zeros = {name: torch.zeros(3, *w.shape) for name, w in ring.GENERATOR.named_parameters()}
        last = list(zeros)[-1]
        bank.append(zeros | {last: (3.0 * kept + torch.arange(3.0))[:, None].expand(3, 2)})
    torch.manual_seed(0)
    values, counts = ring.sample(bank, 6000)[:, 0].unique(return_counts=True)
    assert values.tolist() == [0, 1, 2, 3, 4, 5] and (counts - 1000).abs().max() < 150


def test_it_runs_and_draws_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ring.main(seed="1", steps=40)
    assert not list(tmp_path.iterdir())
    ring.main("1", str(tmp_path / "ring.png"), "40")
    assert [p.name for p in tmp_path.iterdir()] == ["ring.png"]
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and first.endswith("of 8 modes found")


def test_it_is_short_and_needs_only_torch() -> None:
    text = PATH.read_text()
    nodes = list(ast.walk(ast.parse(text)))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} == {"math", "sys", "torch", "matplotlib"}
    assert len(text.splitlines()) <= 120 and max(map(len, text.splitlines())) <= 110
