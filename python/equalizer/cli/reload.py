"""`equalizer reload`: read the file again, and say what is different."""

import sys

from equalizer.cli.words import Which


def reload(which: Which) -> None:
    """Raises what kept it from being served."""
    done = which.remote().reload()
    print(f"{done.config}: revision {done.revision}, {_count(len(done.changes))}")
    for line in done.changes:
        print(f"  {line}")
    for line in done.notices:
        print(line, file=sys.stderr)


def _count(changes: int) -> str:
    return {0: "no change", 1: "1 change"}.get(changes, f"{changes} changes")
