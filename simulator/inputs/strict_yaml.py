"""Strict YAML: what a file says wrong is told with file, line, key, what is allowed and the nearest name.

Narrower than YAML 1.1, where it surprises: only ``true`` and ``false`` are booleans (``ON`` is a symbol), times are text (a
datetime would lose its nanoseconds), ``13:30`` is no number, and a key occurs once. A file is small (``BYTES_MAX``), not deep
(``DEPTH_MAX``), and its aliases do not unfold to more than ``VALUES_MAX`` values.

PyYAML and not ruamel.yaml: its nodes know the line of every key and value before anything is constructed, which is all that is
needed here, and its resolvers are a table to be replaced. ruamel's marks belong to its round-trip types, whose numbers, booleans
and time stamps are its own; its safe loader has no marks, and is PyYAML's.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.errors import InputError, explain

Place = tuple[str | int, ...]
"""Keys and positions from the top of a file."""
INLINE, NAMED, GENERATED = TAGS = "<inline>", "<named>", "<generated>"
"""Tags of the branches of a union: written out in the file, named there, or to be made. No keys."""

BYTES_MAX = 1_000_000
DEPTH_MAX = 50
VALUES_MAX = 100_000

KINDS = {
    "list_type": "must be a list, as in [a, b]",
    "tuple_type": "must be a list, as in [a, b]",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type", "dataclass_type"), "must be a mapping, as in {key: value}"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing", "int_parsing_size"), "must be a whole number, such as 100_000"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    "finite_number": "must be a finite number",
    "string_type": "must be text (a name that reads as something else needs quotes)",
    **dict.fromkeys(("byte_size", "byte_size_unit"), "must be a number of bytes, such as 500MB or 2GB"),
    "recursion_loop": "must not be nested so deep",
}
"""What a wrong type is called here, by pydantic's name for it; everywhere the same: in YAML, flags, records and Python."""


