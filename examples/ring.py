"""A Bayesian GAN in one file: eight Gaussians on a ring, ten generators, one discriminator.

A GAN looks for one generator; a Bayesian GAN (Saatchi & Wilson 2017, arXiv 1705.09558) samples many of them
from a posterior. Write s for the logistic function and d for a discriminator's logit, so D(x) = s(d(x)).
Given everybody else, each network's weights have a posterior density (equations 1 and 2 of the paper):

    generator      p(g | d)  ~  p(g)  prod_i s(d(G(z_i)))                        "my fakes look real"
    discriminator  p(d | g)  ~  p(d)  prod_i s(d(x_i))  prod_i s(-d(G(z_i)))     "I tell them apart"

Usage: python examples/ring.py [--seed 3] [--picture ring.png]
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call, stack_module_state

NUM_OBS, STD, BATCH = 10_000, 0.05, 64  # training points, their spread around a centre, points per minibatch
GENERATORS, DISCRIMINATORS = 10, 1  # particles: how many of each network we carry at once
LATENT, WIDTH = 2, 128
STEPS, BURN_IN, THIN = 4000, 2000, 80  # iterations; those by Adam; one weight sample is kept every THIN after them
ADAM = {"lr": 1e-3, "betas": (0.5, 0.99)}
LR, FRICTION = 0.03, 10.0  # of SGHMC
PRIOR = Normal(0.0, 1.0)  # p(g) and p(d), for every weight
ANGLES = torch.arange(8) * (math.pi / 4)
CENTRES = 2 * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)

Params = dict[str, Tensor]  # weights by name; those of K particles are stacked: (K, *shape)


def ring(n: int) -> Tensor:
    """Draw n points from the data distribution, (n, 2)."""
    return CENTRES[torch.randint(len(CENTRES), (n,))] + STD * torch.randn(n, 2)


def mlp(inputs: int, outputs: int) -> nn.Module:
    """Build ONE network. Nothing in it knows that there will be many."""
    first, second = nn.Linear(inputs, WIDTH), nn.Linear(WIDTH, WIDTH)
    return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1), nn.Linear(WIDTH, outputs))


GENERATOR, DISCRIMINATOR = mlp(LATENT, 2).to("meta"), mlp(2, 1).to("meta")  # shapes only: weights are arguments


def G(g: Params, z: Tensor) -> Tensor:
    return functional_call(GENERATOR, g, z)


def D(d: Params, x: Tensor) -> Tensor:
    return functional_call(DISCRIMINATOR, d, x)


def generator(g: Params, d: Params, z: Tensor, x: Tensor) -> Tensor:
    return F.logsigmoid(D(d, G(g, z))).mean()


def discriminator(g: Params, d: Params, z: Tensor, x: Tensor) -> Tensor:
    return F.logsigmoid(D(d, x)).mean() + F.logsigmoid(-D(d, G(g, z))).mean()


def crossed(fn):
    return torch.vmap(torch.vmap(fn, (None, 0, None, 0)), (0, None, 0, None))


def log_posterior(player: str, weights, z, x):
    g, d = weights["generator"], weights["discriminator"]
    if player == "generator":
        loglik = crossed(generator)(g, d, z, x).mean(1)
    else:
        loglik = crossed(discriminator)(g, d, z, x).mean(0)
    prior = sum(PRIOR.log_prob(w).flatten(1).sum(1) for w in weights[player].values())
    return loglik + prior / NUM_OBS


def gradients_(player, weights, z, x):
    energy = -log_posterior(player, weights, z, x)
    mine = list(weights[player].values())
    for w, grad in zip(mine, torch.autograd.grad(energy.sum(), mine), strict=True):
        w.grad = grad
    return energy.detach()


@torch.no_grad()
def sghmc_(params, momenta, noise, temperature):
    decay = math.exp(-FRICTION * LR)
    for name, w in params.items():
        m = momenta[name]
        m -= LR * w.grad
        w += LR / 2 * m
        m *= decay
        m += math.sqrt(temperature * (1 - decay**2)) * noise[name]
        w += LR / 2 * m


def train(steps=None, on=None):
    data = ring(NUM_OBS)
    weights = {
        "discriminator": stack_module_state([mlp(2, 1) for _ in range(DISCRIMINATORS)])[0],
        "generator": stack_module_state([mlp(LATENT, 2) for _ in range(GENERATORS)])[0],
    }
    adam = {p: torch.optim.Adam(w.values(), **ADAM) for p, w in weights.items()}
    momenta = {p: {n: torch.randn_like(t) * math.sqrt(1 / NUM_OBS) for n, t in w.items()} for p, w in weights.items()}
    bank = []
    for step in range(STEPS):
        for player in weights:
            z, x = torch.randn(GENERATORS, BATCH, LATENT), data[torch.randint(NUM_OBS, (DISCRIMINATORS, BATCH))]
            gradients_(player, weights, z, x)
            if step < BURN_IN:
                adam[player].step()
            else:
                sghmc_(
                    weights[player],
                    momenta[player],
                    {n: torch.randn_like(w) for n, w in weights[player].items()},
                    1 / NUM_OBS,
                )
        if on:
            on(step, weights)
        if step >= BURN_IN and (step + 1 - BURN_IN) % THIN == 0:
            bank.append({n: w.detach().clone() for n, w in weights["generator"].items()})
    return {n: torch.cat([w[n] for w in bank]) for n in bank[0]}


@torch.no_grad()
def sample(bank, n):
    pick = torch.randint(len(next(iter(bank.values()))), (n,))
    return torch.vmap(G)({name: w[pick] for name, w in bank.items()}, torch.randn(n, LATENT))


def modes(samples):
    near = torch.cdist(samples, CENTRES) < 3 * STD
    return near.sum(0)
