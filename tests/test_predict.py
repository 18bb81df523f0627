"""The posterior in a user's hands: what is averaged, and what does not depend on how it is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bayesgan
from bayesgan import predict
from bayesgan.errors import DataError, UsageError
from bayesgan.predict import Posterior
from bayesgan.store import load_sample
from bayesgan.training import train
from test_training import tiny


@pytest.fixture(scope="module")
def posterior(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    return train(tiny(), tmp_path_factory.mktemp("runs") / "run")


def test_image_i_depends_on_neither_n_nor_the_chunk(posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    many = posterior.sample(20, seed=3)
    assert many.shape == (20, 1, 8, 8)
    assert many.dtype == torch.float32
    assert many.abs().max() <= 1
    torch.testing.assert_close(posterior.sample(7, seed=3), many[:7])
    monkeypatch.setattr(predict, "CHUNK", 2)
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
    alone = train(tiny("supervised"), tmp_path / "b")
    with pytest.raises(UsageError, match="system 'supervised' has no generator"):
        alone.sample(1)


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
