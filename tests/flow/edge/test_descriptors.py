"""Out of file descriptors: accepting waits and goes on, nothing spins, and it is said once."""

import resource
import subprocess
import sys
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from support.balancer import get
from support.process import Named, running, stream, write
from support.wire import Wire, connect

LIMIT = 64
"""Open files: Equalizer itself needs about half of them."""

RUN = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
sys.argv = ["equalizer", "run", sys.argv[1]]
runpy.run_module("equalizer", run_name="__main__")
"""


def test_a_process_takes_the_descriptors_that_it_may_have(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        with running(write(tmp_path / "eq.toml", {"web1": "127.0.0.1:9"})) as balancer:
            said = Path(f"/proc/{balancer.process.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = [line.split() for line in said.splitlines() if line.startswith("Max open files")]
    assert line[3] == line[4]


def busy(process: subprocess.Popen[str]) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def answered(wire: Wire) -> bool:
    """Whether it is answered within half a second."""
    wire.sock.settimeout(0.5)
    try:
        wire.send(get())
        return wire.response().status == 200
    except TimeoutError:
        return False


def test_accepting_pauses_and_resumes(tmp_path: Path) -> None:
    with Named("web1") as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        file = write(tmp_path / "eq.toml", {"web1": server.address}, "[engine]\nworkers = 1")
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = stream(process.stdout).readline()
            assert line, stream(process.stderr).read()
            url = urlsplit(next(word for word in line.split() if word.startswith("http")))
            address = f"{url.hostname}:{url.port}"
            first = connect(address)
            assert answered(first)
            crowd = [connect(address) for _ in range(LIMIT)]
            said = next(line for line in stream(process.stderr) if "accepting pauses" in line)
            assert "file descriptor" in said
            before = busy(process)
            assert not answered(crowd[-1]), "it waits in the kernel's queue"
            assert answered(first), "who is in is served on"
            assert busy(process) - before < 0.4, "nothing spins"
            for wire in crowd[:-1]:
                wire.close()
            crowd[-1].sock.settimeout(20)
            assert crowd[-1].response().status == 200, "and it is its turn"
            crowd[-1].close()
            first.close()
        finally:
            process.kill()
            rest = stream(process.stderr).read()
            process.communicate()
            server.shutdown()
            thread.join()
    assert "accepting pauses" not in rest, "it is said once"
