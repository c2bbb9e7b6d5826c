"""What agents say, how it is read, and what follows from it."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from equalizer.health import agent as agents
from equalizer.health.probes import agent
from equalizer.health.probes.dialogue import Dialogue, Step
from equalizer.health.verdict import Finding, Said, Tally, combined, of_agent
from equalizer.model.agent import HttpAgent
from support.wire import LIMIT


def said(dialogue: Dialogue, *pieces: bytes) -> Step:
    """What is made of these pieces, and then of the end."""
    dialogue.opening()
    step: Step = b""
    for piece in (*pieces, b""):
        step = dialogue.take(piece)
        if isinstance(step, Finding):
            break
    return step


@pytest.mark.parametrize(
    ("pieces", "load"),
    [((b"37",), 37), ((b"-1\n",), -1), ((b"1", b"0", b"0\r\n"), 100), ((b" 0 \n", b"rest"), 0)],
)
def test_a_number_ends_with_its_line_or_the_connection(pieces: tuple[bytes, ...], load: int) -> None:
    assert said(agent.tcp(), *pieces) == Finding(True, load=load)


@pytest.mark.parametrize("answer", [b"101", b"-2", b"12.5", b"busy", b"\n", b"1" * 100, b"\xff"])
def test_what_is_no_load_is_none(answer: bytes) -> None:
    assert said(agent.tcp(), answer) == Finding(False, "an answer that is no number from -1 to 100")


def test_who_says_nothing_has_not_answered() -> None:
    assert said(agent.tcp()) == Finding(False, "closed before an answer", answered=False)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"37", Finding(True, load=37)),
        (b'{"load": 12.6, "more": []}', Finding(True, load=13)),
        (b'{"load": -1}', Finding(True, load=-1)),
        (b'{"load": true}', Finding(False, "an answer that is no number from -1 to 100")),
        (b'{"load": 1e999}', Finding(False, "an answer that is no number from -1 to 100")),
        (b"{}", Finding(False, "an answer that is no number from -1 to 100")),
        (b"busy", Finding(False, "an answer that is not JSON")),
    ],
)
def test_a_load_may_be_json(body: bytes, found: Finding) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    dialogue = agent.http(HttpAgent(kind="http", path="/load"), "shop:1510")()
    assert dialogue.opening().startswith(b"GET /load HTTP/1.1\r\nHost: shop:1510\r\n")
    assert said(dialogue, head + body) == found
    assert said(agent.http(HttpAgent(kind="http"), "a")(), head.replace(b"200", b"500") + body) == Finding(
        False, "status 500, not 200"
    )


def test_silence_counts_only_where_an_answer_is_required_and_unavailable_always() -> None:
    silent = Said("agent tcp :1510", True, Tally(False), Finding(False, "connection refused"))
    assert of_agent(silent, None, required=False) is None
    required = of_agent(silent, None, required=True)
    assert required
    assert combined([required], []).why == "agent tcp :1510: connection refused"
    answering = Said("agent tcp :1510", True, Tally(True))
    unavailable = of_agent(answering, -1, required=False)
    assert unavailable
    assert combined([unavailable], []).why == "agent tcp :1510: says that the server is unavailable"
    assert of_agent(answering, 37, required=False) is None


@pytest.mark.parametrize(
    ("line", "load"),
    [("echo 37", 37), ("echo -1", -1), ("echo 101", None), ("echo 37; exit 1", None), ("true", None)],
)
def test_a_command_tells_what_it_prints_if_it_succeeds(line: str, load: int | None) -> None:
    assert asyncio.run(agents.command(line)()) == load


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_command_that_hangs_leaves_nothing_behind(
    cancelled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)

    async def measured() -> int | None:
        measure = asyncio.create_task(agents.command(f"exec 3> {held}; echo >&3; sleep 600 & wait")())
        while not _read(reader):
            await asyncio.sleep(0)
        for _ in range(100):  # turns of the loop, until it is waited for
            await asyncio.sleep(0)
        if cancelled:
            measure.cancel()
        return await measure

    if cancelled:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(measured())
    else:
        monkeypatch.setattr(agents, "_PATIENCE", 1)
        assert asyncio.run(measured()) is None
    until = time.monotonic() + LIMIT
    while _read(reader) is None:
        assert time.monotonic() < until, "its child holds the pipe"
        os.sched_yield()
    os.close(reader)


def _read(reader: int) -> bytes | None:
    """What is in a pipe; empty where nobody has it open, None where somebody does and says nothing."""
    try:
        return os.read(reader, 16)
    except BlockingIOError:
        return None


def test_a_machine_tells_its_load_and_its_memory() -> None:
    for measure in agents.MEASURES.values():
        found = asyncio.run(measure())
        assert found is not None
        assert 0 <= found <= 100
