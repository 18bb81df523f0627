"""Registering is subscribing: every member of every union passes these tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, get_args

import pytest
import torch

from bayesgan.config import Player
from bayesgan.data.batches import Batches
from bayesgan.iteration import diverged, iterate
from bayesgan.networks import DCGAN, Family
from bayesgan.objectives import AnyObjective, NonSaturating, Supervised
from bayesgan.particles import Ensemble, lift
from bayesgan.posterior import log_posterior
from bayesgan.priors import Normal, Prior
from bayesgan.samplers import AdamSpec, SGHMCSpec, SGLDSpec
from bayesgan.samplers.schedules import Cosine, Schedule
from bayesgan.samplers.specs import InferenceSpec
from bayesgan.types import Batch
from contract import (
    DEVICE,
    ROLES,
    UNIONS,
    Walk,
    close,
    double,
    double_batch,
    examples,
    experiment,
    first,
    given,
    gradients,
    instances,
    lone,
    numbers,
    over,
    part,
    part_inputs,
    perturbed,
    round_trip,
)

COUNTS = {"discriminator": 2, "code_discriminator": 2, "generator": 3, "encoder": 3}


# The unions themselves


@pytest.mark.parametrize("union", UNIONS.values(), ids=UNIONS)
def test_every_member_has_an_example_and_a_kind_of_its_own(union: Any) -> None:
    assert all(type(e) is cls for cls in get_args(union) for e in instances(cls))
    kinds = [param.id.rstrip("0123456789") for param in examples(union)]
    assert len(set(kinds)) == len(get_args(union))


def test_a_member_without_an_example_fails_in_words() -> None:
    @dataclass(frozen=True)
    class Newcomer:
        size: int

    newcomer, *others = examples(Newcomer | Normal)
    with pytest.raises(pytest.fail.Exception, match=r"Newcomer has no example: add one line to EXAMPLES"):
        given(*newcomer.values)
    assert [given(*param.values) for param in others] == instances(Normal)


@pytest.mark.parametrize(("name", "example"), [(n, p.values[0]) for n, u in UNIONS.items() for p in examples(u)])
def test_config_round_trip(name: str, example: Any) -> None:
    round_trip(given(example), UNIONS[name])
    if name in Player.__dataclass_fields__:
        round_trip(Player(**{name: example}), Player)


# Objectives


@pytest.mark.parametrize("axis", [None, "e"], ids=["crossed", "zipped"])
@over(AnyObjective)
def test_vmap_is_loop(example: Any, axis: str | None) -> None:
    _, state, batches = experiment(given(example), 2 if axis else COUNTS, axis)
    for player in example.players:
        batch = double_batch(batches(player, 0))
        close(*(gradients(double(state.game, how), player, batch) for how in ("vmap", "loop")))


@over(AnyObjective)
def test_chunks_are_the_whole(example: Any) -> None:
    _, state, batches = experiment(given(example), COUNTS)
    for player in example.players:
        batch, game = double_batch(batches(player, 0)), double(state.game, "auto")
        expected = gradients(game, player, batch)
        for size in (1, 2, 9):
            close(gradients(replace(game, chunk_size=size), player, batch), expected)


@over(AnyObjective)
def test_a_batch_twice_over_is_the_batch(example: Any) -> None:
    """Likelihoods are means over a batch: its size changes neither energies nor gradients, and so no step size."""
    _, state, batches = experiment(given(example), COUNTS)
    game = double(state.game)
    for player in example.players:
        batch, riders = double_batch(batches(player, 0)), example.fields(player)
        # As many of everything, so that what goes in pairs still does.
        batch = {name: v[:, :4] if riders[name] else v for name, v in batch.items()}
        twice = {name: torch.cat([v, v], 1) if riders[name] else v for name, v in batch.items()}
        close(gradients(game, player, twice), gradients(game, player, batch))


@over(AnyObjective)
def test_a_particle_depends_on_no_other_particle_of_its_player(example: Any) -> None:
    _, state, batches = experiment(given(example), 3)
    game = double(state.game)
    for player in example.players:
        batch = double_batch(batches(player, 0))
        before = gradients(game, player, batch)[1]
        for leaf in game.ensembles[player].params.values():
            leaf.data[1] *= 1.5
        after = gradients(game, player, batch)[1]
        for k in (0, 2):
            close(first(after, k), first(before, k))
        assert not any(torch.allclose(after[name][1], before[name][1]) for name in before)


@over(AnyObjective)
def test_a_particle_does_not_depend_on_how_many_there_are(example: Any) -> None:
    for player in given(example).players:
        few, many = ({**dict.fromkeys(example.players, 2), player: k} for k in (1, 4))
        found = []
        for counts in (few, many):
            _, state, batches = experiment(example, counts)
            value, grads = gradients(double(state.game), player, double_batch(batches(player, 7)))
            found.append((value[0], first(grads)))
        close(*found)


@over(AnyObjective)
def test_gradients_are_those_of_the_value(example: Any) -> None:
    torch.manual_seed(0)
    _, state, batches = experiment(given(example), 1)
    game = double(state.game, "loop")
    for player in example.players:
        batch = double_batch(batches(player, 0))
        params = game.ensembles[player].params

        def value(*leaves: torch.Tensor, params: Any = params, player: str = player, batch: Any = batch) -> Any:
            params.update(zip(params, leaves, strict=True))
            return log_posterior(game, player, batch).sum()

        assert torch.autograd.gradcheck(value, [*params.values()], fast_mode=True)


@over(AnyObjective)
def test_fields_are_exactly_what_the_methods_read(example: Any) -> None:
    """With these fields and no others a method has its value; without any one of them it fails or has another."""
    run, state, batches = experiment(given(example), 1)
    game = perturbed(state.game)
    for player in example.players:
        riders, method = example.fields(player), getattr(example, player)
        nets, fields = lone(game, double_batch(batches(player, 0)), riders)
        assert set(fields) == set(riders) and {*riders.values()} <= {*example.players, None}
        value = method(nets, Batch(**fields))
        assert value.shape == () and value.isfinite()
        for missing in riders:
            try:
                other = method(nets, Batch(**{name: t for name, t in fields.items() if name != missing}))
            except (AttributeError, TypeError) as error:
                assert missing in str(error) or missing in ("label", "wanted"), (missing, error)
            else:
                assert missing in ("label", "wanted") and not torch.isclose(other, value), missing
        assert run.objective.conditioned == () or {"label", "wanted"} & {*riders}


@over(AnyObjective)
def test_codes_ride_with_generators_and_images_with_the_player(example: Any) -> None:
    """So that each generator makes images of its own, which all its opponents see, and each player has its own data."""
    riders = {"z": "generator", "wanted": "generator", "labelled_fraction": None}
    for player in given(example).players:
        for field, rider in example.fields(player).items():
            assert rider in ({"encoder", player} if field == "eps" else {riders.get(field, player)}), (player, field)


@over(AnyObjective)
def test_every_field_is_drawn_for_every_particle_that_it_rides_with(example: Any) -> None:
    run, _, batches = experiment(given(example), COUNTS)
    rows = {"z": run.noise_batch, "wanted": run.noise_batch, "x_labelled": run.labelled_batch, "y": run.labelled_batch}
    rows |= dict.fromkeys(("x_weak", "x_strong", "views_mix"), run.views_batch)
    rows |= {"jitter": max(run.batch, run.noise_batch)}
    for player in example.players:
        batch, riders = batches(player, 3), example.fields(player)
        assert batch.keys() == riders.keys()
        for field, rider in riders.items():
            if rider is None:
                assert batch[field].shape == ()
                continue
            assert batch[field].shape[:2] == (run.particles(rider), rows.get(field, run.batch)), field
            assert field == "y" or not torch.equal(batch[field][0], batch[field][1])


@over(AnyObjective)
def test_outputs_are_what_the_networks_of_a_run_put_out(example: Any) -> None:
    run, state, _ = experiment(given(example), 1)
    for role in example.players:
        inputs = dict.fromkeys(("generator", "code_discriminator"), torch.zeros(2, run.latent, device=DEVICE))
        label = [torch.eye(3, device=DEVICE)[:2]] if role in example.conditioned else []
        net = state.game.ensembles[role].particle(0)
        out = net(inputs.get(role, torch.zeros(2, 1, 8, 8, device=DEVICE)), *label)
        assert out.shape[1:] == ((1, 8, 8) if role == "generator" else (example.outputs(role, run.latent, 3),))
    if "encoder" in example.players:
        encoded = numbers(2, example.outputs("encoder", run.latent, 3))
        assert example.code(encoded).shape == (2, run.latent)


@over(AnyObjective)
def test_opponents_get_no_gradient(example: Any) -> None:
    _, state, batches = experiment(given(example), COUNTS)
    for player in example.players:
        log_posterior(state.game, player, batches(player, 0)).sum().backward()
        for name, ensemble in state.game.ensembles.items():
            grads = [leaf.grad for leaf in ensemble.params.values()]
            assert all((g is not None) == (name == player) for g in grads)
            ensemble.params.update({n: t.detach().requires_grad_() for n, t in ensemble.params.items()})


@over(AnyObjective)
def test_twenty_steps_of_training(example: Any) -> None:
    run, state, batches = experiment(given(example), COUNTS, network=DCGAN(8, 8))
    before = {n: {leaf: t.clone() for leaf, t in e.detached().items()} for n, e in state.game.ensembles.items()}
    for _ in range(run.steps):
        energies = iterate(run, state, batches)
        state.step += 1
        assert set(energies) == set(example.players)
        assert diverged(energies, state.step) is None
    for name, ensemble in state.game.ensembles.items():
        after = ensemble.detached()
        assert all(t.isfinite().all() for t in after.values())
        assert all(
            any(not torch.equal(t[k], before[name][n][k]) for n, t in after.items()) for k in range(len(ensemble))
        )


def test_training_does_not_know_how_many_particles_there_are() -> None:
    """A mean over energies would slow the descent and warm the chain; one seed for all would tie them together."""
    found = []
    for particles in (1, 4):
        run, state, batches = experiment(Supervised(), particles, inference=SGHMCSpec(lr=0.05))
        for _ in range(5):
            iterate(run, state, batches)
            state.step += 1
        found.append(state.game.ensembles["discriminator"].detached())
    close(first(found[0]), first(found[1]), rtol=1e-4, atol=1e-5)


def test_every_chain_of_a_run_has_noise_of_its_own() -> None:
    seeds = []
    for seed in (0, 1):
        _, state, _ = experiment(NonSaturating(), COUNTS, inference=SGLDSpec(), seed=seed)
        for name in state.optimisers.keys() & COUNTS.keys():
            seeds += [g.initial_seed() for g in state.optimisers[name].noise.generators]
    assert len(seeds) == len(set(seeds)) == 2 * (2 + 3)


def test_training_steps_as_often_and_as_far_as_the_player_says(monkeypatch: pytest.MonkeyPatch) -> None:
    run, state, batches = experiment(Supervised(), 1, inference=AdamSpec(0.1, schedule=Cosine()), steps=3)
    asked, setting, draw = [], state.settings["discriminator"], Batches.__call__
    monkeypatch.setattr(Batches, "__call__", lambda *which: asked.append(which[2]) or draw(*which))
    for step in range(2):
        iterate(run, state, batches)
        state.step += 1
        lr = state.optimisers["discriminator"].param_groups[0]["lr"]
        assert lr == run.players["discriminator"].inference.step_size(3 * step + 2, setting) < 0.1
    assert asked == [0, 1, 2, 3, 4, 5] and setting.steps == 3 * run.steps


# Inference


@pytest.mark.parametrize("stop", [2, 4, 6, 9], ids=["during burn-in", "at the hand-over", "after it", "mid-cycle"])
@over(InferenceSpec)
def test_resume_is_bitwise(example: Any, stop: int) -> None:
    walk = Walk(given(example))
    walk.step(stop)
    resumed = walk.resumed()
    for _ in range(10):
        straight, again = walk.step(), resumed.step()
        assert all(map(torch.equal, straight, again))


@over(InferenceSpec)
def test_weights_move_and_stay_finite(example: Any) -> None:
    walk = Walk(given(example))
    before = [w.detach().clone() for w in walk.weights]
    after = walk.step(20)
    assert all((a != b).all() and a.isfinite().all() for a, b in zip(after, before, strict=True))


@over(InferenceSpec)
def test_a_chain_does_not_depend_on_how_many_there_are(example: Any) -> None:
    few, many = (Walk(given(example), particles).step(12) for particles in (1, 3))
    assert all(torch.equal(f[0], m[0]) for f, m in zip(few, many, strict=True))
    assert not any(torch.equal(m[0], m[1]) for m in many)


@over(InferenceSpec)
def test_step_sizes_are_positive(example: Any) -> None:
    walk = Walk(given(example))
    assert all(example.step_size(step, walk.setting) > 0 for step in range(walk.setting.steps))


@over(InferenceSpec)
def test_options_are_those_of_the_optimizer_and_nothing_else(example: Any) -> None:
    """A name that the optimizer does not know would be set without a word and change nothing."""
    walk = Walk(given(example))
    for step in range(walk.setting.steps):
        options = example.options(step, walk.setting)
        assert options["lr"] == example.step_size(step, walk.setting)
        assert options.keys() <= walk.optimiser.param_groups[0].keys()


@over(InferenceSpec)
def test_where_no_draw_is_made_no_noise_is(example: Any) -> None:
    walk = Walk(given(example))
    for step in range(walk.setting.burn_in, walk.setting.steps):
        options = example.options(step, walk.setting)
        assert "temperature" not in options or (options["temperature"] > 0) == example.samples(step, walk.setting)


@over(Schedule)
def test_schedules_start_at_one_and_fall_or_start_anew(example: Any) -> None:
    factors = [given(example)(i / 20) for i in range(20)]
    assert factors[0] == 1 and min(factors) > 0
    assert all(after <= before or after == 1 for before, after in pairwise(factors))


@over(Schedule)
def test_schedules_sample_at_the_end(example: Any) -> None:
    """The bank always keeps the last weights."""
    assert given(example).samples(199 / 200)


# Priors


@over(Prior)
def test_priors_lift_and_have_their_own_gradient(example: Any) -> None:
    params = {"a": 0.004 * numbers(3, 2, 2), "b": 0.004 * numbers(3, 4)}
    params = {name: t.double().clamp(-0.009, 0.009).requires_grad_() for name, t in params.items()}
    lifted = torch.vmap(given(example).log_prob)(params)
    close(lifted, torch.stack([example.log_prob(first(params, k)) for k in range(3)]))
    leaves = first(params)

    def value(*w: torch.Tensor) -> torch.Tensor:
        return example.log_prob(dict(zip(leaves, w, strict=True))) + 0 * w[0].sum()

    assert torch.autograd.gradcheck(value, [t.detach().requires_grad_() for t in leaves.values()])


@over(Prior)
def test_projection_leads_into_the_support_and_stays_there(example: Any) -> None:
    params = {"a": torch.linspace(-5, 5, 12, device=DEVICE).view(3, 4).requires_grad_()}
    given(example).project_(params)
    once = params["a"].detach().clone()
    assert torch.vmap(example.log_prob)(params).isfinite().all()
    example.project_(params)
    assert torch.equal(params["a"], once)


@pytest.mark.parametrize("steps", [1, 3])
@over(Prior)
def test_training_under_a_prior_starts_and_stays_in_its_support(example: Any, steps: int) -> None:
    """Also within an iteration of several steps: WGAN clips after every one of them."""
    objective = instances(get_args(AnyObjective)[0])[0]
    run, state, batches = experiment(objective, COUNTS, prior=given(example), steps=steps)
    for step in range(4):
        assert diverged(iterate(run, state, batches), step) is None
        state.step += 1


# Networks


@pytest.mark.parametrize("classes", [0, 4], ids=["plain", "conditional"])
@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_networks_lift(example: Any, role: str, classes: int) -> None:
    ensemble = Ensemble.init(lambda: part(given(example), role, classes=classes), 2, 0)
    stacked = {"n": {name: t.detach().double() for name, t in ensemble.params.items()}}
    for name in stacked["n"].keys() & {"classes"}:
        stacked["n"][name] += numbers(*stacked["n"][name].shape)
    batch = part_inputs(role, classes=classes)

    def energy(params: Any, fields: Any) -> torch.Tensor:
        return ensemble.bind(params["n"])(fields["x"], *([fields["label"]] if classes else [])).square().mean()

    close(*(lift(energy, {"n": "k"}, {}, how)(stacked, batch) for how in ("vmap", "loop")))


@pytest.mark.parametrize("classes", [0, 4], ids=["plain", "conditional"])
@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_networks_have_no_state_and_one_row_for_each_input(example: Any, role: str, classes: int) -> None:
    net = part(given(example), role, (3, 8, 8), classes).double()
    assert not [*net.named_buffers()]
    inputs = [*part_inputs(role, 5, (3, 8, 8), classes).values()]
    together = net(*inputs)
    assert together.shape == (5, *((3, 8, 8) if role == "generator" else (2,)))
    close(together[1:3], net(*(t[1:3] for t in inputs)))


@pytest.mark.parametrize("role", ROLES)
@over(Family)
def test_conditional_networks_learn_from_the_class(example: Any, role: str) -> None:
    """Each class has weights of its own: a gradient for the classes that were there, none for the others."""
    torch.manual_seed(0)
    net, inputs = part(given(example), role, classes=4).double(), part_inputs(role, 3, classes=4)
    net(inputs["x"], inputs["label"]).square().sum().backward()
    grads = {name: leaf.grad for name, leaf in net.named_parameters()}["classes"].flatten(1).abs().sum(1)
    assert (grads[:3] > 0).all() and grads[3] == 0
    with torch.no_grad():
        net.classes += numbers(*net.classes.shape)
        assert not torch.allclose(net(inputs["x"], inputs["label"]), net(inputs["x"], inputs["label"].roll(1, 1)))
