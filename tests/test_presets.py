"""Presets: what photographs change, and where the Bayesian GAN's descent ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bayesgan import presets
from bayesgan.errors import UsageError
from bayesgan.networks import DCGAN
from bayesgan.presets import of_photographs
from bayesgan.resolve import resolve

CLASSIFIERS = ("dcgan", "ensemble", "bayesgan", "supervised")


@pytest.mark.parametrize("system", CLASSIFIERS)
def test_a_folder_of_photographs_gets_what_cifar10_gets_by_itself(system: str) -> None:
    named = presets.PRESETS[system]("cifar10", 1000)
    assert resolve(system, {"data": "photos", "labels": 1000}, "photographs") == replace(named, data="photos")
    assert of_photographs(named) == named
    plain = presets.PRESETS[system]("photos", 1000)
    assert plain.steps < named.steps and not plain.augment.mirror and named.augment.mirror
    for name in ("discriminator", "teacher"):
        assert named.players[name].network == DCGAN(64, depth=2)
    assert named.players.get("generator") == plain.players.get("generator")
    assert [run.players["teacher"].inference.decay for run in (named, plain)] == [0.995, 0.95]
    assert [run.augment.cutout for run in (named, plain)] == [0.5, 0]


def test_numbers_are_not_mirrored() -> None:
    assert not presets.supervised("svhn", 1000).augment.mirror


@pytest.mark.parametrize(
    "run",
    [
        presets.dcgan("photos"),
        presets.dcgan("cifar10", 100, published=True),
        presets.dcgan("cifar10", 100, conditional=True),
        presets.gan("cifar10", 100),
        presets.wgan("cifar10", 100),
        presets.vae("cifar10"),
        presets.bayesgan("ring"),
    ],
    ids=["no labels", "published", "conditional", "fully connected", "critic", "no discriminator", "points"],
)
def test_what_does_not_classify_photographs_is_refused_in_words(run: Any) -> None:
    with pytest.raises(UsageError, match=f"--preset photographs is for .* not for this {run.system}"):
        of_photographs(run)
    assert run.steps == 4000


def test_a_classifier_descends_for_longer_before_it_is_sampled() -> None:
    with_labels, without = presets.bayesgan("mnist", 100), presets.bayesgan("mnist")
    assert (with_labels.burn_in, without.burn_in) == (3600, 3000)
    for run in (with_labels, presets.bayesgan("cifar10", 100), presets.bayesgan("digits", 100)):
        assert (run.steps - run.burn_in) // run.thin == 20
    assert presets.bayesgan("mnist", 100, conditional=True).burn_in == 3000


def test_generators_of_a_classifier_draw_few_fakes_but_not_of_photographs() -> None:
    """Two codes for each of ten generators; of photographs as many as without labels."""
    runs = [presets.bayesgan("mnist", 100), presets.bayesgan("mnist"), presets.bayesgan("mnist", 100, conditional=True)]
    runs += [presets.bayesgan("cifar10", 100), resolve("bayesgan", {"data": "photos", "labels": 100}, "photographs")]
    assert [run.codes_each() for run in runs] == [2, 8, 8, 8, 8]


@pytest.mark.parametrize("steps", [1001, 2002, 4100, 12_345])
def test_another_number_of_iterations_keeps_the_shares_of_a_run(steps: int) -> None:
    """A point estimate's bank is its last weights alone, whatever the number."""
    assert presets.dcgan("mnist").lasting(steps).thin == steps
    run = presets.bayesgan("mnist")
    assert run.lasting(steps).burn_in == run.burn_in * steps // run.steps
