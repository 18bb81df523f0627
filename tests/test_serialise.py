"""Runs travel as plain values and TOML, and come back equal; errors name the nearest choice."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bayesgan.config import Player, Run
from bayesgan.errors import DataError, UsageError
from bayesgan.objectives import Consistency, NonSaturating, SemiSupervised
from bayesgan.presets import PRESETS
from bayesgan.samplers import AdamSpec, Cosine, SGHMCSpec
from bayesgan.serialise import assignment, first_difference, from_config, read_toml, to_config, to_toml

RUN = Run(
    "bayesgan",
    "digits",
    SemiSupervised(consistency=Consistency(0.5)),
    {"discriminator": Player(), "generator": Player(inference=SGHMCSpec(lr=0.01, friction=2.0), particles=10)},
)


def overlay(*texts: str, base: Run = RUN) -> Run:
    for text in texts:
        base = from_config(assignment(text), Run, base)
    return base


def there_and_back(run: Run) -> Run:
    return from_config(tomllib.loads(to_toml(to_config(run))))


# Round trips


@pytest.mark.parametrize("published", [False, True], ids=["ours", "published"])
@pytest.mark.parametrize("labels", [None, 100, "all"])
@pytest.mark.parametrize("data", ["digits", "ring"])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_survives_a_file(preset: Any, data: str, labels: int | str | None, published: bool) -> None:
    conditional = bool(labels) and preset in (PRESETS["vae"], PRESETS["age"])
    run = preset(data=data, labels=labels, published=published, conditional=conditional)
    for each in (run, run.resolved(1297)):
        again = there_and_back(each)
        assert again == each
        assert [*again.players] == [*each.players], "players move in the order of the file"
        json.dumps(to_config(each))


@pytest.mark.parametrize(
    "name", ["plain", "", "sp ace", 'quo"te', r"C:\data\new", "tab\tand\nnewline", "ünïcode 画像", "none-such"]
)
def test_any_text_survives_a_file(name: str) -> None:
    assert there_and_back(replace(RUN, data=name)).data == name


@pytest.mark.parametrize("number", [1e-9, 3e-4, 1 / 3, 1e22, 5.0, -0.0])
def test_floats_survive_to_the_last_bit(number: float) -> None:
    player = replace(RUN.players["generator"], inference=SGHMCSpec(lr=number))
    found = there_and_back(replace(RUN, players={"generator": player})).players["generator"].inference
    assert repr(found.lr) == repr(number)


def test_none_travels_as_a_word_and_kinds_as_class_names() -> None:
    values = to_config(RUN)
    assert values["labels"] == values["augment"] == "none"
    assert values["objective"]["kind"] == "SemiSupervised"
    assert values["players"]["generator"]["inference"]["kind"] == "SGHMC"
    assert values["objective"]["consistency"] == {
        "weight": 0.5,
        "temperature": 0.5,
        "balance": 0.02,
        "interpolation": 0.0,
    }
    assert there_and_back(RUN) == RUN


# Overlays


def test_an_overlay_changes_what_it_names_and_keeps_the_rest() -> None:
    changed = overlay("players.generator.particles=20")
    generator = replace(RUN.players["generator"], particles=20)
    assert changed == replace(RUN, players=RUN.players | {"generator": generator})
    assert RUN.players["generator"].particles == 10
    deep = overlay("players.generator.inference.burn_in.lr=0.5").players["generator"].inference
    assert deep == SGHMCSpec(lr=0.01, friction=2.0, burn_in=AdamSpec(0.5))


def test_another_kind_starts_from_its_own_defaults() -> None:
    for text in ("players.generator.inference.kind=Adam", "players.generator.inference=Adam"):
        assert overlay(text).players["generator"].inference == AdamSpec()
    changed = overlay("players.generator.inference={kind = 'Adam', schedule = {kind = 'Cosine', floor = 0.5}}")
    assert changed.players["generator"].inference == AdamSpec(schedule=Cosine(0.5))
    assert overlay("objective=NonSaturating").objective == NonSaturating()


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("labels=all", "labels", "all"),
        ("labels=20", "labels", 20),
        ("augment=none", "augment", None),
        ("labels=none", "labels", None),
        ("objective.consistency=none", "objective.consistency", None),
        ("objective.labelled_weight=counts", "objective.labelled_weight", "counts"),
        ("objective.labelled_weight=2", "objective.labelled_weight", 2.0),
        ("subset=1", "subset", 1.0),
        ("precision='32'", "precision", "32"),
        ("data_dir=some/where", "data_dir", "some/where"),
    ],
)
def test_assignments(text: str, path: str, value: Any) -> None:
    found: Any = overlay(text)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value and type(found) is type(value)


def test_what_is_none_can_come_back() -> None:
    assert overlay("objective.consistency=none", "objective.consistency={}").objective.consistency == Consistency()
    weight = overlay("objective.consistency=none", "objective.consistency.weight=0.2").objective.consistency
    assert weight == Consistency(0.2)


def test_a_player_may_be_new_where_there_was_no_run_before() -> None:
    values = to_config(RUN)
    values["players"]["critic"] = values["players"]["discriminator"]
    assert [*from_config(values).players] == ["discriminator", "generator", "critic"]


# Mistakes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz=3", r"unknown key stepz; did you mean 'steps'\?"),
        ("players.generatr.particles=3", r"unknown key players\.generatr; did you mean 'generator'\?"),
        ("players.generator.particle=3", r"unknown key players\.generator\.particle; did you mean 'particles'\?"),
        ("players.generator.inference.kind=SGHM", r"players\.generator\.inference\.kind = 'SGHM'; did .* 'SGHMC'\?"),
        ("players.generator.network=DCGAM", r"players\.generator\.network.* did you mean 'DCGAN'\?"),
        ("players.generator.inference.integrator=boaa", r"integrator = 'boaa'.* did you mean 'baoa'\?"),
        ("players.generator.prior.scale=1", r"unknown key players\.generator\.prior\.scale; .*'?std'?"),
        ("marginal=meen", r"marginal = 'meen'.* did you mean 'mean'\?"),
        ("labels=al", r"labels = 'al'.* did you mean 'all'\?"),
        ("steps=many", r"steps = 'many': expected int"),
        ("steps=1.5", r"steps = 1\.5: expected int"),
        ("steps=true", r"steps = True: expected int"),
        ("players=3", r"players = 3: expected a table of players"),
        ("players.generator=3", r"players\.generator = 3: expected a table"),
        ("objective=7", r"objective = 7: expected a table with kind"),
        ("objective.consistency=yes", r"objective\.consistency = 'yes': expected"),
    ],
)
def test_errors_name_the_place_and_the_nearest_choice(text: str, message: str) -> None:
    message = message.replace("; did", "[:;] did")
    with pytest.raises(UsageError, match=message) as err:
        overlay(text)
    assert "\n" not in str(err.value)


@pytest.mark.parametrize("text", ["steps", "=3", ""])
def test_an_assignment_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        assignment(text)


def test_a_file_without_a_field_that_has_no_default_is_an_error() -> None:
    values = to_config(RUN)
    del values["data"]
    with pytest.raises(UsageError, match="data"):
        from_config(values)
    with pytest.raises(UsageError, match=r"objective\.kind = ''"):
        from_config(to_config(RUN) | {"objective": {}})


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(DataError, match=r"cannot read .*bad\.toml"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "good.toml").write_text(to_toml(to_config(RUN)), encoding="utf-8")
    assert from_config(read_toml(tmp_path / "good.toml")) == RUN


def test_first_difference() -> None:
    old = to_config(RUN)
    assert first_difference(old, to_config(RUN)) is None
    changed = to_config(overlay("players.generator.inference.lr=0.02"))
    assert first_difference(old, changed) == "players.generator.inference.lr is 0.01 there, 0.02 here"
    assert first_difference(old, old | {"new": 1}) == "new is None there, 1 here"
    assert first_difference(to_config(overlay("augment={}")), old) is not None
