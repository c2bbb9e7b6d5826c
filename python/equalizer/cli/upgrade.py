"""`equalizer upgrade`: the version of this command takes the place of the process that runs."""

import sys

from equalizer.cli.words import Which


def upgrade(which: Which) -> None:
    """Raises what kept it from taking over."""
    done = which.remote().upgrade(sys.executable)
    print(f"{done.config}: process {done.after}, version {done.version}, follows process {done.before}")
