"""Samplers and optimisers: pure steps, optimizers for any module, and specs that build them."""

from bayesgan.samplers.ema import EMA
from bayesgan.samplers.schedules import Constant, Cosine, Polynomial
from bayesgan.samplers.sghmc import SGHMC
from bayesgan.samplers.sgld import SGLD
from bayesgan.samplers.specs import AdamSpec, EMASpec, RMSPropSpec, SGHMCSpec, SGLDSpec

__all__ = [
    "EMA",
    "SGHMC",
    "SGLD",
    "AdamSpec",
    "Constant",
    "Cosine",
    "EMASpec",
    "Polynomial",
    "RMSPropSpec",
    "SGHMCSpec",
    "SGLDSpec",
]
