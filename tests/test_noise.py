"""Injected noise: as much as the equation says, on every path; of each particle, tensor and step its own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest
import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.samplers import SGHMC, SGLD, SGNHT, AdamSpec, Cyclical, SGHMCSpec, SGLDSpec, SGNHTSpec
from bayesgan.samplers.noise import Noise
from bayesgan.samplers.specs import SamplerSpec, Setting
from chains import SHAPES, give_noise, still
from contract import close

H, FRICTION = 0.2, 2.0
C = math.exp(-FRICTION * H)


def baoa_moves(step: int) -> float:
    """Drift with a momentum of variance T before and after it decays."""
    return H * H * (1 + C) / 2


def euler_moves(step: int) -> float:
    """Drift with a momentum that starts at the temperature T and settles above it."""
    limit = 2 / (1 + C)
    return H * H * (limit + (1 - limit) * C ** (2 * step + 2))


# Variance of what noise alone moves a weight by, in units of T, at the sampler's step 0, 1, 2, ...
MOVES: dict[str, tuple[SamplerSpec, Callable[[int], float]]] = {
    "SGLD": (SGLDSpec(lr=H), lambda step: 2 * H),
    "SGHMC": (SGHMCSpec(lr=H, friction=FRICTION), baoa_moves),
    "Euler": (SGHMCSpec(lr=H, friction=FRICTION, integrator="euler"), euler_moves),
    "SGNHT": (SGNHTSpec(lr=H, friction=FRICTION), baoa_moves),
}


@pytest.mark.parametrize(
    ("burn_in", "damping"), [(0, None), (3, None), (3, 0.5)], ids=["alone", "after a burn-in", "preconditioned"]
)
@pytest.mark.parametrize("name", MOVES)
def test_every_step_of_every_sampler_has_the_right_noise(name: str, burn_in: int, damping: float | None) -> None:
    """The first one and later ones, alone and after the hand-over, in every tensor of the run."""
    spec, variance = MOVES[name]
    spec = replace(spec, temperature=0.7, damping=damping, burn_in=AdamSpec(1e-3))
    params, setting = still((400, 300), (100_000,)), Setting(40, burn_in, 20, (0,), {})
    optimiser = spec.build(params, setting)
    scale2 = 1 / (2 + damping) if damping else 1.0  # gradients of 2 in the burn-in
    for step in range(burn_in + 5):
        optimiser.param_groups[0].update(spec.options(step, setting))
        before = [w.detach().clone() for w in params]
        for w in params:
            w.grad.fill_(2.0 if step < burn_in else 0.0)
        optimiser.step()
        for w, old in zip(params, before, strict=True):
            if step >= burn_in:
                expected = variance(step - burn_in) * scale2 * 0.7 / 40
                assert (w.detach() - old).var() == pytest.approx(expected, rel=0.02), step


@pytest.mark.parametrize("name", MOVES)
def test_exploration_has_no_noise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also that of a second cycle: whatever the noise is there, the weights are the same, but not elsewhere."""
    spec, setting = replace(MOVES[name][0], schedule=Cyclical(2, 0.5)), Setting(40, 0, 12, (0,), {})

    def walk(loud: Callable[[int], bool]) -> Tensor:
        (w,) = params = still((50,))
        optimiser = spec.build(params, setting)
        for step in range(setting.steps):
            optimiser.param_groups[0].update(spec.options(step, setting))
            w.grad = w.detach() - 1
            give_noise(monkeypatch, torch.full((), 1e3 if loud(step) else 1.0))
            optimiser.step()
        return w.detach()

    quiet = walk(lambda step: False)
    assert torch.equal(quiet, walk(lambda step: step % 6 < 3))
    assert not any(torch.equal(quiet, walk(lambda step, at=at: step == at)) for at in (3, 5, 9, 11))


