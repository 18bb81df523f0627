"""The log posterior of every particle of a player, given all other players' particles.

Scale (a promise): everything is *per datum*. The objective returns means, the prior is divided by ``num_obs``;
a sampler at temperature ``tempering / num_obs`` then draws from ``p(theta | rest)^(1 / tempering)``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bayesgan.particles import Ensemble, How, lift
from bayesgan.priors import Prior
from bayesgan.types import Batch, Nets, Objective, Params

Marginal = Literal["mean", "logmeanexp"]


@dataclass(frozen=True)
class Game:
    """Who plays: the ensembles, their axes and priors, and how many data each likelihood stands for.

    ``marginal`` is how a player's likelihood is reduced over crossed opponents (Saatchi and Wilson 2017):
    ``mean`` adds log-likelihoods as Algorithm 1 does (divided by J, so that J changes no step size);
    ``logmeanexp`` is the mixture over opponents to which equations 1 and 2 marginalise.
    """

    objective: Objective
    ensembles: Mapping[str, Ensemble]
    axes: Mapping[str, str]
    priors: Mapping[str, Prior]
    num_obs: Mapping[str, int]
    marginal: Marginal = "mean"
    how: How | Mapping[str, How] = "auto"
    chunk_size: int | None = None


def log_likelihood(game: Game, player: str, batch: Mapping[str, Tensor]) -> Tensor:
    """Return the mean log-likelihood of every combination of particles, one dimension per axis.

    Gradients flow to ``player``'s weights only; opponents enter detached.
    ``batch`` maps a field to ``(K, B, ...)`` along the axis that the objective names for it, or to what all share.
    """
    ensembles, objective = game.ensembles, game.objective

    def one(params: dict[str, Params], fields: dict[str, Tensor]) -> Tensor:
        nets = Nets(**{name: ensembles[name].bind(weights) for name, weights in params.items()})
        value: Tensor = getattr(objective, player)(nets, Batch(**fields))
        return value

    params = {name: e.params if name == player else e.detached() for name, e in ensembles.items()}
    riders = {field: rider and game.axes[rider] for field, rider in objective.fields(player).items()}
    return lift(one, game.axes, riders, game.how, game.chunk_size)(params, dict(batch))


def log_posterior(game: Game, player: str, batch: Mapping[str, Tensor]) -> Tensor:
    """Return ``log p(theta_k | rest) / num_obs`` up to a constant for each particle k of ``player``: ``(K,)``.

    Saatchi and Wilson 2017 (arXiv 1705.09558), equations 1 and 2, per datum. Sum it over particles before
    ``backward``: a mean would multiply the temperature by K.
    """
    loglik = log_likelihood(game, player, batch)
    order = list(dict.fromkeys(game.axes.values()))
    opponents = [dim for dim, axis in enumerate(order) if axis != game.axes[player]]
    loglik_K = marginalise(loglik, opponents, game.num_obs[player], game.marginal)
    prior_K = torch.vmap(game.priors[player].log_prob)(game.ensembles[player].params)
    return loglik_K + prior_K / game.num_obs[player]


def marginalise(loglik: Tensor, dims: list[int], num_obs: int, marginal: Marginal) -> Tensor:
    """Reduce per-datum log-likelihoods over the opponents' dimensions ``dims``; see :class:`Game`."""
    if not dims:
        return loglik
    if marginal == "mean":
        return loglik.mean(dims)
    count = math.prod(loglik.shape[d] for d in dims)
    return ((num_obs * loglik).logsumexp(dims) - math.log(count)) / num_obs
