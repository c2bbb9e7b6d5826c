"""What the commands show of probes and events."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.process import COMMAND, Named, run, running, status, stream, write

Start = Callable[[str], Named]
PROBE = '[pools.shop.probe]\nkind = "tcp"\ninterval = "100ms"\nrise = 1\nfall = 2'


def test_a_server_that_probes_found_down_is_shown_logged_and_counted(tmp_path: Path, start: Start) -> None:
    web1, web2 = start("web1"), start("web2")
    file = write(tmp_path / "eq.toml", {"web1": web1.address, "web2": web2.address}, PROBE)
    with running(file) as balancer:
        follow = [*COMMAND, "events", "--follow", "--json"]
        with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as following:
            web2.socket.close()
            why = "probe tcp: connection refused"
            assert why in balancer.log("server shop/web2: up → down")
            event = json.loads(stream(following.stdout).readline())
            following.terminate()
        assert (event["number"], event["kind"], event["server"]) == (1, "verdict", "web2")
        assert event["text"] == f"server shop/web2: up → down, {why}"
        found = status()["web2"]
        assert (found["state"], found["why"]) == ("down", why)
        assert run("status").stdout.splitlines()[3].endswith(why)
        assert run("up", "shop/web2").stdout == f"shop/web2: down → up; but it is down: {why}\n"
        lines = run("events").stdout.splitlines()
        assert lines[0].endswith(f"warning  server shop/web2: up → down, {why}")
        metrics = run("metrics").stdout
        for line in (
            'equalizer_server_probe_up{pool="shop",server="web2"} 0.0',
            'equalizer_server_state_changes_total{pool="shop",server="web2",state="down"} 1.0',
            'equalizer_pool_panic{pool="shop"} 0.0',
            'equalizer_events_total{kind="verdict"} 1.0',
            'equalizer_server_state{pool="shop",server="web2",state="down"} 1.0',
        ):
            assert line in metrics, line