def test_sgld_moves_every_tensor_by_the_right_noise() -> None:
    params = still(*SHAPES)
    SGLD(params, lr=0.02, num_obs=40, temperature=0.5).step()
    for w in params:
        assert w.detach().var() == pytest.approx(2 * 0.02 * 0.5 / 40, rel=0.02)
        assert abs(w.detach().mean() / w.detach().std()) < 0.02


@pytest.mark.parametrize("integrator", ["baoa", "euler"])
def test_sghmc_keeps_every_momentum_at_its_temperature(integrator: str) -> None:
    """Euler's momenta are too warm by ``2 / (1 + c)``."""
    params = still(*SHAPES)
    h, friction = 0.2, 2.0
    optimiser = SGHMC(params, h, 40, friction, temperature=0.5, integrator=integrator)
    for _ in range(20):
        optimiser.step()
    factor = 1.0 if integrator == "baoa" else 2 / (1 + math.exp(-friction * h))
    for w in params:
        assert optimiser.state[w]["momentum"].var() == pytest.approx(factor * 0.5 / 40, rel=0.02)


def test_sghmc_first_step_has_the_right_variance() -> None:
    """Drift with a momentum of variance T before and after it decays: ``h^2 T (1 + c) / 2``."""
    params = still(*SHAPES)
    SGHMC(params, lr=0.2, num_obs=40, friction=2.0, temperature=0.5).step()
    for w in params:
        assert w.detach().var() == pytest.approx(0.04 * 0.5 / 40 * (1 + math.exp(-0.4)) / 2, rel=0.02)


@pytest.mark.parametrize("make", [SGLD, SGHMC])
def test_preconditioned_noise_is_scaled_like_the_step(make: Callable) -> None:
    plain, scaled = still(*SHAPES), still(*SHAPES)
    scales = [torch.rand_like(w) + 0.5 for w in scaled]
    optimisers = [make(w, 0.02, 40, seeds=(1,)) for w in (plain, scaled)]
    optimisers[1].precondition(scales)
    for optimiser in optimisers:
        optimiser.step()
    close([w.detach() for w in scaled], [w.detach() * s for w, s in zip(plain, scales, strict=True)], rtol=1e-4)


def test_no_two_tensors_groups_or_steps_share_their_noise() -> None:
    params = still(*[(50_000,)] * 3)
    optimiser = SGLD([{"params": params[:2]}, {"params": params[2:]}], lr=0.5, num_obs=1)
    optimiser.step()
    noise = [w.detach().clone() for w in params]
    optimiser.step()
    noise += [w.detach() - n for w, n in zip(params, noise, strict=True)]
    correlation = torch.corrcoef(torch.stack(noise)) - torch.eye(6)
    assert correlation.abs().max() < 0.03


