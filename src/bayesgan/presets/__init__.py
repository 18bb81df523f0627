"""One function per system; each returns a :class:`~bayesgan.config.Run`. A system is an objective and a few fields.

``published=True`` gives the papers' settings where they differ (no consistency, no augmentation, their step sizes);
the default is what this package recommends, the same for every data set but one thing: DCGANs that classify
photographs are :func:`of_photographs`. ``conditional=True`` gives the players the
class, and trains on the labelled images: all of them where no number of labels is given.
"""

from __future__ import annotations

from collections.abc import Callable

from bayesgan.config import Run
from bayesgan.presets.adversarial import bayesgan, dcgan, ensemble, gan, supervised
from bayesgan.presets.autoencoding import age, alpha_gan, bayesian_alpha_gan, vae
from bayesgan.presets.photographs import of_photographs
from bayesgan.presets.wasserstein import wgan, wgan_gp

__all__ = [
    "PRESETS",
    "age",
    "alpha_gan",
    "bayesgan",
    "bayesian_alpha_gan",
    "dcgan",
    "ensemble",
    "gan",
    "of_photographs",
    "supervised",
    "vae",
    "wgan",
    "wgan_gp",
]

PRESETS: dict[str, Callable[..., Run]] = {
    "gan": gan,
    "dcgan": dcgan,
    "wgan": wgan,
    "wgan-gp": wgan_gp,
    "vae": vae,
    "alpha-gan": alpha_gan,
    "age": age,
    "bayesgan": bayesgan,
    "ensemble": ensemble,
    "supervised": supervised,
    "bayesian-alpha-gan": bayesian_alpha_gan,
}
