"""bayesgan: Bayesian methods for generative adversarial networks.

    posterior = bayesgan.train(bayesgan.presets.bayesgan(data="digits", labels=100))
    images = posterior.sample(64)
    probabilities = posterior.predict_proba(x)

Names are imported when they are first used: ``import bayesgan`` alone does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesgan import presets, samplers
    from bayesgan.autoencode import moments
    from bayesgan.config import Player, Run
    from bayesgan.particles import Ensemble, lift
    from bayesgan.predict import Posterior
    from bayesgan.training import train

    load = Posterior.load

__version__ = "0.1.0"
__all__ = ["Ensemble", "Player", "Posterior", "Run", "lift", "load", "moments", "presets", "samplers", "train"]

HOMES = {
    "Ensemble": "particles",
    "Player": "config",
    "Posterior": "predict",
    "Run": "config",
    "lift": "particles",
    "moments": "autoencode",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("bayesgan.predict").Posterior.load
    if name in ("presets", "samplers"):
        return import_module(f"bayesgan.{name}")
    if name in HOMES:
        return getattr(import_module(f"bayesgan.{HOMES[name]}"), name)
    raise AttributeError(f"module 'bayesgan' has no attribute {name!r}")
