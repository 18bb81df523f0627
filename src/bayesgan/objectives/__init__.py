"""Objectives: frozen dataclasses with one method per player, its mean log-likelihood per datum."""

from bayesgan.objectives.classify import Consistency
from bayesgan.objectives.gan import NonSaturating
from bayesgan.objectives.semisupervised import SemiSupervised
from bayesgan.objectives.supervised import Supervised

AnyObjective = NonSaturating | SemiSupervised | Supervised

__all__ = ["AnyObjective", "Consistency", "NonSaturating", "SemiSupervised", "Supervised"]
