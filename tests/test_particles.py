"""Write for one, lift to many: the lift against loops written by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN, MLP
from bayesgan.particles import Ensemble, How, lift
from contract import close

HOWS: tuple[How, ...] = ("vmap", "loop", "auto")
WRITER, READER = MLP(4, 1), MLP(5, 1)
WEIGHT = torch.tensor(0.7, dtype=torch.float64)


def pair(writers: int = 3, readers: int = 2) -> tuple[dict[str, Ensemble], dict[str, dict[str, Tensor]]]:
    """A network that writes and one that reads, as ensembles and as stacked float64 weights."""
    ensembles = {
        "writer": Ensemble.init(lambda: WRITER.generator((2,), 3), writers, 0),
        "reader": Ensemble.init(lambda: READER.discriminator((2,), 1), readers, 1),
    }
    return ensembles, {name: {n: t.detach().double() for n, t in e.params.items()} for name, e in ensembles.items()}


def energy(ensembles: dict[str, Ensemble], params: Any, fields: Any) -> Tensor:
    """A function of one particle of each that depends on every field."""
    written = ensembles["writer"].bind(params["writer"])(fields["z"])
    read = ensembles["reader"].bind(params["reader"])
    return read(written).square().mean() + fields["weight"] * read(fields["x"]).mean()


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def part(params: dict[str, Tensor], k: int) -> dict[str, Tensor]:
    return {name: leaf[k] for name, leaf in params.items()}


@pytest.mark.parametrize("how", HOWS)
def test_different_axes_are_crossed_and_fields_ride_along(how: How) -> None:
    ensembles, params = pair(3, 2)
    fields = {"z": numbers(3, 4, 3), "x": numbers(2, 5, 2), "weight": WEIGHT}
    rides = {"z": "g", "x": "d", "weight": None}
    lifted = lift(lambda p, f: energy(ensembles, p, f), {"writer": "g", "reader": "d"}, rides, how)(params, fields)
    by_hand = [
        [
            energy(
                ensembles,
                {"writer": part(params["writer"], g), "reader": part(params["reader"], d)},
                {"z": fields["z"][g], "x": fields["x"][d], "weight": WEIGHT},
            )
            for d in range(2)
        ]
        for g in range(3)
    ]
    close(lifted, torch.tensor(by_hand))


def test_a_loop_along_one_axis_calls_what_is_lifted_once_for_each_of_it() -> None:
    ensembles, params = pair(writers=3, readers=2)
    calls: list[int] = []

    def counted(params: Any, fields: Any) -> Tensor:
        calls.append(1)
        return energy(ensembles, params, fields)

    fields = {"z": numbers(3, 4, 3), "x": numbers(2, 5, 2), "weight": WEIGHT}
    axes, riders = {"reader": "r", "writer": "w"}, {"z": "w", "x": "r", "weight": None}
    found = lift(counted, axes, riders, {"r": "loop", "w": "vmap"})(params, fields)
    assert len(calls) == 2 and found.shape == (2, 3)
    calls.clear()
    close(lift(counted, axes, riders, "loop")(params, fields), found)
    assert len(calls) == 6


@pytest.mark.parametrize("how", HOWS)
def test_equal_axes_are_zipped(how: How) -> None:
    ensembles, params = pair(3, 3)
    fields = {"z": numbers(3, 4, 3), "x": numbers(5, 2), "weight": WEIGHT}
    rides = {"z": "e", "x": None}
    lifted = lift(lambda p, f: energy(ensembles, p, f), {"writer": "e", "reader": "e"}, rides, how)(params, fields)
    by_hand = [
        energy(
            ensembles,
            {name: part(weights, k) for name, weights in params.items()},
            {"z": fields["z"][k], "x": fields["x"], "weight": WEIGHT},
        )
        for k in range(3)
    ]
    close(lifted, torch.stack(by_hand))


@pytest.mark.parametrize("axes", [{"writer": "g", "reader": "d"}, {"writer": "e", "reader": "e"}])
def test_gradients_of_vmap_are_those_of_a_loop(axes: dict[str, str]) -> None:
    ensembles, params = pair(3, 3)
    fields = {"z": numbers(3, 4, 3), "x": numbers(5, 2), "weight": WEIGHT}
    leaves = [leaf.requires_grad_() for weights in params.values() for leaf in weights.values()]
    grads = []
    for how in HOWS:
        value = lift(lambda p, f: energy(ensembles, p, f), axes, {"z": axes["writer"]}, how)(params, fields)
        grads.append(torch.autograd.grad(value.square().sum(), leaves))
    close(grads[0], grads[1])
    close(grads[0], grads[2])
    assert all(g.abs().max() > 0 for g in grads[0])


@pytest.mark.parametrize("axis", ["e", None], ids=["zipped", "crossed"])
def test_convolutions_lift_to_the_same_numbers_however_they_run(axis: str | None) -> None:
    nets = {
        "g": Ensemble.init(lambda: DCGAN(8, 8).generator((1, 8, 8), 3), 2, 0),
        "d": Ensemble.init(lambda: DCGAN(8, 8).discriminator((1, 8, 8), 1), 2, 1),
    }
    params = {name: {n: t.detach().double() for n, t in e.params.items()} for name, e in nets.items()}

    def game(p: Any, f: Any) -> Tensor:
        return nets["d"].bind(p["d"])(nets["g"].bind(p["g"])(f["z"])).mean()

    axes = {name: axis or name for name in nets}
    values = [lift(game, axes, {"z": None}, how)(params, {"z": numbers(4, 3)}) for how in HOWS]
    close(values[0], values[1])
    close(values[0], values[2])


def test_what_a_chunk_computes_is_not_kept_for_its_gradients() -> None:
    net = Ensemble.init(lambda: MLP(32, 3).generator((2,), 3), 8, 0)

    def kept(chunk_size: int | None) -> int:
        """Return how many numbers a forward pass leaves behind for the backward pass."""
        sizes: list[int] = []

        def keep(t: Tensor) -> Tensor:
            sizes.append(t.numel())
            return t

        lifted = lift(lambda p, f: net.bind(p["g"])(f["z"]).mean(), {"g": "g"}, {"z": "g"}, "auto", chunk_size)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            lifted({"g": net.params}, {"z": numbers(8, 64, 3).float()})
        return sum(sizes)

    assert kept(None) > 8 * 64 * 32 * 3
    assert kept(4) == kept(1) == 8 * 64 * 3 + sum(leaf.numel() for leaf in net.params.values()), "what went in"


@pytest.mark.parametrize("how", HOWS)
def test_the_order_of_axes_is_the_order_of_dimensions(how: How) -> None:
    ensembles, params = pair(3, 2)
    fields = {"z": numbers(4, 3), "x": numbers(5, 2), "weight": WEIGHT}
    one, other = (
        lift(lambda p, f: energy(ensembles, p, f), axes, {}, how)(params, fields)
        for axes in ({"writer": "g", "reader": "d"}, {"reader": "d", "writer": "g"})
    )
    assert one.shape == (3, 2)
    close(one, other.T)


def test_three_players_on_two_axes() -> None:
    params = {name: {"w": numbers(k) + i} for i, (name, k) in enumerate({"a": 2, "b": 3, "c": 2}.items())}
    axes = {"a": "k", "b": "l", "c": "k"}
    lifted = lift(lambda p, f: p["a"]["w"] * p["b"]["w"] + p["c"]["w"], axes, {})(params, {})
    close(lifted, torch.outer(params["a"]["w"], params["b"]["w"]) + params["c"]["w"][:, None])


def test_particles_do_not_depend_on_how_many_there_are() -> None:
    few, many = (Ensemble.init(lambda: WRITER.generator((2,), 3), k, seed=5) for k in (2, 4))
    assert len(few) == 2 and len(many) == 4
    for name, leaf in few.params.items():
        assert torch.equal(leaf, many.params[name][:2])
        assert not torch.equal(leaf[0], leaf[1])
        assert leaf.is_leaf and leaf.requires_grad


def test_seeds_differ_and_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    one, other = (Ensemble.init(lambda: nn.Linear(2, 2), 1, seed) for seed in (0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(one.params["weight"], other.params["weight"])


def test_a_particle_is_a_function_of_its_own_weights() -> None:
    ensemble = Ensemble.init(lambda: nn.Linear(3, 2), 3, 0)
    x, weights = torch.randn(4, 3), ensemble.params
    for k in range(3):
        close(ensemble.particle(k)(x), x @ weights["weight"][k].T + weights["bias"][k], rtol=1e-5, atol=1e-6)


def test_detached_weights_share_memory_and_no_gradient() -> None:
    ensemble = Ensemble.init(lambda: nn.Linear(3, 2), 2, 0)
    detached = ensemble.detached()
    assert not any(t.requires_grad for t in detached.values())
    assert all(t.data_ptr() == ensemble.params[name].data_ptr() for name, t in detached.items())


def test_batch_norm_is_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(ValueError, match=r"running_mean.*use group norm"):
        Ensemble.init(lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), 2, 0)


@pytest.mark.parametrize("writers", [1, 2])
@pytest.mark.parametrize("how", HOWS)
def test_zipped_players_must_be_equally_many(how: How, writers: int) -> None:
    """Otherwise the loop would leave out the last ones without a word."""
    ensembles, params = pair(writers, 3)
    fields = {"z": numbers(4, 3), "x": numbers(5, 2), "weight": WEIGHT}
    with pytest.raises((ValueError, UsageError)):
        lift(lambda p, f: energy(ensembles, p, f), {"writer": "e", "reader": "e"}, {}, how)(params, fields)


def test_a_weight_under_two_names_is_refused() -> None:
    """Functional calls fill in one of its names alone; a shared submodule has one name for its weights."""

    def tied() -> nn.Module:
        net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        net[1].weight = net[0].weight
        return net

    with pytest.raises(ValueError, match=r"a weight under two names cannot be lifted: 1\.weight; share a submodule"):
        Ensemble.init(tied, 2, 0)
