"""Builds the package with maturin; says in one line what to do where the Rust compiler is missing."""

import shutil
import sys

from maturin import *  # noqa: F403 - the whole PEP 517 interface, unchanged

if shutil.which("cargo") is None:
    sys.exit("Equalizer is built with Rust, and cargo was not found: get it from https://rustup.rs.")
