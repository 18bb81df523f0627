"""Energies and gradients, and that graphs replay what is written; those need a GPU and are left out elsewhere."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch

from bayesgan import presets
from bayesgan.build import initialise
from bayesgan.data.batches import Batches
from bayesgan.energy import WARM_UP, Captured, Energy
from bayesgan.iteration import iterate
from bayesgan.levers import capturing, choices
from bayesgan.objectives import AnyObjective
from bayesgan.posterior import log_posterior
from contract import CPU, DEVICE, close, experiment, given, over, training

needs_cuda = pytest.mark.skipif(DEVICE.type != "cuda", reason="set BAYESGAN_TEST_DEVICE=cuda where there is a GPU")


@over(AnyObjective)
def test_an_energy_leaves_the_gradient_of_the_negative_log_posterior(example: Any) -> None:
    run, state, batches = experiment(given(example), 2)
    for player in run.objective.players:
        params = [*state.game.ensembles[player].params.values()]
        batch = batches(player, 0)
        value = log_posterior(state.game, player, batch)
        expected = torch.autograd.grad(-value.sum(), params)
        for _ in range(2):  # gradients do not add up from call to call
            close(Energy(state.game, player, nullcontext)(batch), -value.detach(), 1e-5, 1e-6)
            close([leaf.grad for leaf in params], [*expected], 1e-4, 1e-6)


def test_only_a_gpu_records_and_only_what_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run, cuda = presets.bayesgan("mnist"), torch.device("cuda")
    assert capturing(run, cuda) and not capturing(run, CPU)
    assert not capturing(replace(run, chunk_size=2), cuda)
    said = "energies and gradients: recorded once as CUDA graphs"
    assert said not in [*choices(replace(run, device="cpu"))]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert said in [*choices(run)]


@needs_cuda
@over(AnyObjective)
def test_a_graph_replays_what_is_written(example: Any) -> None:
    """Also after the weights have moved, on other batches, and beside the graphs of the other players."""
    run, state, batches = experiment(given(example), 2)
    graphs = {player: Captured(state.game, player, nullcontext) for player in run.objective.players}
    for step in range(WARM_UP + 3):
        for player, graph in graphs.items():
            params, batch = [*state.game.ensembles[player].params.values()], batches(player, step)
            expected = Energy(state.game, player, nullcontext)(batch), [leaf.grad for leaf in params]
            close((graph(batch), [leaf.grad for leaf in params]), expected, 1e-4, 1e-5)
            for leaf in params:
                leaf.data -= 0.01 * leaf.grad.sign()


@needs_cuda
@pytest.mark.parametrize("system", ["supervised", "bayesgan", "ensemble", "wgan", "alpha-gan"])
def test_a_preset_takes_the_same_steps_with_graphs(system: str) -> None:
    """In mixed precision, with labels, with Adam and then a sampler."""
    data = training(64, (1, 28, 28), 10)
    run = presets.PRESETS[system]("mnist", 10)
    run = replace(run.lasting(12), batch=8, noise_batch=20).resolved(64)
    found = []
    for energy in (Energy, Captured):
        state, batches = initialise(run, data, DEVICE), Batches(run, data, DEVICE)
        mixed = state.energies["discriminator"].mixed
        state.energies = {player: energy(state.game, player, mixed) for player in state.energies}
        for _ in range(12):
            values = iterate(run, state, batches)
            state.step += 1
        found.append({player: value.clone() for player, value in values.items()})
    close(found[1], found[0], 0.05, 0.05)
