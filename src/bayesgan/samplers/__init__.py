"""Samplers and optimisers: pure steps, optimizers for any module, and specs that build them."""

from bayesgan.samplers.burn_in import BurnIn
from bayesgan.samplers.ema import EMA
from bayesgan.samplers.schedules import Constant, Cosine, Cyclical, Polynomial
from bayesgan.samplers.sghmc import SGHMC
from bayesgan.samplers.sgld import SGLD
from bayesgan.samplers.sgnht import SGNHT
from bayesgan.samplers.specs import AdamSpec, EMASpec, RMSPropSpec, SGHMCSpec, SGLDSpec, SGNHTSpec

__all__ = [
    "EMA",
    "SGHMC",
    "SGLD",
    "SGNHT",
    "AdamSpec",
    "BurnIn",
    "Constant",
    "Cosine",
    "Cyclical",
    "EMASpec",
    "Polynomial",
    "RMSPropSpec",
    "SGHMCSpec",
    "SGLDSpec",
    "SGNHTSpec",
]
