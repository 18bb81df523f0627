"""The posterior in a user's hands: what is averaged, and what does not depend on how it is computed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import bayesgan
from bayesgan import bank, images, presets
from bayesgan.build import initialise
from bayesgan.config import Player
from bayesgan.data.labels import prepare
from bayesgan.data.sets import load as load_data
from bayesgan.errors import DataError, UsageError
from bayesgan.predict import Posterior
from bayesgan.priors import Flat
from bayesgan.samplers.specs import EMASpec
from bayesgan.seeds import derive
from bayesgan.store import Store, load_sample
from bayesgan.training import train
from test_training import tiny


@pytest.fixture(scope="module")
def posterior(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    return train(tiny(), tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    run = replace(presets.bayesgan("digits", conditional=True).lasting(4), batch=8, noise_batch=4, thin=1)
    players = {name: replace(p, particles=min(2, p.particles)) for name, p in run.players.items()}
    return train(replace(run, players=players), tmp_path_factory.mktemp("runs") / "run")


def made_of(posterior: Posterior, seed: int, i: int, sphere: bool = False) -> tuple[int, int, torch.Tensor, int]:
    """Return weight sample, chain, code and class of image i, drawn in this order from its own generator."""
    rng = torch.Generator().manual_seed(derive(seed, "sample", i))
    draw, chain = (int(torch.randint(top, (), generator=rng)) for top in (len(posterior.bank), 2))
    z = torch.randn(posterior.run.latent, generator=rng)
    return draw, chain, z / z.norm() if sphere else z, int(torch.randint(10, (), generator=rng))


def ask(posterior: Posterior, player: str, draw: int, chain: int, *inputs: Any) -> torch.Tensor:
    """Return what one network of the bank, read from its file, makes of one item."""
    leaves = {name: t[chain] for name, t in load_sample(posterior.bank[draw])[player].items()}
    with torch.no_grad():
        return posterior.ensembles[player].bind(leaves)(*(t[None] for t in inputs))[0]


def move_averages(posterior: Posterior) -> None:
    """Make the running averages of a bank, which a few steps leave close to the players, other networks."""
    for path in posterior.bank:
        weights = load_sample(path)
        for name in (name for name in weights if name.startswith("averaged_")):
            weights[name] = {leaf: 1.2 * t for leaf, t in weights[name].items()}
        Store(path.parent.parent).save_sample(int(path.stem), weights)


def test_image_i_depends_on_neither_n_nor_the_chunk(posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    many = posterior.sample(20, seed=3)
    assert many.shape == (20, 1, 8, 8)
    assert many.dtype == torch.float32
    assert many.abs().max() <= 1
    torch.testing.assert_close(posterior.sample(7, seed=3), many[:7])
    monkeypatch.setattr(bank, "CHUNK", 2)
    torch.testing.assert_close(posterior.sample(20, seed=3), many)
    assert not torch.allclose(posterior.sample(20, seed=4), many)


def test_samples_come_from_every_chain_and_draw_of_the_bank(posterior: Posterior) -> None:
    """Image i is G(z_i) for one of the bank's generators: find it for each image."""
    images, found = posterior.sample(60), set()
    chains, draws = posterior.chains("generator"), len(posterior.bank)
    alone = {k: posterior.sample(60, particle=k) for k in range(chains)}
    for i in range(60):
        found |= {k for k in alone if torch.allclose(alone[k][i], images[i], atol=1e-5)}
    assert found == set(range(chains))
    assert draws > 1
    assert len({posterior.sample(1, seed=s).sum().item() for s in range(20)}) == 20


def test_an_image_is_made_of_sample_chain_and_code_drawn_in_this_order(posterior: Posterior) -> None:
    drawn = posterior.sample(6, seed=5)
    for i in range(6):
        draw, chain, z, _ = made_of(posterior, 5, i)
        torch.testing.assert_close(drawn[i], ask(posterior, "generator", draw, chain, z))


def test_classes_of_a_conditional_run_are_drawn_last_or_taken_in_turn(conditional: Posterior) -> None:
    drawn, asked = conditional.sample(12, seed=5), conditional.sample(12, seed=5, classes=["3", "0"])
    for i in range(12):
        draw, chain, z, number = made_of(conditional, 5, i)
        free, turn = torch.eye(10)[[number, (3, 0)[i % 2]]]
        torch.testing.assert_close(drawn[i], ask(conditional, "generator", draw, chain, z, free))
        torch.testing.assert_close(asked[i], ask(conditional, "generator", draw, chain, z, turn))
    torch.testing.assert_close(conditional.sample(5, seed=5), drawn[:5])
    torch.testing.assert_close(conditional.sample(5, seed=5, classes=["3", "0"]), asked[:5])
    assert len({made_of(conditional, 5, i)[3] for i in range(60)}) == 10
    assert not torch.allclose(conditional.sample(4, classes=["1"]), conditional.sample(4, classes=["2"]), atol=1e-4)
    assert conditional.sample(3, particle=1, classes=["1"]).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(("system", "sphere"), [("ensemble", False), ("age", True)])
def test_running_averages_are_sampled(system: str, sphere: bool, tmp_path: Path) -> None:
    run = replace(presets.PRESETS[system]("digits").lasting(4), batch=8, noise_batch=4, thin=1)
    players = {name: replace(p, particles=2) for name, p in run.players.items()}
    posterior = train(replace(run, players=players), tmp_path / "run")
    move_averages(posterior)
    drawn = posterior.sample(6)
    for i in range(6):
        draw, chain, z, _ = made_of(posterior, 0, i, sphere)
        torch.testing.assert_close(drawn[i], ask(posterior, "averaged_generator", draw, chain, z))
        assert not torch.allclose(drawn[i], ask(posterior, "generator", draw, chain, z), atol=1e-3)


