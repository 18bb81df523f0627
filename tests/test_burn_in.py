"""Burn-in by Adam, its hand-over to a sampler, and the step sizes of both."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from bayesgan.errors import UsageError
from bayesgan.samplers import (
    EMA,
    SGHMC,
    SGLD,
    SGNHT,
    AdamSpec,
    Constant,
    Cosine,
    Cyclical,
    EMASpec,
    Polynomial,
    SGHMCSpec,
    SGLDSpec,
    SGNHTSpec,
)
from bayesgan.samplers.burn_in import BurnIn, frozen_scales
from bayesgan.samplers.specs import Setting
from contract import Walk, close


@dataclass
class Descent:
    """Two optimizers of equal weights with equal gradients."""

    optimisers: tuple[torch.optim.Optimizer, ...]
    weights: tuple[Tensor, ...]

    def step(self) -> list[Tensor]:
        for w, optimiser in zip(self.weights, self.optimisers, strict=True):
            w.grad = 3 * w.detach() + torch.cos(w.detach())
            optimiser.step()
        return [w.detach() for w in self.weights]


def burning(steps: int, damping: float | None, sampler: Callable) -> tuple[Descent, BurnIn, torch.optim.Adam]:
    """Return BurnIn beside plain Adam."""
    weights = [torch.linspace(-1, 2, 6).view(2, 3).requires_grad_() for _ in range(2)]
    adam, plain = (torch.optim.Adam([w], 0.02, (0.5, 0.9)) for w in weights)
    burn_in = BurnIn(weights[:1], adam, sampler(weights[:1]), steps, damping)
    return Descent((burn_in, plain), tuple(weights)), burn_in, plain


def test_burn_in_is_adam_exactly_and_then_no_longer() -> None:
    pair, _, _ = burning(5, 0.1, lambda w: SGHMC(w, 0.02, 10))
    for _ in range(5):
        assert torch.equal(*pair.step())
    assert not torch.equal(*pair.step())


@pytest.mark.parametrize("damping", [1e-2, 0.5])
def test_scales_are_adams_second_moments_and_stay_frozen(damping: float) -> None:
    pair, burn_in, _ = burning(5, damping, lambda w: SGLD(w, 0.02, 10))
    v, beta2 = torch.zeros(2, 3), 0.9
    for _ in range(5):
        v = beta2 * v + (1 - beta2) * (3 * pair.weights[0].detach() + pair.weights[0].detach().cos()) ** 2
        pair.step()
    expected = ((v / (1 - beta2**5)).sqrt() + damping) ** -0.5
    for _ in range(4):
        pair.step()
        (state,) = burn_in.sampler.state.values()
        close(state["scale"], expected, rtol=1e-5)


def test_without_damping_the_sampler_is_the_plain_one() -> None:
    pair, _, _ = burning(3, None, lambda w: SGHMC(w, 0.02, 10, seeds=(4,)))
    for _ in range(3):
        pair.step()
    copy = pair.weights[0].detach().clone().requires_grad_()
    after = Descent((SGHMC([copy], 0.02, 10, seeds=(4,)), pair.optimisers[0]), (copy, pair.weights[0]))
    for _ in range(4):
        assert torch.equal(*after.step())


def test_damping_without_a_burn_in_is_refused() -> None:
    with pytest.raises(UsageError, match=r"damping = 0\.1: without a burn-in"):
        burning(0, 0.1, lambda w: SGHMC(w, 0.02, 10))


EXPLORING = Cyclical(1, 0.99, floor=1 - 1e-9)
HEAVY = (1 + math.exp(-0.2)) / 2
COLD = {
    "SGLD": (SGLDSpec(lr=0.1, temperature=0.0), 0.1, 0.0),
    "SGHMC": (SGHMCSpec(lr=0.1, friction=2.0, temperature=0.0), 0.01 * HEAVY, math.exp(-0.2)),
    "Euler": (SGHMCSpec(lr=0.1, friction=2.0, temperature=0.0, integrator="euler"), 0.01, math.exp(-0.2)),
    "SGNHT": (SGNHTSpec(lr=0.1, friction=2.0, temperature=0.0), 0.01 * HEAVY, math.exp(-0.2)),
    "exploring": (SGNHTSpec(lr=0.1, friction=2.0, schedule=EXPLORING), 0.01 * HEAVY, math.exp(-0.2)),
}


@pytest.mark.parametrize("damping", [None, 0.3])
@pytest.mark.parametrize("name", COLD)
def test_without_noise_every_sampler_is_descent_after_its_burn_in(name: str, damping: float | None) -> None:
    """Gradient descent or PyTorch's heavy ball from where Adam stopped, the step times the squared scales."""
    spec, lr, momentum = COLD[name]
    spec, setting = replace(spec, damping=damping, burn_in=AdamSpec(0.02)), Setting(50, 4, 40, (0,), {})
    w = torch.linspace(-1, 2, 6, dtype=torch.float64).requires_grad_()
    optimiser = spec.build([w], setting)
    theta, velocity = w.detach().clone(), torch.zeros_like(w)
    for step in range(30):
        optimiser.param_groups[0].update(spec.options(step, setting))
        w.grad = 3 * w.detach() + torch.cos(w.detach())
        if step >= setting.burn_in:
            scale = frozen_scales(optimiser.adam, damping)[0] if damping else torch.ones_like(w)
            velocity = momentum * velocity - lr * scale**2 * w.grad
            theta = theta + velocity
        optimiser.step()
        if step < setting.burn_in:
            theta = w.detach().clone()
        close(w.detach(), theta.detach(), rtol=1e-7)


