"""Runs as plain values and TOML: every union member carries its class as ``kind``; errors name the nearest choice."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bayesgan.config import Run
from bayesgan.errors import DataError, UsageError, nearest
from bayesgan.types import Config

NONE = "none"


def kind(cls: type) -> str:
    """Return the name of a class in a file: ``SGHMCSpec`` is ``SGHMC``."""
    return cls.__name__.removesuffix("Spec")


def to_config(value: Any, hint: Any = Run) -> Any:
    """Return a dataclass as nested plain values; None becomes ``"none"``."""
    if value is None:
        return NONE
    if isinstance(value, dict):
        return {key: to_config(item, get_args(hint)[1]) for key, item in value.items()}
    if not is_dataclass(value):
        return value
    hints = get_type_hints(type(value))
    named = {"kind": kind(type(value))} if len(members(hint)) > 1 else {}
    return named | {f.name: to_config(getattr(value, f.name), hints[f.name]) for f in fields(value) if f.init}


def from_config(value: Any, hint: Any = Run, base: Any = None, where: str = "") -> Any:
    """Return what ``hint`` says from plain values, laid over ``base`` where one is given.

    Raises:
        UsageError: an unknown key or value; names the place and the nearest valid choice.
    """
    choices = members(hint)
    if value == NONE and type(None) in get_args(hint):
        return None
    if choices and (isinstance(value, dict) or not plain(hint)):
        return _dataclass(value, {kind(c): c for c in choices}, base, where)
    if get_origin(hint) is dict:
        return _players(value, get_args(hint)[1], base or {}, where)
    if not fits(value, hint):
        raise UsageError(f"{where} = {value!r}: {expected(value, hint)}")
    return float(value) if float in (hint, *get_args(hint)) and type(value) is int else value


def _dataclass(value: Any, choices: dict[str, type], base: Any, where: str) -> Any:
    if isinstance(value, str) and (len(choices) > 1 or value in choices):
        value = {"kind": value}
    if not isinstance(value, dict):
        with_kind = f" with kind {' or '.join(choices)}" if len(choices) > 1 else ""
        raise UsageError(f"{where} = {value!r}: expected a table{with_kind}")
    unnamed = next(iter(choices)) if len(choices) == 1 else kind(type(base)) if base is not None else ""
    name = value.get("kind", unnamed)
    if not isinstance(name, str) or name not in choices:
        raise UsageError(f"{where}.kind = {name!r}: {nearest(str(name), choices)}")
    cls = choices[name]
    base = base if type(base) is cls else None
    hints = {f.name: get_type_hints(cls)[f.name] for f in fields(cls) if f.init}
    given: dict[str, Any] = {}
    for key, item in value.items():
        if key == "kind":
            continue
        path = f"{where}.{key}".lstrip(".")
        if key not in hints:
            raise UsageError(f"unknown key {path}; {nearest(key, hints)}")
        given[key] = from_config(item, hints[key], getattr(base, key, None), path)
    return replace(base, **given) if base is not None else _construct(cls, given, where)


def _construct(cls: type, given: Config, where: str) -> Any:
    try:
        return cls(**given)
    except TypeError as error:
        raise UsageError(f"{where or kind(cls)}: {str(error).partition(') ')[2]}") from None


def _players(value: Any, hint: Any, base: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where} = {value!r}: expected a table of players")
    for name in value:
        if base and name not in base:
            raise UsageError(f"unknown key {where}.{name}; {nearest(name, base)}")
    changed = {name: from_config(v, hint, base.get(name), f"{where}.{name}") for name, v in value.items()}
    return base | changed


def members(hint: Any) -> list[type]:
    """Return the dataclasses that a hint allows."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return [option for option in options if isinstance(option, type) and is_dataclass(option)]


def plain(hint: Any) -> bool:
    """Return whether a hint allows a value that is no dataclass, None aside."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return any(not is_dataclass(option) and option is not type(None) for option in options)


def fits(value: Any, hint: Any) -> bool:
    """Return whether a plain value is allowed by a hint; an int is a float, a bool is neither."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) is hint or (hint is float and type(value) is int)


def expected(value: Any, hint: Any) -> str:
    """Return the end of an error line for a value that does not fit."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    literals = [str(a) for option in options if get_origin(option) is Literal for a in get_args(option)]
    if literals and isinstance(value, str):
        return nearest(value, literals)
    names = [o.__name__ for o in options if isinstance(o, type) and o is not type(None)]
    return "expected " + " or ".join([*names, *literals, *([NONE] if type(None) in options else [])])


def assignment(text: str) -> Config:
    """Return nested plain values from ``a.b.c=value``, the value in TOML or a bare word."""
    path, equals, raw = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--set {text!r}: expected KEY=VALUE, such as players.generator.particles=20")
    try:
        value: Any = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw
    for key in reversed(path.strip().split(".")):
        value = {key: value}
    return dict(value)


def assigned(run: Run, settings: Iterable[str]) -> Run:
    """Return a run with settings ``a.b.c=value``, one after the other."""
    for text in settings:
        run = from_config(assignment(text), base=run)
    return run


def read_toml(path: Path) -> Config:
    """Return the values of a TOML file; a file that cannot be read is a DataError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"cannot read {path}: {error}") from None


def to_toml(values: Config, path: tuple[str, ...] = ()) -> str:
    """Return nested plain values as TOML, scalars before tables."""
    lines = [f"{key} = {_scalar(v)}" for key, v in values.items() if not isinstance(v, dict)]
    for key, table in values.items():
        if isinstance(table, dict):
            inner = (*path, key)
            lines += ["", f"[{'.'.join(inner)}]", to_toml(table, inner)]
    return "\n".join(lines)


def _scalar(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def first_difference(old: Config, new: Config, path: str = "") -> str | None:
    """Return ``key (old, new)`` of the first value in which two configurations differ, or None."""
    for key in [*old, *(k for k in new if k not in old)]:
        here, a, b = f"{path}.{key}".lstrip("."), old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found = first_difference(a, b, here)
            if found:
                return found
        elif a != b:
            return f"{here} is {a!r} there, {b!r} here"
    return None
