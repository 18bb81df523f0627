"""Objectives: frozen dataclasses with one method per player, its mean log-likelihood per datum."""

from bayesgan.objectives.age import AGE
from bayesgan.objectives.alpha_gan import AlphaGAN
from bayesgan.objectives.classified import Classified
from bayesgan.objectives.classify import Consistency
from bayesgan.objectives.gan import Hinge, Minimax, NonSaturating
from bayesgan.objectives.likelihoods import Bernoulli, Gaussian, Laplace, Likelihood
from bayesgan.objectives.relativistic import Relativistic
from bayesgan.objectives.semisupervised import SemiSupervised
from bayesgan.objectives.supervised import Supervised
from bayesgan.objectives.vae import Elbo
from bayesgan.objectives.wasserstein import Wasserstein

AnyObjective = (
    NonSaturating
    | Minimax
    | Hinge
    | Relativistic
    | Wasserstein
    | Elbo
    | AlphaGAN
    | AGE
    | SemiSupervised
    | Classified
    | Supervised
)

__all__ = [
    "AGE",
    "AlphaGAN",
    "AnyObjective",
    "Bernoulli",
    "Classified",
    "Consistency",
    "Elbo",
    "Gaussian",
    "Hinge",
    "Laplace",
    "Likelihood",
    "Minimax",
    "NonSaturating",
    "Relativistic",
    "SemiSupervised",
    "Supervised",
    "Wasserstein",
]
