"""A client whose bodies come in small pieces, and which keeps to its windows, does nothing wrong."""

from hyperframe.frame import DataFrame

from conftest import Balance, MakeOrigin
from support.balancer import get
from support.http2 import Raw, head

PIECE = b"x" * 64
PIECES = 4_000
"""Just less than a stream may send ahead."""
STREAMS = (1, 3, 5, 7)


def test_bodies_in_small_pieces_come_whole_and_at_once(balance: Balance, make_origin: MakeOrigin) -> None:
    origin = make_origin()
    lb = balance(origin)
    assert lb.ask(get()).status == 200
    with Raw(lb.client()) as client:
        heads = [client.headers(stream, head(method="POST"), "END_HEADERS") for stream in STREAMS]
        frames = [DataFrame(stream, PIECE) for stream in STREAMS] * PIECES
        ends = [DataFrame(stream, b"", flags=["END_STREAM"]) for stream in STREAMS]
        assert client.ping() == "PING"
        client.send(*heads)
        # One write: they are here before anybody can have read them.
        client.send(*frames, *ends)
        for _ in STREAMS:
            client.wait(lambda frame: isinstance(frame, DataFrame) and "END_STREAM" in frame.flags)
        assert client.ping() == "PING"
    assert [len(request.body) for request in origin.requests[1:]] == [len(PIECE) * PIECES] * len(STREAMS)
