"""The log posterior against double loops, torch.distributions and the mixture written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bayesgan.objectives import NonSaturating, Supervised
from bayesgan.posterior import Game, log_likelihood, log_posterior, marginalise
from bayesgan.priors import Flat, Normal
from contract import close, double, double_batch, experiment, first, gradients

N = 24
PLAYERS = NonSaturating.players


def duel(generators: int = 3, discriminators: int = 2, axis: str | None = None, step: int = 0, **options: object):
    """A game in float64 with batches for both players."""
    counts = {"generator": generators, "discriminator": discriminators}
    _, state, batches = experiment(NonSaturating(), counts, axis, **options)
    return double(state.game), {player: double_batch(batches(player, step)) for player in PLAYERS}


def by_hand(game: Game, player: str, batch: Mapping[str, Tensor], g: int, d: int) -> Tensor:
    """What Goodfellow et al. wrote, for generator g and discriminator d."""
    G, D = game.ensembles["generator"].particle(g), game.ensembles["discriminator"].particle(d)
    fake = D(G(batch["z"][g]))
    if player == "generator":
        return fake.sigmoid().log().mean()
    return D(batch["x"][d]).sigmoid().log().mean() + (1 - fake.sigmoid()).log().mean()


def log_prior(game: Game, player: str, k: int, std: float = 1.0) -> Tensor:
    weights = torch.cat([leaf[k].flatten() for leaf in game.ensembles[player].params.values()])
    return torch.distributions.Normal(0.0, std).log_prob(weights).sum()


@pytest.mark.parametrize("how", ["vmap", "loop", "auto"])
def test_against_a_double_loop(how: str) -> None:
    game, batch = duel(3, 2)
    game = replace(game, how=how)
    table = {p: [[by_hand(game, p, batch[p], g, d) for d in range(2)] for g in range(3)] for p in PLAYERS}
    found = log_posterior(game, "discriminator", batch["discriminator"])
    expected = [
        sum(table["discriminator"][g][d] for g in range(3)) / 3 + log_prior(game, "discriminator", d) / N
        for d in range(2)
    ]
    close(found, torch.stack(expected))
    found = log_posterior(game, "generator", batch["generator"])
    expected = [sum(table["generator"][g]) / 2 + log_prior(game, "generator", g) / N for g in range(3)]
    close(found, torch.stack(expected))


def test_zipped_particles_meet_their_own_opponent_alone() -> None:
    game, batch = duel(3, 3, axis="e")
    for player in PLAYERS:
        expected = [by_hand(game, player, batch[player], k, k) + log_prior(game, player, k) / N for k in range(3)]
        close(log_posterior(game, player, batch[player]), torch.stack(expected))


def test_logmeanexp_is_the_mixture_over_opponents() -> None:
    game, batch = duel(3, 2, prior=Flat())
    game = replace(game, marginal="logmeanexp")
    found = log_posterior(game, "discriminator", batch["discriminator"])
    pairs = [[by_hand(game, "discriminator", batch["discriminator"], g, d) for g in range(3)] for d in range(2)]
    mixture = [sum((N * one).exp() for one in row) / 3 for row in pairs]
    close((N * found).exp(), torch.stack(mixture))


def test_both_marginals_agree_on_one_opponent_and_differ_on_more() -> None:
    for generators, agree in ((1, True), (3, False)):
        game, batch = duel(generators, 2)
        mean, mixture = (
            log_posterior(replace(game, marginal=m), "discriminator", batch["discriminator"])
            for m in ("mean", "logmeanexp")
        )
        assert torch.allclose(mean, mixture, rtol=1e-9) == agree
        assert (mixture >= mean - 1e-12).all()


def test_the_mixture_of_a_large_data_set_does_not_overflow() -> None:
    loglik = torch.tensor([[-1.0, -2.0], [-1.5, -1.2]])
    close(marginalise(loglik, [1], 60_000, "logmeanexp"), loglik.amax(1) - math.log(2) / 60_000, rtol=1e-5)


def test_marginalise_without_opponents_changes_nothing() -> None:
    loglik = torch.randn(3)
    assert marginalise(loglik, [], 10, "logmeanexp") is loglik


@pytest.mark.parametrize("player", PLAYERS)
def test_energies_are_summed_so_that_no_particle_is_warmer_among_more(player: str) -> None:
    """With a mean over particles the gradient would shrink, and the temperature grow, by their number."""
    grads = []
    for particles in (1, 5):
        counts = {"generator": 2, "discriminator": 2, player: particles}
        game, batch = duel(counts["generator"], counts["discriminator"])
        grads.append(first(gradients(game, player, batch[player])[1]))
    close(*grads)


def test_copies_of_an_opponent_change_nothing() -> None:
    """J opponents that are all the same are one: J changes no step size, under either marginal."""
    game, batch = duel(1, 2)
    one, copies = game.ensembles["generator"], 4
    many = replace(one, params={name: leaf.detach().repeat_interleave(copies, 0) for name, leaf in one.params.items()})
    more = dict(batch["discriminator"], z=batch["discriminator"]["z"].repeat_interleave(copies, 0))
    crowd = replace(game, ensembles={**game.ensembles, "generator": many})
    for marginal in ("mean", "logmeanexp"):
        alone, among = (replace(g, marginal=marginal) for g in (game, crowd))
        found = gradients(among, "discriminator", more)
        close(found, gradients(alone, "discriminator", batch["discriminator"]))


@pytest.mark.parametrize("num_obs", [1, 24, 1000])
def test_the_prior_counts_once_among_num_obs_data(num_obs: int) -> None:
    game, batch = duel(2, 2, prior=Normal(0.5), num_obs=num_obs)
    for player in PLAYERS:
        flat = replace(game, priors=dict.fromkeys(game.priors, Flat()))
        share = log_posterior(game, player, batch[player]) - log_posterior(flat, player, batch[player])
        close(num_obs * share, torch.stack([log_prior(game, player, k, 0.5) for k in range(2)]), rtol=1e-8)


def test_num_obs_is_each_players_own() -> None:
    game, batch = duel(1, 1)
    game = replace(game, num_obs={"generator": 7, "discriminator": 11})
    for player, n in game.num_obs.items():
        flat = log_likelihood(game, player, batch[player]).flatten()
        close((log_posterior(game, player, batch[player]) - flat) * n, log_prior(game, player, 0)[None], rtol=1e-8)


def test_opponents_enter_detached() -> None:
    game, batch = duel(3, 2)
    for player, opponent in (PLAYERS, PLAYERS[::-1]):
        log_posterior(game, player, batch[player]).sum().backward()
        assert all(leaf.grad is None for leaf in game.ensembles[opponent].params.values())
        assert all(leaf.grad.abs().sum() > 0 for leaf in game.ensembles[player].params.values())
        game = double(game)


def test_the_likelihood_table_has_one_dimension_per_axis_in_the_players_order() -> None:
    game, batch = duel(3, 2)
    table = log_likelihood(game, "generator", batch["generator"])
    assert table.shape == (2, 3) and list(game.axes) == ["discriminator", "generator", "teacher"]
    close(table[1, 2], by_hand(game, "generator", batch["generator"], 2, 1))


def test_a_game_of_one_player() -> None:
    _, state, batches = experiment(Supervised(), 3, prior=Flat())
    game, batch = double(state.game), double_batch(batches("discriminator", 0))
    expected = [
        -F.cross_entropy(game.ensembles["discriminator"].particle(k)(batch["x_labelled"][k]), batch["y"][k])
        for k in range(3)
    ]
    close(log_posterior(game, "discriminator", batch), torch.stack(expected))
