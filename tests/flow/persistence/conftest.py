"""Servers with sessions of their own, for the tests of persistence."""

from collections.abc import Callable, Sequence

import pytest

from conftest import MakeOrigin
from support.origin import Origin, replying, response
from support.wire import Message

Says = Callable[[str, Message], Sequence[str]]
MakeServers = Callable[..., dict[str, Origin]]


@pytest.fixture
def servers(make_origin: MakeOrigin) -> MakeServers:
    """Make web1 to web3, which answer with their names and with the fields that `says` gives."""

    def make(says: Says = lambda name, request: (), names: str = "web1 web2 web3") -> dict[str, Origin]:
        def origin(name: str) -> Origin:
            return make_origin(
                replying(lambda request: response(b"", f"Server-Name: {name}", *says(name, request)))
            )

        return {name: origin(name) for name in names.split()}

    return make
