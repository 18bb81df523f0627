"""Images to codes and back: averages over pairs, codes in common coordinates, paths with the right ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bayesgan import presets
from bayesgan.config import Run
from bayesgan.data.codes import path
from bayesgan.data.labels import prepare
from bayesgan.data.sets import load as load_data
from bayesgan.errors import DataError, UsageError
from bayesgan.predict import Posterior, moments
from bayesgan.serialise import assignment, from_config
from bayesgan.store import Store, load_sample
from bayesgan.training import train
from test_predict import move_averages


def small(system: str, data: str = "digits", conditional: bool = False, **changes: Any) -> Run:
    """Return a run of a few steps with two weight samples, and two pairs of networks where there were more."""
    run = replace(presets.PRESETS[system](data, conditional=conditional).lasting(4), batch=8, noise_batch=4)
    for name, player in run.players.items():
        if player.particles > 1:
            run = from_config(assignment(f"players.{name}.particles=2"), base=run)
    return replace(run, **{"burn_in": 2, "thin": 1} | changes)


def images(count: int = 5, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 1, 8, 8), np.uint8))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    """Return two weight samples of two pairs."""
    return train(small("bayesian-alpha-gan"), tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def given_classes(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    """Return a VAE that is given the class."""
    return train(small("vae", conditional=True), tmp_path_factory.mktemp("runs") / "run")


def of_bank(posterior: Posterior, player: str, draw: int, chain: int) -> Any:
    """Return one network of the bank, read from its file."""
    leaves = load_sample(posterior.bank[draw])[player]
    return posterior.ensembles[player].bind({name: t[chain] for name, t in leaves.items()})


def by_hand(posterior: Posterior, x: Tensor, draw: int, chain: int, averaged: str = "") -> tuple[Tensor, Tensor]:
    """Return codes and reconstructions of one pair."""
    encoder, generator = (of_bank(posterior, averaged + role, draw, chain) for role in ("encoder", "generator"))
    with torch.no_grad():
        codes = posterior.run.objective.code(encoder(x))  # type: ignore[union-attr]
        return codes, generator(codes)


@pytest.mark.parametrize("system", ["vae", "alpha-gan", "age", "bayesian-alpha-gan"])
@pytest.mark.parametrize("data", ["digits", "ring"])
def test_shapes_of_every_auto_encoder(system: str, data: str, tmp_path: Path) -> None:
    posterior = train(small(system, data), tmp_path / "run")
    x = images() if data == "digits" else torch.randn(5, 2)
    pairs = len(posterior.bank) * posterior.chains("encoder")
    assert pairs == (4 if system.startswith("bayesian") else 2)
    assert [z.shape for z in posterior.encode_each(x)] == [(5, posterior.run.latent)] * pairs
    assert [r.shape for r in posterior.reconstruct_each(x)] == [x.shape] * pairs
    again, between = posterior.reconstruct(x), posterior.interpolate(x[:2], x[2:4], steps=3)
    assert between.shape == (2, 3, *posterior.shape)
    for made in (again, between):
        assert made.dtype == torch.float32
        assert made.device.type == "cpu"
        assert not made.requires_grad
        assert made.isfinite().all()
        assert data == "ring" or made.abs().max() <= 1
    if system == "age":
        torch.testing.assert_close(next(posterior.encode_each(x)).norm(dim=1), torch.ones(5))


def test_averages_are_over_all_pairs_in_order(bank: Posterior) -> None:
    x = images().float() / 127.5 - 1
    each = torch.stack([by_hand(bank, x, draw, chain)[1] for draw in (0, 1) for chain in (0, 1)])
    torch.testing.assert_close(torch.stack([*bank.reconstruct_each(x)]), each)
    mean, std = moments(bank.reconstruct_each(images()))
    torch.testing.assert_close(mean, each.mean(0))
    torch.testing.assert_close(std, each.std(0, correction=0))
    torch.testing.assert_close(bank.reconstruct(x), mean)
    codes = torch.stack([*bank.encode_each(x)])
    torch.testing.assert_close(bank.encode(x), codes.mean(0))
    assert std.max() > 1e-3


def test_moments_take_a_single_pass_and_stay_exact_far_from_zero() -> None:
    values = 1000 + torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    mean, std = moments(iter(values))
    torch.testing.assert_close(mean, values.mean(0))
    torch.testing.assert_close(std, values.double().std(0, correction=0).float(), rtol=1e-3, atol=0)
    assert moments([values[0]])[1].eq(0).all()
    with pytest.raises(ValueError, match="no tensors"):
        moments([])


def test_codes_are_told_in_the_coordinates_of_the_newest_first_pair(bank: Posterior) -> None:
    x = images().float() / 127.5 - 1
    codes = [*bank.encode_each(x)]
    reference = of_bank(bank, "encoder", 1, 0)
    torch.testing.assert_close(codes[2], by_hand(bank, x, 1, 0)[0])
    for place, code in zip([(0, 0), (0, 1), (1, 1)], [codes[0], codes[1], codes[3]], strict=True):
        torch.testing.assert_close(code, reference(by_hand(bank, x, *place)[1]).detach())


def test_pairs_that_differ_only_in_their_coordinates_agree(tmp_path: Path) -> None:
    """Turn the latent space of a pair: its own codes turn along, and the codes it is asked for do not."""
    posterior = train(small("alpha-gan", "ring", thin=4), tmp_path / "run")
    (newest,) = posterior.bank
    turn = torch.linalg.qr(torch.randn(2, 2, generator=torch.Generator().manual_seed(1)))[0]
    weights = load_sample(newest)
    turned = {player: dict(leaves) for player, leaves in weights.items()}
    for name in ("head.weight", "head.bias"):
        turned["encoder"][name] = torch.einsum("ij,kj...->ki...", turn, weights["encoder"][name])
    turned["generator"]["0.weight"] = weights["generator"]["0.weight"] @ turn.T
    other = posterior.bank[0].with_name("000001.safetensors")
    Store(newest.parent.parent).save_sample(1, turned)
    both = replace(posterior, bank=(other, newest))
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(2))
    first, second = both.reconstruct_each(x)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(by_hand(both, x, 0, 0)[0], by_hand(both, x, 1, 0)[0], atol=1e-2)
    through, direct = both.encode_each(x)
    torch.testing.assert_close(through, of_bank(both, "encoder", 1, 0)(second).detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(direct, by_hand(both, x, 1, 0)[0])


def test_paths_end_in_the_reconstructions_of_their_ends(bank: Posterior, given_classes: Posterior) -> None:
    a, b = images(3, 1), images(3, 2)
    for posterior, names, to in ((bank, None, None), (given_classes, ["1", "2", "3"], ["7", "2", "0"])):
        newest = (len(posterior.bank) - 1) * posterior.chains("encoder")
        between = posterior.interpolate(a, b, 5, names, to)
        start, end = ([*posterior.reconstruct_each(x, n)][newest] for x, n in ((a, names), (b, to)))
        torch.testing.assert_close(between[:, 0], start, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(between[:, -1], end, rtol=1e-4, atol=1e-5)
    codes = path(*(by_hand(bank, x.float() / 127.5 - 1, 1, 0)[0] for x in (a, b)), 5)
    with torch.no_grad():
        middle = of_bank(bank, "generator", 1, 0)(codes[:, 2])
    torch.testing.assert_close(bank.interpolate(a, b, 5)[:, 2], middle)


def test_running_averages_make_what_a_user_sees(tmp_path: Path) -> None:
    posterior = train(small("vae"), tmp_path / "run")
    move_averages(posterior)
    x = images().float() / 127.5 - 1
    *_, newest = posterior.reconstruct_each(x)
    torch.testing.assert_close(newest, by_hand(posterior, x, 1, 0, "averaged_")[1])
    assert not torch.allclose(newest, by_hand(posterior, x, 1, 0)[1], atol=1e-3)
    torch.testing.assert_close([*posterior.encode_each(x)][1], by_hand(posterior, x, 1, 0, "averaged_")[0])


def test_classes_reach_both_networks(given_classes: Posterior) -> None:
    x, names = images(), ["3", "3", "1", "9", "0"]
    label = torch.eye(10)[[3, 3, 1, 9, 0]]
    encoder, generator = (of_bank(given_classes, f"averaged_{role}", 1, 0) for role in ("encoder", "generator"))
    with torch.no_grad():
        codes = encoder(x.float() / 127.5 - 1, label)[:, : given_classes.run.latent]
        torch.testing.assert_close([*given_classes.encode_each(x, names)][1], codes)
        torch.testing.assert_close([*given_classes.reconstruct_each(x, names)][1], generator(codes, label))
    others = given_classes.reconstruct(x, ["4"] * 5)
    assert not torch.allclose(given_classes.reconstruct(x, names), others, atol=1e-3)


def test_a_trained_auto_encoder_is_close_to_the_identity(tmp_path: Path) -> None:
    run = replace(presets.vae("digits").lasting(300), thin=300)
    posterior = train(run, tmp_path / "run")
    prepared = prepare(load_data("digits"), None, 0)
    data, test = prepared.training, prepared.test.open()
    x, average = (torch.from_numpy(part.images).float() / 127.5 - 1 for part in (test, data))
    error = (posterior.reconstruct(test_images := torch.from_numpy(test.images)) - x).square().mean()
    assert error < 0.3 * (average.mean(0) - x).square().mean()
    codes = posterior.encode(test_images)
    assert codes.std(0).max() > 0.3


def test_images_in_double_precision_are_as_good(bank: Posterior) -> None:
    x = images()
    torch.testing.assert_close(bank.encode(x.double() / 127.5 - 1), bank.encode(x))


def test_what_cannot_be_asked_is_named(bank: Posterior, given_classes: Posterior, tmp_path: Path) -> None:
    x = images()
    alone = train(small("dcgan"), tmp_path / "a")
    for ask in (alone.encode, alone.encode_each, alone.reconstruct, lambda x: alone.interpolate(x, x)):
        with pytest.raises(UsageError, match="system 'dcgan' has no encoder; its players: discriminator, generator"):
            ask(x)
    for ask in (bank.encode, bank.encode_each, bank.reconstruct_each, lambda x: bank.interpolate(x, x)):
        with pytest.raises(DataError, match="images are 9x8 with 3 channels, the run was"):
            ask(torch.zeros(2, 3, 9, 8))
    with pytest.raises(DataError, match=r"a and b have the shapes \(5, .* and \(4, .*; expected the same"):
        bank.interpolate(x, x[:4])
    with pytest.raises(UsageError, match="steps = 1: expected at least 2"):
        bank.interpolate(x, x, 1)
    with pytest.raises(UsageError, match="does not know of classes; train it with --conditional"):
        bank.encode(x, ["1"] * 5)
    with pytest.raises(UsageError, match="'vae' is conditional: give classes, one name per image"):
        given_classes.reconstruct(x)
    with pytest.raises(UsageError, match="classes: 4 names for 5 images"):
        given_classes.reconstruct(x, ["1"] * 4)
    with pytest.raises(UsageError, match="unknown class 'one'; choose from 0, 1, 2"):
        given_classes.encode(x, ["one"] * 5)


def test_encoders_that_are_crossed_with_generators_are_refused(bank: Posterior) -> None:
    players = bank.run.players | {"encoder": replace(bank.run.players["encoder"], axis="e")}
    crossed = replace(bank, run=replace(bank.run, players=players))
    with pytest.raises(UsageError, match="the encoder is on axis 'e', the generator on 'g'"):
        crossed.encode(images())
