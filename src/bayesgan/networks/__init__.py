"""Networks: plain stateless modules of one particle. Each family is a frozen dataclass with a method per role."""

from bayesgan.networks.dcgan import DCGAN
from bayesgan.networks.mlp import MLP
from bayesgan.networks.resnet import ResNet

Family = MLP | DCGAN | ResNet

__all__ = ["DCGAN", "MLP", "Family", "ResNet"]
