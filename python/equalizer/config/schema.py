"""The JSON Schema of the configuration, for editors, and as the list of what may be written where."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TypeAlias, cast

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import WithDefaultSchema

from equalizer.model.config import Config

Node: TypeAlias = Mapping[str, object]


class _AsWritten(GenerateJsonSchema):
    """A default reads as a person writes it: "10s", not PT10S."""

    def get_default_value(self, schema: WithDefaultSchema) -> object:
        default = super().get_default_value(schema)
        writer = schema["schema"].get("serialization", {})
        return writer["function"](default) if writer.get("type") == "function-plain" else default


@cache
def schema() -> Node:
    """The JSON Schema of a configuration file."""
    made = Config.model_json_schema(schema_generator=_AsWritten, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "equalizer.toml"}


def nodes(path: Sequence[str | int]) -> list[Node]:
    """The parts of the schema that describe a key: several where several shapes are allowed.

    A part `key=word`, as errors have it after a choice by a word, leaves the shapes that have this word.
    """
    found = list(_flat(schema()))
    for part in path:
        if is_tag(part):
            found = [node for node in found if _has_tag(node, str(part))]
        else:
            found = [inner for node in found for child in _children(node, part) for inner in _flat(child)]
    return found


def is_tag(part: str | int) -> bool:
    """Whether a part of an error's place tells a kind, not a key; names have no "="."""
    return isinstance(part, str) and "=" in part


def _has_tag(node: Node, tag: str) -> bool:
    key, _, word = tag.partition("=")
    properties = cast(Mapping[str, Node], node.get("properties", {}))
    return key in properties and properties[key].get("const") == word


def keys(path: Sequence[str | int]) -> list[str]:
    """The keys that a table may have; empty where the user names them."""
    found = [key for node in nodes(path) for key in cast(Node, node.get("properties", {}))]
    return list(dict.fromkeys(found))


def choices(path: Sequence[str | int]) -> list[str]:
    """The words that may be written at a key; empty where any may."""
    found: list[object] = []
    for node in nodes(path):
        found += cast(list[object], node.get("enum", []))
        found += [node["const"]] if "const" in node else []
    return list(dict.fromkeys(choice for choice in found if isinstance(choice, str)))


def example(path: Sequence[str | int]) -> object:
    """A value that may be written at a key; None when the schema has none."""
    for node in nodes(path):
        if "examples" in node:
            return cast(list[object], node["examples"])[0]
    words = choices(path)
    return words[0] if words else None


def _flat(node: Node) -> Iterator[Node]:
    """A node, and all that it refers to or allows instead."""
    yield node
    reference = node.get("$ref")
    if isinstance(reference, str):
        definitions = cast(Mapping[str, Node], schema()["$defs"])
        yield from _flat(definitions[reference.rpartition("/")[2]])
    for union in ("anyOf", "oneOf"):
        for choice in cast(list[Node], node.get(union, [])):
            yield from _flat(choice)


def _children(node: Node, part: str | int) -> Iterator[Node]:
    properties = cast(Mapping[str, Node], node.get("properties", {}))
    if part in properties:
        yield properties[str(part)]
    yield from cast(Mapping[str, Node], node.get("patternProperties", {})).values()
    if isinstance(part, int) and "items" in node:
        yield cast(Node, node["items"])
