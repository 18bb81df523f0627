"""Any adversarial game with a class head beside the critic: how systems without a fake class learn from labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from bayesgan.errors import UsageError, require
from bayesgan.objectives.alpha_gan import AlphaGAN
from bayesgan.objectives.classify import Consistency, label_log_likelihood
from bayesgan.objectives.gan import Hinge, Minimax, NonSaturating
from bayesgan.objectives.relativistic import Relativistic
from bayesgan.objectives.wasserstein import Wasserstein
from bayesgan.types import Batch, Fields, Nets, Network

Game = NonSaturating | Minimax | Hinge | Relativistic | Wasserstein | AlphaGAN


@dataclass(frozen=True)
class Classified:
    """A game and a classifier that share the discriminator's trunk: output 0 is the game's score, 1 to Y class logits.

    D: ``gan_weight * game + labelled_weight E_lab log softmax_y`` (+ consistency). The other players play the game
    and never see a class. With :class:`Wasserstein` this is the semi-supervised W-DCGAN, which Saatchi and Wilson
    2017 compare with but do not define; gradient penalty and score concern output 0 alone.
    """

    game: Game = field(default_factory=Wasserstein)
    labelled_weight: float = 1.0
    gan_weight: float = 1.0
    consistency: Consistency | None = None

    conditioned: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in ("labelled_weight", "gan_weight"):
            require(self, name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        if self.game.conditional:
            raise UsageError(
                "Classified: game.conditional = True: a game that is given classes cannot learn to tell them"
            )

    @property
    def players(self) -> tuple[str, ...]:
        """Return the game's players."""
        return self.game.players

    def fields(self, player: str) -> Fields:
        """Return what the game reads, and for the discriminator labelled images and views."""
        if player != "discriminator":
            return self.game.fields(player)
        views = self.consistency.reads if self.consistency else ()
        return {**self.game.fields(player), **dict.fromkeys(("x_labelled", "y", *views), player)}

    def outputs(self, player: str, latent: int, classes: int) -> int:
        """Return one more than the classes for the discriminator, else what the game says."""
        return self.game.outputs(player, latent, classes) + (classes if player == "discriminator" else 0)

    def realness(self, out: Tensor) -> Tensor:
        """Return what the game makes of output 0, ``(B,)``."""
        return self.game.realness(out[:, :1])

    def discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """The game's mean log-likelihood, that of the labels, and of consistency where it is on."""
        classifier = heads(net, slice(1, None))
        value = self.gan_weight * self.game.discriminator(critic(net), batch)
        value = value + self.labelled_weight * label_log_likelihood(classifier, batch)
        return value + self.consistency.log_likelihood(classifier, batch) if self.consistency else value

    def generator(self, net: Nets, batch: Batch) -> Tensor:
        """The game's mean log-likelihood."""
        return self.game.generator(critic(net), batch)

    def encoder(self, net: Nets, batch: Batch) -> Tensor:
        """The game's mean log-likelihood, where it has an encoder."""
        return auto_encoder(self.game).encoder(critic(net), batch)

    def code_discriminator(self, net: Nets, batch: Batch) -> Tensor:
        """The game's mean log-likelihood, where it has a discriminator of codes."""
        return auto_encoder(self.game).code_discriminator(critic(net), batch)

    def code(self, out: Tensor, eps: Tensor | None = None) -> Tensor:
        """Return codes as the game does."""
        return auto_encoder(self.game).code(out, eps)


def critic(net: Nets) -> Nets:
    """Return the players as the game knows them: a discriminator with one output."""
    return heads(net, slice(0, 1))


def heads(net: Nets, columns: slice) -> Nets:
    """Return the players with some of the discriminator's outputs, and of its teacher's."""

    def some(network: Network) -> Network:
        return lambda x: network(x)[:, columns]

    shared = {name: some(network) for name, network in vars(net).items() if name in ("discriminator", "teacher")}
    return Nets(**vars(net) | shared)


def auto_encoder(game: Game) -> AlphaGAN:
    """Return a game that has an encoder."""
    assert isinstance(game, AlphaGAN)
    return game
