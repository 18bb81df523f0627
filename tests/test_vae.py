"""Likelihoods against torch.distributions, and the evidence lower bound where the evidence is known."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import distributions as D

from bayesgan.errors import UsageError
from bayesgan.objectives import Bernoulli, Elbo, Gaussian, Laplace
from bayesgan.objectives.vae import divergence, gaussian_code
from bayesgan.types import Batch, Nets
from contract import close, numbers
from problems import LinearDecoder

PROBLEM = LinearDecoder.make()
LIKELIHOODS = [Gaussian(0.3), Gaussian(2.0), Laplace(0.2), Laplace(3.0), Bernoulli()]


def known(likelihood: Any, mean: Tensor) -> D.Distribution:
    """The same density of torch's, of white pixels with probability (G(z) + 1) / 2 where it is Bernoulli."""
    if isinstance(likelihood, Bernoulli):
        return D.Bernoulli((mean + 1) / 2, validate_args=False)
    if isinstance(likelihood, Gaussian):
        return D.Normal(mean, likelihood.std)
    return D.Laplace(mean, likelihood.scale)


# Likelihoods


@pytest.mark.parametrize("shape", [(3, 4, 5), (7,)], ids=["images", "points"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_a_likelihood_is_a_known_one_summed_over_all_pixels(likelihood: Any, shape: tuple[int, ...]) -> None:
    x, mean = numbers(4, *shape).tanh(), numbers(4, *shape, seed=1).tanh()
    density = known(likelihood, mean)
    white = (x + 1) / 2 if isinstance(likelihood, Bernoulli) else x
    close(likelihood.log_prob(x, mean), density.log_prob(white).flatten(1).sum(1))


def test_black_and_white_pixels_have_the_probabilities_of_a_coin() -> None:
    mean = torch.tensor([[0.5, -0.2]], dtype=torch.float64)
    total = 0.0
    for x in itertools.product((-1.0, 1.0), repeat=2):
        p = Bernoulli().log_prob(torch.tensor([x], dtype=torch.float64), mean).exp()
        close(p[0], torch.tensor(((1 + 0.5 * x[0]) / 2) * ((1 - 0.2 * x[1]) / 2), dtype=torch.float64))
        total += float(p)
    assert total == pytest.approx(1)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_every_image_has_a_likelihood_of_its_own_best_at_itself(likelihood: Any) -> None:
    x, mean = numbers(4, 2, 3).tanh(), numbers(4, 2, 3, seed=1).tanh()
    changed = torch.cat([mean[:2], x[2:]])
    before, after = likelihood.log_prob(x, mean), likelihood.log_prob(x, changed)
    assert torch.equal(before[:2], after[:2]) and (after[2:] > before[2:]).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_saturated_reconstructions_stay_finite(likelihood: Any, dtype: torch.dtype) -> None:
    """Under tanh every pixel may become +-1 exactly, in bfloat16 most easily; images are never less than float32."""
    x = torch.tensor([[-1.0, 1.0, -1.0, 1.0, 0.2, 0.2]], dtype=torch.promote_types(dtype, torch.float32))
    mean = torch.tensor([[1.0, -1.0, -1.0, 1.0, 1.0, -1.0]], dtype=dtype, requires_grad=True)
    value = likelihood.log_prob(x, mean)
    assert value.isfinite().all()
    assert torch.autograd.grad(value.sum(), mean)[0].isfinite().all()
    right, wrong = (likelihood.log_prob(x[:, :1], mean[:, i : i + 1]) for i in (2, 0))
    assert right > wrong + 0.05


@pytest.mark.parametrize(("likelihood", "field"), [(Gaussian, "std"), (Laplace, "scale")])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_widths_are_above_zero(likelihood: Any, field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{likelihood.__name__}: {field} = {value}: expected above 0"):
        likelihood(value)


# The bound


def test_the_divergence_is_that_of_torch() -> None:
    out = numbers(5, 8)
    mean, logit = out.chunk(2, -1)
    p = D.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    q = D.Normal(mean, logit.sigmoid().sqrt())
    close(divergence(out), D.kl_divergence(q, p).sum(-1))
    prior = torch.tensor([[0.0, 0.0, 40.0, 40.0]])
    assert (divergence(out) > 0).all() and divergence(prior) < 1e-6


def test_a_code_is_its_mean_and_with_noise_a_draw_from_q() -> None:
    out, eps = numbers(4, 6), numbers(4, 3, seed=1)
    assert torch.equal(gaussian_code(out, None), out[:, :3])
    q = D.Normal(out[:, :3], out[:, 3:].sigmoid().sqrt())
    close(gaussian_code(out, eps), q.icdf(D.Normal(0.0, 1.0).cdf(eps)), rtol=1e-6)
    assert torch.equal(Elbo().code(out, eps), gaussian_code(out, eps))


def test_no_code_is_more_doubtful_than_the_prior() -> None:
    """However far the encoder strays: a variance that could grow would throw training back."""
    out = torch.tensor([[0.0, 1e4]])
    assert gaussian_code(out, torch.ones(1, 1)).item() == 1.0 and divergence(out).isfinite()


CORNERS = torch.tensor([*itertools.product((-1.0, 1.0), repeat=2)], dtype=torch.float64)
"""Points of mean 0 and covariance I: means over them are those over N(0, I) of any quadratic, exactly."""


def bound(
    mean_shift: float = 0.0, scale: float = 1.0, weight: Tensor = PROBLEM.weight, images: int = 3
) -> tuple[Tensor, Tensor, Tensor]:
    """Values of both players of the linear model with an encoder near the exact posterior, and the data's evidence.

    The data are images of 1 x 2 x 3 pixels: a likelihood that summed over a row alone would not pass.
    """
    x = PROBLEM.mean + 1.3 * numbers(images, len(PROBLEM.mean))

    def encoder(x: Tensor) -> Tensor:
        mean, variance = PROBLEM.posterior(x.flatten(1))
        return torch.cat([mean + mean_shift, (scale * variance).logit()], -1)

    def decoder(z: Tensor) -> Tensor:
        return (z @ weight.T + PROBLEM.mean).view(-1, 1, 2, 3)

    rows = Batch(x=x.repeat_interleave(4, 0).view(-1, 1, 2, 3), eps=CORNERS.repeat(images, 1))
    model, nets = Elbo(Gaussian(PROBLEM.std)), Nets(generator=decoder, encoder=encoder)
    return model.encoder(nets, rows), model.generator(nets, rows), PROBLEM.evidence(x).mean()


def test_at_the_exact_posterior_the_bound_is_the_evidence() -> None:
    """Of probabilistic PCA, ``log N(x; mean, W W^T + std^2 I)``."""
    value, _, evidence = bound()
    close(value, evidence)


@pytest.mark.parametrize(
    "change", [{"mean_shift": 0.05}, {"mean_shift": -0.3}, {"scale": 1.2}, {"scale": 0.5}], ids=str
)
def test_any_other_encoder_has_a_lower_bound(change: dict[str, float]) -> None:
    """The gap is the divergence of q from the posterior."""
    value, _, evidence = bound(**change)
    mean, variance = PROBLEM.posterior(numbers(1, len(PROBLEM.mean)))
    q = D.Normal(mean + change.get("mean_shift", 0.0), (change.get("scale", 1.0) * variance).sqrt())
    gap = D.kl_divergence(q, D.Normal(mean, variance.sqrt())).sum()
    assert gap > 1e-3
    close(evidence - value, gap)


def test_at_the_exact_posterior_the_decoder_ascends_on_the_evidence() -> None:
    """Fisher's identity: the gradient of ``E_q log p(x | z)`` is that of ``log p(x)``."""
    weight = PROBLEM.weight.clone().requires_grad_()
    (found,) = torch.autograd.grad(bound(weight=weight)[1], weight)
    covariance = weight @ weight.T + PROBLEM.std**2 * torch.eye(len(weight)).double()
    x = PROBLEM.mean + 1.3 * numbers(3, len(PROBLEM.mean))
    (expected,) = torch.autograd.grad(D.MultivariateNormal(PROBLEM.mean, covariance).log_prob(x).mean(), weight)
    close(found, expected)


def test_at_the_exact_posterior_the_encoder_rests() -> None:
    shift, scale = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.0, 1.0))
    value, *_ = bound(shift, scale)  # type: ignore[arg-type]
    close(torch.autograd.grad(value, [shift, scale]), (torch.zeros((), dtype=torch.float64),) * 2, atol=1e-10)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=repr)
def test_the_encoder_has_the_decoders_value_less_the_divergence(likelihood: Any) -> None:
    """One draw of z per image, from the mean and the logit of the variance that the encoder puts out."""
    x, eps, out = numbers(6, 1, 2, 2).tanh(), numbers(6, 3), numbers(6, 6, seed=1)
    weight = numbers(3, 4, seed=2)
    nets = Nets(encoder=lambda _: out, generator=lambda z: (z @ weight).tanh().view(-1, 1, 2, 2))
    batch, model = Batch(x=x, eps=eps), Elbo(likelihood)
    z = out[:, :3] + out[:, 3:].sigmoid().sqrt() * eps
    close(model.generator(nets, batch), likelihood.log_prob(x, (z @ weight).tanh().view(-1, 1, 2, 2)).mean())
    close(model.generator(nets, batch) - model.encoder(nets, batch), divergence(out).mean())
    assert model.outputs("encoder", 3, 10) == 6
