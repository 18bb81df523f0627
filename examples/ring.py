"""A Bayesian GAN in one file: not one generator but a posterior over generators, on a ring of Gaussians.

Saatchi & Wilson 2017 (arXiv 1705.09558), equations 1 and 2: with s the logistic function and s(d(x)) the
probability, to discriminator d, that x is real, one network given all others has the density

    generator      p(g | d)  ~  prod_i s(d(g(z_i)))  p(g)                        its fakes pass as real
    discriminator  p(d | g)  ~  prod_i s(d(x_i))  prod_i s(-d(g(z_i)))  p(d)     it tells real from fake

and the players draw from theirs in turn. Run it: python examples/ring.py [SEED [PICTURE.png]]
"""

import math
import sys

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import logsigmoid

Params = dict[str, Tensor]  # weights by name; those of K particles are stacked, (K, *shape)
N, STD, BATCH = 10_000, 0.05, 128  # training points, their spread around a centre, points per minibatch
CENTRES = torch.view_as_real(torch.polar(torch.full((8,), 2.0), torch.arange(8) * (math.pi / 4)))
GENERATORS, DISCRIMINATORS = 10, 1  # particles: how many of each we carry at once
LATENT, WIDTH, PRIOR_STD = 2, 64, 1.0  # dimensions of z and of hidden layers; the prior is normal, per weight
STEPS, THIN = 2000, 20  # the first half is burn-in; of the second, every THIN-th step is kept in the bank
ADAM_LR = {"discriminator": 3e-3, "generator": 1e-3}  # the faster discriminator stays near its optimum
STEP_SIZE, FRICTION, TEMPERATURE = 0.03, 10.0, 1 / N  # of SGHMC; energies are per datum, hence 1 / N


def mlp(inputs: int, outputs: int) -> nn.Module:
    """Return ONE network; nothing in it knows that there will be many."""
    hidden = [nn.Linear(inputs, WIDTH), nn.LeakyReLU(0.1), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.1)]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, outputs))


GENERATOR, DISCRIMINATOR = mlp(LATENT, 2).to("meta"), mlp(2, 1).to("meta")  # no weights: those are arguments


def log_likelihood(player: str, g: Params, d: Params, z: Tensor, x: Tensor) -> Tensor:
    """Mean over a minibatch z (B, LATENT), x (B, 2), for ONE generator g and ONE discriminator d."""
    fake = functional_call(DISCRIMINATOR, d, functional_call(GENERATOR, g, z))
    if player == "generator":
        return logsigmoid(fake).mean()
    return logsigmoid(functional_call(DISCRIMINATOR, d, x)).mean() + logsigmoid(-fake).mean()


def log_posterior(player: str, weights: dict[str, Params], z: Tensor, x: Tensor) -> Tensor:
    """Log density per datum of every particle of one player given the other's, up to a constant, (K,)."""
    # Nested vmaps cross all generators, each with its own z, with all discriminators, each with its own x.
    crossed = vmap(vmap(log_likelihood, (None, None, 0, None, 0)), (None, 0, None, 0, None))
    table: Tensor = crossed(player, weights["generator"], weights["discriminator"], z, x)
    # Algorithm 1 sums over opponents. We average, so that more opponents do not mean larger steps.
    log_prior = sum(-0.5 * (w / PRIOR_STD).square().flatten(1).sum(1) for w in weights[player].values())
    return table.mean(1 if player == "generator" else 0) + log_prior / N


def gradients(player: str, weights: dict[str, Params], z: Tensor, x: Tensor) -> Params:
    """Gradient of the energy, -log posterior, summed over particles: a mean would heat them K times."""
    return dict(grad(lambda w: -log_posterior(player, weights | {player: w}, z, x).sum())(weights[player]))


def sghmc_(params: Params, momenta: Params, grads: Params, noise: Params) -> None:
    """One step of SGHMC (Chen et al. 2014), split as BAOA (Leimkuhler & Matthews 2013), in place."""
    # dw = m dt, dm = -(grad U(w) + friction m) dt + sqrt(2 friction T) dW leaves exp(-U(w) / T) invariant.
    # Where that is a Gaussian, so does BAOA for w, exactly, at every stable step size (arXiv 1203.5428).
    keep = math.exp(-FRICTION * STEP_SIZE)
    for name, m in momenta.items():
        m -= STEP_SIZE * grads[name]  # B: a kick by the force
        params[name] += STEP_SIZE / 2 * m  # A: half a drift
        m.mul_(keep).add_(math.sqrt(TEMPERATURE * (1 - keep**2)) * noise[name])  # O: friction and noise
        params[name] += STEP_SIZE / 2 * m  # A: the other half


@torch.no_grad()
def train(steps: int = STEPS) -> list[Params]:
    """Return the bank: generators at every kept step."""
    data, bank = CENTRES[torch.randint(8, (N,))] + STD * torch.randn(N, 2), []
    weights = {"discriminator": stack_module_state([mlp(2, 1) for _ in range(DISCRIMINATORS)])[0]}
    weights["generator"] = stack_module_state([mlp(LATENT, 2) for _ in range(GENERATORS)])[0]
    momenta = {p: {n: TEMPERATURE**0.5 * torch.randn_like(w) for n, w in weights[p].items()} for p in weights}
    adam = {p: torch.optim.Adam(weights[p].values(), ADAM_LR[p], (0.5, 0.99)) for p in weights}
    for step in range(1, steps + 1):
        for player, own in weights.items():
            z, x = torch.randn(GENERATORS, BATCH, LATENT), data[torch.randint(N, (DISCRIMINATORS, BATCH))]
            grads = gradients(player, weights, z, x)
            if step <= steps // 2:  # burn-in: Adam descends to where the posterior has its mass
                for name, w in own.items():
                    w.grad = grads[name]
                adam[player].step()
            else:
                sghmc_(own, momenta[player], grads, {name: torch.randn_like(w) for name, w in own.items()})
        if step > steps // 2 and step % THIN == 0:
            bank.append({name: w.clone() for name, w in weights["generator"].items()})
    return bank


def sample(bank: list[Params], n: int) -> Tensor:
    """Draw n points from the posterior predictive: g from the bank, z from N(0, I), then g(z)."""
    pick = torch.randint(len(bank) * GENERATORS, (n,))
    g = {name: torch.cat([kept[name] for kept in bank])[pick] for name in bank[0]}
    points: Tensor = vmap(functional_call, (None, 0, 0))(GENERATOR, g, torch.randn(n, LATENT))
    return points


def main(seed: int | str = 0, picture: str = "", steps: int | str = STEPS) -> None:
    """Train, sample, count modes: centres with 20 of 2,500 samples within three standard deviations."""
    torch.manual_seed(int(seed))
    samples = sample(train(int(steps)), 2500)
    found = (torch.cdist(samples, CENTRES) < 3 * STD).sum(0) >= 20
    print(f"{found.sum()} of 8 modes found")
    if picture:
        from matplotlib.figure import Figure

        figure = Figure((5, 5))
        figure.gca().scatter(samples[:, 0], samples[:, 1], s=1)
        figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
