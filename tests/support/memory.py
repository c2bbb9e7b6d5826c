"""How much memory this process holds: the engine is a part of it."""

from pathlib import Path

MIB = 1 << 20


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