def test_param_groups_have_step_sizes_of_their_own() -> None:
    params = still((100_000,), (100_000,))
    SGLD([{"params": params[:1], "lr": 0.01}, {"params": params[1:]}], lr=0.04, num_obs=10).step()
    assert [float(w.detach().var()) for w in params] == pytest.approx([0.002, 0.008], rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_noise_of_a_particle_depends_on_its_seed_alone(dtype: torch.dtype) -> None:
    few, many = ([torch.empty(k, 3, 2, dtype=dtype), torch.empty(k, 5, dtype=dtype)] for k in (1, 3))
    alone = Noise([12], torch.device("cpu")).draw(few)
    among = Noise([11, 12, 13], torch.device("cpu")).draw(many)
    for a, b, like in zip(alone, among, many, strict=True):
        assert torch.equal(a[0], b[1]) and b.shape == like.shape and b.dtype == dtype
        assert not torch.equal(b[0], b[1])


def test_a_single_seed_needs_no_particle_axis() -> None:
    (xi,) = Noise([3], torch.device("cpu")).draw([torch.empty(4, 5)])
    assert xi.shape == (4, 5) and xi.unique().numel() == 20


def test_noise_continues_from_its_state() -> None:
    noise, like = Noise([1, 2], torch.device("cpu")), [torch.empty(2, 7)]
    noise.draw(like)
    state = noise.state()
    ahead = [noise.draw(like)[0] for _ in range(3)]
    noise.restore(state)
    assert all(torch.equal(a, noise.draw(like)[0]) for a in ahead)
    assert not torch.equal(ahead[0], ahead[1])


def test_a_process_that_forked_draws_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not survive a fork: a child that waited for its parent's would wait for ever."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    like = [torch.zeros(3, 4)]
    Noise((1, 2, 3), torch.device("cpu")).draw(like)
    with ProcessPoolExecutor(1, get_context("fork")) as processes:
        drawn = processes.submit(draws, like).result(timeout=60)
    close(drawn, draws(like))


def draws(like: list[Tensor]) -> list[Tensor]:
    return Noise((1, 2, 3), torch.device("cpu")).draw(like)


@pytest.mark.parametrize("make", [SGLD, SGHMC, SGNHT])
def test_without_seeds_torchs_own_decides_and_no_two_samplers_are_alike(make: Callable) -> None:
    def moved(seed: int, times: int = 1) -> list[Tensor]:
        torch.manual_seed(seed)
        weights = [still((200,))[0] for _ in range(times)]
        samplers = [make([w], lr=0.1, num_obs=4) for w in weights]
        for sampler in samplers:
            sampler.step()
        return [w.detach() for w in weights]

    first, second = moved(3, 2)
    assert torch.equal(first, moved(3)[0]) and not torch.equal(first, moved(4)[0])
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.3


def test_a_stream_goes_on_on_another_kind_of_device_with_numbers_of_its_own() -> None:
    """There states have other sizes: what is drawn depends on the state, and on nothing else."""

    def drawn(*foreign: int) -> Tensor:
        noise = Noise([1, 2], torch.device("cpu"))
        noise.restore([torch.tensor([value] * 16, dtype=torch.uint8) for value in foreign])
        return noise.draw([torch.empty(2, 50)])[0]

    assert torch.equal(drawn(3, 4), drawn(3, 4))
    assert torch.equal(drawn(3, 4)[0], drawn(3, 5)[0]) and not torch.equal(drawn(3, 4)[1], drawn(3, 5)[1])
    assert not torch.equal(*drawn(3, 4))


@pytest.mark.parametrize("make", [SGLD, SGHMC, SGNHT])
def test_a_group_of_weights_that_cannot_be_sampled_is_refused(make: Callable) -> None:
    w, z = torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.complex64, requires_grad=True)
    for group, error in (
        ({"temperature": -1.0}, "temperature must not be negative, not -1.0"),
        ({"num_obs": 0}, "num_obs must be positive, not 0"),
        ({"lr": -0.1}, "lr must be positive, not -0.1"),
        ({"alpha": 0.1}, "a parameter group has no 'alpha'"),
        ({"temprature": 0.1}, "a parameter group has no 'temprature'; did you mean 'temperature'?"),
        ({"params": [z]}, "complex weights have no noise here"),
    ):
        with pytest.raises(UsageError, match=f"{make.__name__}: {re.escape(error)}"):
            make([{"params": [w]} | group], lr=0.1, num_obs=4)
    made = make([w], lr=0.1, num_obs=4)
    torch.optim.lr_scheduler.ExponentialLR(made, 0.5)  # which keeps the first step size in the group
    make(made.param_groups, lr=0.1, num_obs=4)


@pytest.mark.parametrize("make", [SGLD, SGHMC, SGNHT])
def test_zeros_that_a_sparse_gradient_leaves_out_are_sampled_too(make: Callable) -> None:
    found = []
    for sparse in (True, False):
        torch.manual_seed(1)
        table = torch.nn.Embedding(5, 2, sparse=sparse)
        sampler = make(table.parameters(), lr=0.1, num_obs=4)
        for _ in range(3):
            sampler.zero_grad()
            table(torch.tensor([1, 3])).square().sum().backward()
            sampler.step()
        found.append(table.weight.detach())
    close(found[0], found[1], rtol=1e-6)
