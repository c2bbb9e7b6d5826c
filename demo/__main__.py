"""Starts the shops and Equalizer before them, plays the story, and stays up: `python -m demo [--once]`."""

import argparse
import os
import select
import signal
import ssl
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme

import equalizer
from demo.shops import ShopProcess
from demo.story import COOKIE, POOL, Broken, play

NAMES = ("web1", "web2", "web3")


def main() -> int:
    """What to exit with: 0 when the story held, 1 when it did not."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story")
    once = parser.parse_args().once
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end in order, as for Ctrl-C
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="equalizer-demo-")))
        trusted = make_certificate(folder)
        shops = [stack.enter_context(ShopProcess(name)) for name in NAMES]

        def serve(persistence: str) -> equalizer.Service:
            return equalizer.serve(config(shops, persistence, folder))

        try:
            play(shops, serve, trusted)
        except Broken as broken:
            print(f"\nThe story did not hold: {broken}.", file=sys.stderr)
            return 1
        if not once:
            stay(stack.enter_context(serve("cookie")))
    return 0


def config(shops: list[ShopProcess], persistence: str, folder: Path) -> dict[str, object]:
    """As `equalizer.toml` would have it; port 0 takes a free one."""
    tls = {"certificate": str(folder / "shop.pem"), "key": str(folder / "shop.key")}
    return {
        "engine": {"workers": 1},  # one that takes turns, so that the story is easy to follow
        "listeners": {
            "web": {"address": "127.0.0.1:0"},
            "web-tls": {"address": "127.0.0.1:0", "tls": tls},
        },
        "pools": {
            POOL: {
                "persistence": "none" if persistence == "none" else {"kind": "cookie", "name": COOKIE},
                "servers": {shop.name: shop.address for shop in shops},
            }
        },
    }


def make_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for this run, and clients' trust in who issued it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    (folder / "shop.pem").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(folder / "shop.key"))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    return trusted


def stay(lb: equalizer.Service) -> None:
    """Be there for a browser until Ctrl-C."""
    print("\nNow it is your turn, in a browser; Ctrl-C ends everything.")
    print(f"   {lb.url('web')}")
    print(f"   {lb.url('web-tls')}   (a certificate of this run: let the browser go on)", flush=True)
    # A signal writes to the pipe: one that comes between two steps of ours would not end a signal.pause().
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(write)
    while True:
        select.select([read], [], [])


if __name__ == "__main__":
    sys.exit(main())