def must(error: Mapping[str, Any]) -> str:
    """The limit that one of pydantic's complaints states, as a sentence about the value: "must be at most 100"."""
    if error["type"] in KINDS:
        return KINDS[error["type"]]
    said = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "must", 1)
    for theirs, ours in (("greater than or equal to", "at least"), ("less than or equal to", "at most"), ("greater than", "more than")):
        said = said.replace(f"must be {theirs}", f"must be {ours}")
    return said if said.startswith("must") else said[:1].lower() + said[1:]


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)).replace("_", ""))  # as it reads: 010 is ten


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """By the first character of a plain word: what it may be."""
    kinds = (
        ("bool", r"true|false", ["t", "f"]),
        ("null", r"~|null|", ["~", "n", ""]),
        ("int", r"[-+]?[0-9][0-9_]*", list("-+0123456789")),
        ("float", r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+|\.(inf|nan))", list("-+.0123456789")),
        ("merge", r"<<", ["<"]),
    )
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for kind, pattern, first in kinds:
        for character in first:
            table.setdefault(character, []).append((f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$")))
    return table


class _Loader(yaml.SafeLoader):
    """SafeLoader with fewer surprises."""

    yaml_implicit_resolvers = _resolvers()
    yaml_constructors = {**yaml.SafeLoader.yaml_constructors, "tag:yaml.org,2002:int": _whole}  # noqa: RUF012

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise yaml.composer.ComposerError(None, None, f"it is nested more than {DEPTH_MAX} deep", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text, not a list or mapping", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} occurs twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's values, and where each stands."""

    where: str
    data: Any
    lines: Mapping[Place, int]
    text: str
    model: str
    """What to compare it with: one that is right."""
    top: Place = ()
    """Where in the file ``data`` stands."""

    def at(self, place: Place) -> str:
        """``momentum.yaml line 12: agents[0].use``; of the nearest place above, where the file does not say it."""
        place = (*self.top, *place)
        known = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in self.lines), ())
        line = f" line {self.lines[known]}" if known else ""
        return f"{self.where}{line}" + (f": {dotted(place)}" if place else "")

    def part(self, place: Place, data: Any, model: str | None = None) -> YamlFile:
        """What stands at a place (``data``, perhaps with more than the file says), with the file's lines."""
        return dataclasses.replace(self, data=data, top=(*self.top, *place), model=self.model if model is None else model)


def read_yaml(path: Path, model: str, where: str | None = None) -> YamlFile:
    """Raises ``InputError`` for what is no readable YAML."""
    where = path.name if where is None else where
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise ValueError(f"it has more than {BYTES_MAX:,} bytes")
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(explain("Cannot read the file", str(path), reason, "Name a readable YAML file in UTF-8.")) from error
    return parse_yaml(text, where, model)


def parse_yaml(text: str, where: str, model: str) -> YamlFile:
    """The same from text; ``where`` is for messages."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines = dict(_few(node)) if node is not None else {}
        data = loader.construct_document(node) if node is not None else {}
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError) as error:  # TypeError: PyYAML's own, for odd tags
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"{where}{line}: not valid YAML: {problem}. Compare it with {model}.") from error
    finally:
        if loader is not None:
            loader.dispose()
    return YamlFile(where, data, lines, text, model)


def validate(kind: type, file: YamlFile) -> Any:
    """The file's values as ``kind``, a pydantic model. Raises ``InputError`` for the first thing that does not fit."""
    if not isinstance(file.data, dict):
        raise InputError(explain(file.where, type(file.data).__name__, "the file must be a mapping of keys to values", "Write key: value."))
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        # By way of JSON, because a list is a good tuple there even to a strict check.
        return adapter.validate_json(json.dumps(file.data), strict=True)
    except ValidationError as error:
        raise InputError(why_invalid(kind, file, error)) from None
    except (TypeError, ValueError) as error:
        remedy = "Keys are text; values are text, numbers, lists and mappings."
        raise InputError(explain(file.where, "a value", str(error), remedy)) from error


def dotted(place: Place) -> str:
    """``agents[0].use``"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def nearest(name: str, known: list[str]) -> str:
    """What to do about an unknown name."""
    close = get_close_matches(name, known, 1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else "Name one of those." if known else "Leave it out."


def _few(node: yaml.Node) -> Iterator[tuple[Place, int]]:
    """``_lines``, up to a limit: aliases of aliases unfold to any number of places."""
    for n, place in enumerate(_lines(node, (), ())):
        if n >= VALUES_MAX:
            problem = f"it unfolds to more than {VALUES_MAX:,} values (aliases of aliases?)"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        yield place


def _lines(node: yaml.Node, place: Place, above: tuple[int, ...]) -> Iterator[tuple[Place, int]]:
    """Each place with the line of its key."""
    if id(node) in above:
        raise yaml.constructor.ConstructorError(None, None, "an alias that contains itself", node.start_mark)
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text, not a list or mapping", key.start_mark)
            here = (*place, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here, above)
    elif isinstance(node, yaml.SequenceNode):
        for n, value in enumerate(node.value):
            yield (*place, n), value.start_mark.line + 1
            yield from _lines(value, (*place, n), above)


def why_invalid(kind: type, file: YamlFile, error: ValidationError) -> str:
    """The first thing that does not fit, in words. An unknown key goes before the key that it leaves missing."""
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    first = min(error.errors(include_url=False, include_context=False), key=lambda complaint: complaint["type"] not in unknown)
    place: Place = tuple(part for part in first["loc"] if part not in TAGS)
    allowed = list(_fields(_model_at(kind, first["loc"])))
    if first["type"] in unknown:
        limit = f"unknown key; the keys there are {', '.join(allowed)}"
        return explain(file.at(place), first["input"], limit, nearest(str(place[-1]), allowed))
    if first["type"] in ("missing", "missing_argument"):
        return f"{file.at(place)} is missing. The keys there are {', '.join(allowed)}."
    return explain(file.at(place), first["input"], must(first), f"Compare it with {file.model}.")


def _model_at(kind: Any, place: Place) -> Any:
    """The model that has, or has not, the last key of a place; the place may hold the tags of unions."""
    for n, part in enumerate(place[:-1]):
        annotation = _fields(kind).get(str(part))
        inner = _inner_model(annotation, place[n + 1]) if annotation is not None else None
        kind = kind if inner is None else inner
    return kind


def _fields(kind: Any) -> dict[str, Any]:
    """Keys of a model with their types."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
    if dataclasses.is_dataclass(kind):
        return get_type_hints(kind, include_extras=True)
    return {}


def _inner_model(annotation: Any, tag: str | int = "") -> Any:
    """The first model in a type; in a union with tags, that of the branch with this one."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)):
        return annotation
    args = get_args(annotation)
    branches = [each for each in args if any(getattr(part, "tag", None) == tag for part in get_args(each))]
    return next((found for each in branches or args if (found := _inner_model(each, tag)) is not None), None)
