"""What the admin API shows and changes, over a real connection."""

from dataclasses import asdict
from threading import Thread

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from equalizer.telemetry.catalogue import CATALOGUE
from flow.admin.conftest import Open
from support.balancer import get

WEB1 = "/api/v1/pools/shop/servers/web1"


def test_the_status_is_that_of_the_service(api: Open) -> None:
    for _ in range(3):
        assert api.lb.ask(get()).status == 200
    found = api.client.get("/api/v1/status").json
    said = asdict(api.lb.service.status())
    counts = {server["name"]: server["exchanges"] for server in found["pools"][0]["servers"]}
    assert counts == {server["name"]: server["exchanges"] for server in said["pools"][0]["servers"]}
    assert sum(counts.values()) == 3
    assert found.keys() == said.keys()
    assert api.client.get("/api/v1/pools").json[0]["name"] == "shop"
    assert [each["name"] for each in api.client.get("/api/v1/pools/shop/servers").json] == list(counts)
    assert api.client.get(WEB1).json["state"] == "up"


@pytest.mark.parametrize("path", [WEB1, "/api/v1/events", "/api/v1/openapi.json", "/metrics"])
def test_head_is_answered_as_get_without_a_body(api: Open, path: str) -> None:
    """RFC 9110, 9.1: GET and HEAD are what every server has."""
    whole, head = api.client.get(path), api.client.ask("HEAD", path)
    assert (head.status, head.text) == (200, "")
    assert int(head.fields["content-length"]) > 0
    assert head.fields["content-type"] == whole.fields["content-type"]


def test_where_nothing_is_read_head_is_refused_too(api: Open) -> None:
    found = api.client.ask("HEAD", "/api/v1/reload")
    assert (found.status, found.fields["allow"], found.text) == (405, "POST", "")
    assert api.client.ask("POST", "/api/v1/status").fields["allow"] == "GET, HEAD"
    assert api.client.ask("HEAD", WEB1, token="another").status == 401


def test_a_server_drains_rests_and_serves_as_it_is_told(api: Open) -> None:
    done = api.client.ask("PUT", f"{WEB1}/state", {"state": "draining", "deadline": "30m"})
    assert (done.status, done.json["before"], done.json["state"]) == (200, "up", "draining")
    assert api.client.get(WEB1).json["draining"]["deadline"] == done.json["deadline"]
    assert {api.lb.ask(get()).get("server-name") for _ in range(12)} == {"web2", "web3"}
    assert api.client.ask("PUT", f"{WEB1}/state", {"state": "maintenance"}).json["before"] == "draining"
    assert api.client.ask("PUT", f"{WEB1}/state", {"state": "up"}).json["before"] == "maintenance"
    assert {api.lb.ask(get()).get("server-name") for _ in range(12)} == {"web1", "web2", "web3"}


def test_a_weight_is_a_whole_number_however_json_writes_it(api: Open) -> None:
    assert api.client.ask("PUT", f"{WEB1}/weight", {"weight": 17.0}).json["weight"] == 17
    for weight in (17.5, True, "17"):
        assert api.client.ask("PUT", f"{WEB1}/weight", {"weight": weight}).status == 422


def test_what_is_as_it_was_is_no_event(api: Open) -> None:
    def ask(state: str, **terms: str) -> None:
        assert api.client.ask("PUT", f"{WEB1}/state", {"state": state, **terms}).status == 200

    for state in ("up", "maintenance", "maintenance", "draining", "draining"):
        ask(state)
    ask("draining", deadline="1h")
    for weight in (100, 50, 50, None):
        assert api.client.ask("PUT", f"{WEB1}/weight", {"weight": weight}).status == 200
    told = [each["text"].partition("  ")[0] for each in api.client.get("/api/v1/events").json["events"]]
    assert told == [
        "server shop/web1: up → maintenance",
        "server shop/web1: maintenance → draining",
        "server shop/web1: draining → draining",
        "server shop/web1: weight 100 → 50",
        "server shop/web1: weight 50 → 100",
    ]


def test_a_weight_is_given_and_taken_back(api: Open) -> None:
    assert api.client.ask("PUT", f"{WEB1}/weight", {"weight": 0}).json["weight"] == 0
    assert {api.lb.ask(get()).get("server-name") for _ in range(12)} == {"web2", "web3"}
    found = api.client.get(WEB1).json
    assert (found["given"], found["weight_now"], found["weight"]) == (0, 0, 100)
    assert api.client.ask("PUT", f"{WEB1}/weight", {"weight": None}).json["weight"] == 100
    assert api.client.get(WEB1).json["given"] is None


def test_events_are_told_and_waited_for(api: Open) -> None:
    assert api.client.get("/api/v1/events").json == {"last": 0, "events": []}
    found: list[dict[str, object]] = []
    waiting = Thread(target=lambda: found.extend(api.client.get("/api/v1/events?wait=5").json["events"]))
    waiting.start()
    api.client.ask("PUT", f"{WEB1}/state", {"state": "maintenance"})
    waiting.join()
    assert [each["kind"] for each in found] == ["state"]
    assert api.client.get("/api/v1/events?after=1").json["events"] == []
    # Who has seen more of a process that was here before has seen none of this one.
    assert api.client.get("/api/v1/events?after=2").json["events"] == found