def test_the_hand_over_draws_the_right_noise() -> None:
    """One step of SGLD after Adam: variance ``2 h T scale^2`` with ``scale^2 = 1 / (|g| + damping)``."""
    w = torch.zeros(100_000, requires_grad=True)
    spec, setting = SGLDSpec(lr=0.03, damping=0.5, burn_in=AdamSpec(1e-3)), Setting(20, 3, 10, (0,), {})
    optimiser = spec.build([w], setting)
    for step in range(4):
        optimiser.param_groups[0]["lr"] = spec.step_size(step, setting)
        w.grad = torch.full_like(w, 2.0 if step < 3 else 0.0)
        before = w.detach().clone()
        optimiser.step()
    assert (w.detach() - before).var() == pytest.approx(2 * 0.03 / 20 / 2.5, rel=0.02)


def test_a_run_without_burn_in_is_the_sampler_alone() -> None:
    for spec, sampler in ((SGHMCSpec(lr=0.1), SGHMC), (SGLDSpec(), SGLD), (SGNHTSpec(), SGNHT)):
        walk = Walk(spec, burn_in=0)
        assert type(walk.optimiser) is sampler
        assert spec.step_size(0, walk.setting) == spec.step_size(19, walk.setting) == spec.lr


# Averages, schedules, step sizes


def test_an_average_is_plain_at_first_and_exponential_later() -> None:
    mine, source = torch.zeros(1, requires_grad=True), torch.zeros(1)
    ema, seen = EMA([mine], [source], decay=0.8), [0.0]
    for step in range(1, 12):
        source.fill_(float(step**2))
        expected = (sum(seen) + step**2) / (step + 1) if step <= 4 else 0.8 * mine.item() + 0.2 * step**2
        seen.append(float(step**2))
        ema.step()
        assert mine.item() == pytest.approx(expected, rel=1e-5)


def test_an_average_follows_the_player_it_names_and_needs_no_gradient() -> None:
    weights = {"a": [torch.ones(2)], "b": [torch.full((2,), 3.0)]}
    mine = torch.ones(2, requires_grad=True)
    EMASpec("b").build([mine], Setting(1, 0, 1, (0,), weights)).step(lambda: pytest.fail("never called"))
    close(mine.detach(), torch.full((2,), 2.0))


def test_schedules() -> None:
    assert [Constant()(p) for p in (0, 0.5, 1)] == [1, 1, 1]
    assert [Cosine(0.2)(p) for p in (0, 0.5, 1, 1.5)] == pytest.approx([1, 0.6, 0.2, 0.2])
    assert [Cosine()(p) for p in (0, 1 / 3, 1)] == pytest.approx([1, 0.75, 0])
    assert [Polynomial(0.5, 0.1)(p) for p in (0, 0.3, 0.8)] == pytest.approx([1, 0.5, 1 / 3])


def test_step_sizes_of_both_phases() -> None:
    """The burn-in's schedule runs over the burn-in, the sampler's over the rest."""
    setting = Setting(100, 40, 140, (0,), {})
    for spec in (
        SGHMCSpec(lr=0.1, burn_in=AdamSpec(0.2, schedule=Cosine(0.5)), schedule=Polynomial(0.5, 0.1)),
        SGLDSpec(lr=0.1, burn_in=AdamSpec(0.2, schedule=Cosine(0.5)), schedule=Polynomial(0.5, 0.1)),
    ):
        found = [spec.step_size(step, setting) for step in (0, 20, 39, 40, 70, 120)]
        assert found == pytest.approx([0.2, 0.15, 0.1, 0.1, 0.05, 0.1 / 3], rel=2e-3)


def test_step_sizes_of_one_phase() -> None:
    setting = Setting(100, 40, 100, (0,), {})
    found = [AdamSpec(0.3, schedule=Cosine(0.5)).step_size(step, setting) for step in (0, 50, 100)]
    assert found == pytest.approx([0.3, 0.225, 0.15])


