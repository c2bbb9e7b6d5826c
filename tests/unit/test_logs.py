"""What is written to the log of the process."""

import pytest

from equalizer.telemetry import logs


def test_a_defect_is_told_with_its_place_and_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    """What a defect meets may be a token or a key."""
    token = "a-token-that-nobody-may-read"
    try:
        raise LookupError(f"{len(token)} is what nobody thought of")
    except LookupError:
        logs.failed("a request failed")
    told = "".join(capsys.readouterr())
    assert "a request failed" in told
    assert "LookupError: 28 is what nobody thought of" in told
    assert "test_logs.py" in told
    assert token not in told