def test_what_is_counted_reads_as_prometheus_takes_it(api: Open) -> None:
    for _ in range(5):
        assert api.lb.ask(get()).status == 200
    answer = api.client.get("/metrics")
    assert answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    known = {metric.name.removesuffix("_total"): metric for metric in CATALOGUE}
    assert families.keys() == known.keys()
    for name, family in families.items():
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(known[name].labels)
    exchanges = families["equalizer_exchanges"].samples
    assert sum(sample.value for sample in exchanges) == 5


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("GET", "/api/v1/pools/shp", None, 404, "found no pool shp; write shop"),
        (
            "PUT",
            "/api/v1/pools/shop/servers/web9/state",
            {"state": "up"},
            404,
            "found no server web9 in pool shop; write web1 or web2 or web3",
        ),
        ("GET", "/nothing", None, 404, "found no /nothing; what there is, /api/v1/openapi.json says"),
        ("DELETE", "/api/v1/status", None, 405, "found DELETE /api/v1/status; write GET"),
        (
            "PUT",
            f"{WEB1}/state",
            {"state": "drained"},
            422,
            "state: found \"drained\"; it should be 'up', 'draining' or 'maintenance'",
        ),
        (
            "PUT",
            f"{WEB1}/state",
            {"state": "up", "deadline": "30m"},
            422,
            "found a deadline or idle time beside up; write them for draining only",
        ),
        (
            "PUT",
            f"{WEB1}/state",
            {"state": "draining", "deadline": "soon"},
            422,
            'found deadline "soon"; write a time from 1s to 720h, such as "30m"',
        ),
        (
            "PUT",
            f"{WEB1}/weight",
            {"weight": 257},
            422,
            "weight: found 257; it should be less than or equal to 256",
        ),
        ("PUT", f"{WEB1}/weight", {}, 422, "weight: found nothing; it is required"),
        (
            "PUT",
            f"{WEB1}/weight",
            {"weight": 1, "wait": 2},
            422,
            "wait: found a key that is not known here; leave it out",
        ),
        (
            "GET",
            "/api/v1/events?wait=60",
            None,
            422,
            'wait: found "60"; it should be less than or equal to 5',
        ),
        (
            "POST",
            "/api/v1/reload",
            None,
            409,
            "the configuration came from the config, not from a file; write it into a file and run that",
        ),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    api: Open, method: str, path: str, body: object, status: int, detail: str
) -> None:
    assert api.client.ask(method, path, body).problem(status) == detail


@pytest.mark.parametrize(
    ("content", "kind", "detail"),
    [
        ("{weight: 1}", "application/json", "found a body that is not JSON; write a JSON object"),
        ('{"weight": 1} 2', "application/json", "found a body that is not JSON; write a JSON object"),
        ("[1]", "application/json", "found [1]; write a JSON object"),
        (
            '{"weight": 1}',
            "application/x-www-form-urlencoded",
            "found a body that does not say what it is; write Content-Type: application/json",
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_told(api: Open, content: str, kind: str, detail: str) -> None:
    fields = {"Authorization": f"Bearer {api.client.token}", "Content-Type": kind}
    assert api.client.send("PUT", f"{WEB1}/weight", fields, content).problem(422) == detail


def test_a_body_that_no_parser_gets_through_is_told(api: Open) -> None:
    fields = {"Authorization": f"Bearer {api.client.token}", "Content-Type": "application/json"}
    found = api.client.send("PUT", f"{WEB1}/weight", fields, "[" * 100_000)
    assert found.problem(400) == "found a body that is not JSON; write a JSON object"


def test_a_defect_of_ours_is_told_as_one(api: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LookupError("what nobody thought of")

    monkeypatch.setattr(api.lb.service, "metrics", broken)
    said = "the request failed inside the running Equalizer; its log says why"
    assert api.client.get("/metrics").problem(500) == said
    assert api.client.get("/api/v1/status").status == 200


def test_the_description_names_what_there_is(api: Open) -> None:
    found = api.client.get("/api/v1/openapi.json").json
    assert set(found["paths"]) == {
        "/api/v1/status",
        "/api/v1/pools",
        "/api/v1/pools/{pool}",
        "/api/v1/pools/{pool}/servers",
        "/api/v1/pools/{pool}/servers/{server}",
        "/api/v1/pools/{pool}/servers/{server}/state",
        "/api/v1/pools/{pool}/servers/{server}/weight",
        "/api/v1/events",
        "/api/v1/reload",
        "/metrics",
    }
    operations = [each for path in found["paths"].values() for each in path.values()]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert all(each["responses"]["4XX"]["content"] == problem for each in operations)
    assert "Problem" in found["components"]["schemas"]
    assert found == api.client.get("/api/v1/openapi.json").json
    state = Draft202012Validator(found["components"]["schemas"]["State"])
    assert state.is_valid({"state": "draining", "deadline": "30m"})
    assert state.is_valid({"state": "up", "deadline": None})
    assert not state.is_valid({"state": "up", "deadline": "30m"})
    assert not state.is_valid({"state": "draining", "deadline": "soon"})
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