def test_the_step_size_that_training_sets_is_the_one_used() -> None:
    """BurnIn has one ``lr`` for whichever optimizer is at work; training sets it before every step."""
    schedule = Polynomial(1.0, 1.0)
    burn_in = AdamSpec(0.1, beta1=0.0, beta2=0.0, schedule=schedule)
    spec = SGLDSpec(lr=0.5, temperature=0.0, damping=None, burn_in=burn_in, schedule=schedule)
    walk = Walk(spec, burn_in=2, steps=4)
    w = walk.weights[0].detach().clone()
    for lr in (0.1, 0.1 / 1.5):
        (after, *_) = walk.step()
        close((after - w).abs(), torch.full_like(w, lr), rtol=1e-3, atol=1e-6)
        w = after
    for lr in (0.5, 0.5 / 1.5):
        (after, *_) = walk.step()
        close(after, w - lr * (w - 2 * (2 * w).sin()), rtol=1e-4, atol=1e-6)
        w = after


def test_a_weight_without_a_gradient_stays_where_it_is() -> None:
    used, idle = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    sampler = BurnIn([used, idle], torch.optim.Adam([used, idle]), SGHMC([used, idle], lr=0.1, num_obs=4), 2, 0.1)
    for _ in range(5):
        used.grad = used.detach().clone()
        sampler.step()
    assert (idle == 1).all() and not torch.isclose(used, torch.ones(3)).any()


@pytest.mark.parametrize("steps", [1, 4], ids=["in the burn-in", "while sampling"])
def test_a_copy_goes_on_alike(steps: int) -> None:
    module = torch.nn.Linear(3, 2)
    weights = [*module.parameters()]
    made = BurnIn(weights, torch.optim.Adam(weights), SGHMC(weights, lr=0.1, num_obs=4), 2, 0.1)
    walk(module, made, steps)
    twin, other = copy.deepcopy((module, made))
    for each, sampler in ((module, made), (twin, other)):
        walk(each, sampler, 3)
    close(module.state_dict(), twin.state_dict(), rtol=0, atol=0)


def walk(module: torch.nn.Module, sampler: torch.optim.Optimizer, steps: int) -> None:
    """Take steps on the energy of a standard normal."""
    for _ in range(steps):
        for w in module.parameters():
            w.grad = w.detach().clone()
        sampler.step()


def test_a_step_size_that_nobody_sets_becomes_the_samplers_own() -> None:
    _, burn_in, _ = burning(3, None, lambda w: SGHMC(w, 0.2, 10))
    (w,) = burn_in.param_groups[0]["params"]
    used = []
    for _ in range(5):
        w.grad = torch.ones_like(w)
        burn_in.step()
        used.append((burn_in.adam.param_groups[0]["lr"], burn_in.sampler.param_groups[0]["lr"]))
    assert used == [(0.02, 0.2)] * 5 and burn_in.param_groups[0]["lr"] == 0.2
    assert BurnIn([w], burn_in.adam, SGHMC([w], 0.3, 10), 0, None).param_groups[0]["lr"] == 0.3


def test_a_step_size_from_a_scheduler_is_restored_too() -> None:
    def make(w: Tensor) -> BurnIn:
        return BurnIn([w], torch.optim.Adam([w], 0.02), SGHMC([w], lr=0.1, num_obs=4, seeds=(5,)), 4, 0.1)

    first, second = (torch.ones(3, requires_grad=True) for _ in range(2))
    made, other = make(first), make(second)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(made, 0.5)
    for steps in (3, 3):  # before and after the hand-over
        for _ in range(steps):
            first.grad = first.detach().clone()
            made.step()
            scheduler.step()
        second.data.copy_(first.data)
        other.load_state_dict(copy.deepcopy(made.state_dict()))
        assert other.param_groups[0]["lr"] == made.param_groups[0]["lr"]
    assert made.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)  # Adam's last step was followed by a halving
    for w, sampler in ((first, made), (second, other)):
        w.grad = torch.ones(3)
        sampler.step()
    assert torch.equal(first, second)
    old = {key: value for key, value in made.state_dict().items() if key != "options"}
    make(second).load_state_dict(old)


def test_several_parameter_groups_are_refused() -> None:
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))

    def groups() -> list[dict[str, Any]]:  # optimizers write into theirs
        return [{"params": [w]} for w in (a, b)]

    with pytest.raises(UsageError, match="adam has 2 parameter groups, expected one"):
        BurnIn([a, b], torch.optim.Adam(groups()), SGLD([a, b], 0.1, 4), 2, None)
    with pytest.raises(UsageError, match="sampler has 2 parameter groups, expected one"):
        BurnIn([a, b], torch.optim.Adam([a, b]), SGLD(groups(), 0.1, 4), 2, None)


def test_a_copy_of_an_average_follows_the_copy() -> None:
    mine, source = torch.zeros(1, requires_grad=True), torch.ones(1)
    ema, twin_source, twin = copy.deepcopy([EMA([mine], [source], decay=0.5), source, mine])
    source.fill_(9.0)
    ema.step()
    assert mine.item() == 0.0 and twin.item() == twin_source.item() / 2 == 0.5
