"""The part in Python hangs for ten seconds, and no exchange waits for it."""

import sys
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

from conftest import MakeOrigin, naming
from support.balancer import get
from support.load import load
from support.process import run, stream, write
from support.wire import connect

HANGS = 10  # seconds
# A function of C that is called so keeps Python's lock: no other thread of Python runs.
SERVE = f"""
import ctypes, sys
from pathlib import Path
from threading import Thread
from equalizer.control import daemon
from equalizer.telemetry import logs

def hang():
    sys.stdin.readline()
    print("hangs", flush=True)
    ctypes.PyDLL(None).sleep({HANGS})
    print("is awake", flush=True)

Thread(target=hang, daemon=True).start()
logs.to_stderr()
daemon.run(Path(sys.argv[1]), "test")
"""


def test_exchanges_go_on_while_python_hangs(make_origin: MakeOrigin, tmp_path: Path) -> None:
    servers = {name: make_origin(naming(name)).address for name in ("web1", "web2")}
    more = f'[access_log]\nto = "{tmp_path}/access.log"\n[engine]\nworkers = 2'
    file = write(tmp_path / "eq.toml", servers, more)
    command = [sys.executable, "-c", SERVE, str(file)]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as process:
        try:
            address = stream(process.stdout).readline().split("http://")[1].split()[0]
            with load(address, 2) as crowd:
                stream(process.stdin).write("hang\n")
                stream(process.stdin).flush()
                assert stream(process.stdout).readline() == "hangs\n"
                asked = Thread(target=run, args=("status",))
                asked.start()  # whoever asks the control waits
                awake: list[str] = []
                waking = Thread(target=lambda: awake.append(stream(process.stdout).readline()))
                waking.start()
                newcomers, before = 0, crowd.exchanges
                while waking.is_alive():
                    with connect(address) as client:
                        client.send(get())
                        assert client.response().status == 200
                    newcomers += 1
                assert awake == ["is awake\n"]
                assert min(newcomers, crowd.exchanges - before) > 100
            # Had one waited for Python, it would have waited for most of this.
            assert crowd.slowest < HANGS / 2
            asked.join()
        finally:
            process.kill()
    told = (tmp_path / "access.log").read_text().count("\n")
    assert told > newcomers
