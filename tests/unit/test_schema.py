"""The JSON Schema agrees with the model: what one takes, the other takes."""

import tomllib
from typing import cast

import pytest
from jsonschema import Draft202012Validator, ValidationError

from equalizer.config import schema
from equalizer.model.config import Config

EXAMPLE = """
[listeners.web]
address = "127.0.0.1:8080"

[listeners.web-tls]
address = "127.0.0.1:8443"
tls = { certificate = "shop.pem", key = "shop.key" }

[pools.shop]
balance = "round_robin"
persistence = { kind = "cookie", name = "EQ" }

[pools.shop.servers]
web1 = "127.0.0.1:9001"
web2 = { address = "127.0.0.1:9002", weight = 50 }

[keys]
file = "equalizer.keys"
"""


def validate(text: str) -> None:
    """By the schema."""
    Draft202012Validator(schema.schema()).validate(tomllib.loads(text))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema.schema())


@pytest.mark.parametrize(
    "more",
    [
        "",
        "[engine]\nworkers = 2",
        "[limits]\nhead = '1 MiB'\ntarget = 2048\nfields = 50",
        "[timeouts]\nhead = 1.5\nbody = '500ms'\nstop = 0",
        "[pools.b]\npersistence = 'none'\nbalance = { kind = 'round_robin' }\nservers = { a = 'b:1' }\n"
        "[[routes]]\npool = 'b'",
        "[pools.b]\npersistence = [{ kind = 'cookie' }]\nservers = { a = 'b:1' }\n[[routes]]\npool = 'b'",
    ],
)
def test_the_example_and_its_variants_fit(more: str) -> None:
    validate(EXAMPLE + more)
    Config.model_validate(tomllib.loads(EXAMPLE + more))


@pytest.mark.parametrize(
    "more",
    [
        "[engine]\nworkers = 0",
        "[engine]\nthreads = 1",
        "[limits]\nhead = '1 MB'",
        "[timeouts]\nhead = 'soon'",
        "[pools.shop.servers.web3]\nweight = 1",
        "[pools.b]\nservers = {}",
        "[pools.b]\nbalance = 'random'\nservers = { a = 'b:1' }",
        "[pools.b]\npersistence = { kind = 'hope' }\nservers = { a = 'b:1' }",
        "[[routes]]\npools = 'shop'",
    ],
)
def test_what_the_model_refuses_does_not_fit(more: str) -> None:
    with pytest.raises(ValidationError):
        validate(EXAMPLE + more)
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(tomllib.loads(EXAMPLE + more))


def test_every_key_has_something_to_suggest() -> None:
    """An example, a choice of words, bounds, or the keys of a table."""
    definitions = cast(dict[str, schema.Node], schema.schema()["$defs"])
    starts: dict[str, tuple[str | int, ...]] = {
        "RoundRobin": ("pools", "a", "balance"),
        "Cookie": ("pools", "a", "persistence"),
        "Listener": ("listeners", "a"),
        "Tls": ("listeners", "a", "tls"),
        "Pool": ("pools", "a"),
        "ServerTable": ("pools", "a", "servers", "a"),
        "Route": ("routes", 0),
        "Keys": ("keys",),
        "Control": ("control",),
        "Engine": ("engine",),
        "Limits": ("limits",),
        "Timeouts": ("timeouts",),
    }
    assert starts.keys() == definitions.keys()
    for start in [(), *starts.values()]:
        for key in schema.keys(start):
            path = (*start, key)
            bounds = any("minimum" in node for node in schema.nodes(path))
            assert schema.example(path) is not None or schema.keys(path) or bounds, path


def test_every_key_is_described_for_the_editor() -> None:
    """By itself, or by the table that it refers to."""
    tables = [schema.schema(), *cast(dict[str, schema.Node], schema.schema()["$defs"]).values()]
    for table in tables:
        for key, node in cast(dict[str, schema.Node], table["properties"]).items():
            assert "description" in node or "$ref" in node or key == "kind", (table["title"], key)