def test_running_averages_of_the_discriminator_classify_and_judge(tmp_path: Path) -> None:
    run = tiny("dcgan", thin=12)
    network = run.players["discriminator"].network
    player = Player(network, EMASpec("discriminator", 0.999, power=12.0), Flat())
    posterior = train(replace(run, players=run.players | {"averaged_discriminator": player}), tmp_path / "run")
    move_averages(posterior)
    x = posterior.sample(3)
    for i in range(3):
        logits = ask(posterior, "averaged_discriminator", 0, 0, x[i])
        torch.testing.assert_close(posterior.predict_proba(x)[i], logits.softmax(-1))
        torch.testing.assert_close(posterior.realness(x)[i], logits.logsumexp(-1).sigmoid())
        assert not torch.allclose(logits, ask(posterior, "discriminator", 0, 0, x[i]), atol=1e-3)


@pytest.mark.parametrize(("system", "given"), [("dcgan", True), ("dcgan", False), ("age", False), ("ensemble", True)])
def test_pictures_show_averages_of_one_code_per_column_and_the_classes_in_turn(
    system: str, given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = presets.PRESETS[system]("digits", conditional=given)
    data = prepare(load_data("digits"), run.labels, 0).training
    ensembles = initialise(run.resolved(len(data.images)), data, torch.device("cpu")).game.ensembles
    for leaf in ensembles["averaged_generator"].params.values():
        leaf.data.mul_(1.1)
    seen: list[Any] = []
    monkeypatch.setattr(images, "save_png", lambda path, picture: seen.append(picture))
    images.save_samples(tmp_path / "a.png", run, data.shape, ensembles)
    z = torch.randn(10, run.latent, generator=torch.Generator().manual_seed(derive(0, "pictures")))
    inputs = [z / z.norm(dim=1, keepdim=True) if run.codes == "sphere" else z, *([torch.eye(10)] if given else [])]
    averaged = ensembles["averaged_generator"]
    with torch.no_grad():
        rows = [averaged.particle(k)(*inputs) for k in range(len(averaged))]
    assert (seen[0] == images.grid(torch.cat(rows), 10)).all()


def test_pictures_of_conditional_points_and_of_no_generator(tmp_path: Path) -> None:
    train(replace(presets.gan("ring", conditional=True).lasting(4), batch=4, noise_batch=2), tmp_path / "run")
    assert (tmp_path / "run" / "samples" / "000004.png").exists()
    images.save_samples(tmp_path / "a.png", presets.supervised("digits"), (1, 8, 8), {})
    assert not (tmp_path / "a.png").exists()


def test_probabilities_are_the_mean_over_the_bank_without_the_fake_class(posterior: Posterior) -> None:
    x = torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8)
    probs = posterior.predict_proba(x)
    assert probs.shape == (9, 10)
    torch.testing.assert_close(probs.sum(1), torch.ones(9))
    by_hand = torch.zeros(9, 10)
    for path in posterior.bank:
        leaves = {name: t[0] for name, t in load_sample(path)["discriminator"].items()}
        logits = posterior.ensembles["discriminator"].bind(leaves)(x.float() / 127.5 - 1)
        by_hand += logits.softmax(1) / len(posterior.bank)
    torch.testing.assert_close(probs, by_hand)
    torch.testing.assert_close(posterior.predict_proba(x.float() / 127.5 - 1), probs)


def test_what_cannot_be_asked_is_named(posterior: Posterior, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="particle 2: expected 0 to 1"):
        posterior.sample(3, particle=2)
    with pytest.raises(DataError, match="images are 9x8 with 3 channels, the run was trained on 8x8 with 1 channel"):
        posterior.predict_proba(torch.zeros(2, 3, 9, 8))
    without = train(tiny("dcgan", labels=None), tmp_path / "a")
    with pytest.raises(UsageError, match="does not classify; train with --labels N"):
        without.predict_proba(torch.zeros(1, 1, 8, 8))
    with pytest.raises(UsageError, match="'dcgan' does not know of classes; train it with --conditional"):
        without.sample(1, classes=["1"])
    alone = train(tiny("supervised"), tmp_path / "b")
    with pytest.raises(UsageError, match="system 'supervised' has no generator"):
        alone.sample(1)


def test_what_a_conditional_run_cannot_be_asked_is_named(conditional: Posterior) -> None:
    with pytest.raises(UsageError, match="unknown class '33'; did you mean '3'"):
        conditional.sample(3, classes=["1", "33"])
    with pytest.raises(UsageError, match="classes: expected at least one name"):
        conditional.sample(3, classes=[])
    with pytest.raises(UsageError, match="does not classify; train with --labels N and without --conditional"):
        conditional.predict_proba(torch.zeros(1, 1, 8, 8))


def test_public_names_and_loading(posterior: Posterior) -> None:
    again = bayesgan.load(posterior.bank[0].parent.parent)
    torch.testing.assert_close(again.sample(3), posterior.sample(3))
    for name in bayesgan.__all__:
        assert getattr(bayesgan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bayesgan.nothing
    assert callable(bayesgan.train)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    train(tiny("gan", data="ring", labels=None), tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("width = 64", "width = 63"))
    with pytest.raises(DataError, match=r"weights of .* are not of the network in config.toml"):
        bayesgan.load(tmp_path / "run")
