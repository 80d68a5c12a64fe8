"""Webhooks at /_emulator/webhooks, on a server with a real receiver; rows N3, N8, N9 and N10 by number."""

import hashlib
import hmac
import json
import time
from contextlib import closing

import pytest
import requests
from support.servers.push_receiver import PushReceiver

APP = "my-project/app"
LIMIT_S = 60
YEAR_S = 365 * 24 * 3600


@pytest.fixture
def receiver():
    with closing(PushReceiver()) as receiver:
        yield receiver


@pytest.fixture
def webhooks(gcr_emulator):
    """Returns a function that sends a request below /_emulator/webhooks; deletes all at the end."""

    def call(method, path="", body=None):
        url = f"{gcr_emulator.url}/_emulator/webhooks{path}"
        answer = requests.request(method, url, json=body, timeout=LIMIT_S)
        return answer.status_code, answer.json() if answer.content else None

    yield call
    for each in call("GET")[1]["webhooks"]:
        call("DELETE", f"/{each['id']}")


def create(webhooks, receiver, path="", **members):
    status, document = webhooks("POST", body={"url": receiver.url + path, **members})
    assert status == 201, document
    return document["id"]


def wait_for(find, wanted):
    """Returns what `find` returns once it is `wanted`."""
    deadline = time.monotonic() + LIMIT_S
    while (found := find()) != wanted:
        assert time.monotonic() < deadline, found
    return found


def states(webhooks, name, query=""):
    found = webhooks("GET", f"/{name}/deliveries{query}")[1]["deliveries"]
    return [(each["event"].get("tag"), each["state"], each["attempts"]) for each in found]


def test_a_webhook_is_created_with_defaults_listed_and_deleted(webhooks, gcr_emulator, receiver):
    gcr_emulator.clock.set(1_767_225_600)
    status, document = webhooks("POST", body={"url": receiver.url})
    name = document.pop("id")

    assert (status, document) == (
        201,
        {
            "url": receiver.url,
            "events": ["insert", "delete"],
            "format": "docker",
            "signed": False,
            "created": "2026-01-01T00:00:00Z",
        },
    )
    assert webhooks("GET") == (200, {"webhooks": [{"id": name, **document}]})
    assert webhooks("DELETE", f"/{name}") == (204, None)
    assert webhooks("GET") == (200, {"webhooks": []})


def test_a_secret_is_never_shown(webhooks, receiver):
    create(webhooks, receiver, secret="geheim", project="my-project", events=["delete"])

    (document,) = webhooks("GET")[1]["webhooks"]
    assert (document["signed"], document["project"], document["events"]) == (True, "my-project", ["delete"])
    assert "geheim" not in json.dumps(document)


REFUSED = {
    "no object": ([], "the body is not a JSON object"),
    "unknown field": (
        {"adress": 1},
        "unknown field 'adress': known are url, project, events, format, secret",
    ),
    "no URL": ({}, "url is not a URL of at most 2048 characters"),
    "long URL": ({"url": "http://localhost/" + "a" * 2048}, "url is not a URL of at most 2048 characters"),
    "project": (
        {"url": "URL", "project": "My Project"},
        "project is not the ID of a project, such as my-project",
    ),
    "no events": ({"url": "URL", "events": []}, "events is not a list of some of insert, delete"),
    "other event": ({"url": "URL", "events": [["x"]]}, "events is not a list of some of insert, delete"),
    "format": ({"url": "URL", "format": "xml"}, "format is not one of docker, cloudevents"),
    "secret": ({"url": "URL", "secret": "a\nb"}, "secret is not a line of 1 to 1024 characters"),
    "link-local": (
        {"url": "http://169.254.169.254/"},
        "169.254.169.254 has the address 169.254.169.254, which gcr-emulator never sends requests to: "
        "name another host",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_webhook_that_is_wrong_is_refused_with_the_reason(webhooks, receiver, name):
    body, reason = REFUSED[name]
    if isinstance(body, dict) and body.get("url") == "URL":
        body = {**body, "url": receiver.url}

    assert webhooks("POST", body=body) == (400, {"error": reason})
    assert webhooks("GET") == (200, {"webhooks": []})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/5f0c"),
        ("POST", "/5f0c:test"),
        ("GET", "/5f0c/deliveries"),
        ("POST", "/5f0c:redeliver"),
    ],
)
def test_a_webhook_that_does_not_exist_is_404(webhooks, method, path):
    body = {"failed": True} if path.endswith("redeliver") else None

    error = "there is no webhook '5f0c': `gcr-emulator webhook list` lists them"
    assert webhooks(method, path, body) == (404, {"error": error})


def test_n8_a_push_is_told_in_the_form_of_docker_distribution(webhooks, receiver, editor):
    name = create(webhooks, receiver)
    digest = editor.push_image(APP, "v1", b"layer")
    request = receiver.wait()

    (event,) = json.loads(request.body)["events"]
    assert request.headers["content-type"] == "application/vnd.docker.distribution.events.v2+json"
    assert (event["action"], event["target"]["digest"], event["target"]["tag"]) == ("push", digest, "v1")
    assert request.headers["x-gcr-emulator-delivery"] == event["id"]
    assert "x-gcr-emulator-signature" not in request.headers
    wait_for(lambda: states(webhooks, name), [("v1", "delivered", 1)])


def test_events_of_other_projects_and_other_actions_are_not_told(webhooks, receiver, editor):
    create(webhooks, receiver, "/other", project="other-project")
    create(webhooks, receiver, "/deletions", events=["delete"], format="cloudevents")
    digest = editor.push_image(APP, "v1", b"layer")
    editor.delete(f"/v2/{APP}/manifests/v1")
    request = receiver.wait()

    document = json.loads(request.body)
    assert (request.path, document["type"]) == ("/deletions", "gcr-emulator.image.delete")
    assert document["subject"] == f"gcr.io/{APP}:v1"
    assert digest not in document["subject"]


def test_n10_each_attempt_is_signed_anew_and_has_the_same_id(webhooks, receiver, editor, gcr_emulator):
    name = create(webhooks, receiver, secret="geheim")
    receiver.statuses = [500]
    gcr_emulator.clock.shift(YEAR_S)  # signatures carry the machine's time
    editor.push_image(APP, "v1", b"layer")
    first = receiver.wait()
    wait_for(lambda: states(webhooks, name), [("v1", "waiting", 1)])
    gcr_emulator.clock.shift(YEAR_S + 2)
    second = receiver.wait()

    assert first.body == second.body
    assert first.headers["x-gcr-emulator-delivery"] == second.headers["x-gcr-emulator-delivery"]
    for request in (first, second):
        instant, _, signature = request.headers["x-gcr-emulator-signature"].partition(",v1=")
        seconds = int(instant.removeprefix("t="))
        assert abs(time.time() - seconds) < 10 * LIMIT_S
        message = b"%d.%b" % (seconds, request.body)
        assert hmac.compare_digest(hmac.new(b"geheim", message, hashlib.sha256).hexdigest(), signature)


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_n9_any_other_answer_than_2xx_is_a_failed_attempt(webhooks, receiver, editor, gcr_emulator, status):
    # The clock stands: the next attempt is due when it is turned.
    gcr_emulator.clock.set(1_767_225_600)
    receiver.statuses = [status, 201]
    name = create(webhooks, receiver)
    editor.push_image(APP, "v1", b"layer")
    receiver.wait()

    def list_waiting():
        found = webhooks("GET", f"/{name}/deliveries?state=waiting")[1]["deliveries"]
        return [(each["attempts"], each.get("status"), each.get("error")) for each in found]

    wait_for(list_waiting, [(1, status, f"the receiver answered {status}")])
    gcr_emulator.clock.set(1_767_225_602)
    receiver.wait()
    wait_for(lambda: states(webhooks, name), [("v1", "delivered", 2)])


def test_n9_410_disables_the_webhook_until_a_test_is_accepted(webhooks, receiver, editor):
    receiver.statuses = [410, 500, 200]
    name = create(webhooks, receiver)
    editor.push_image(APP, "v1", b"layer")
    receiver.wait()
    wait_for(lambda: states(webhooks, name), [("v1", "failed", 1)])
    editor.push_image(APP, "v2", b"layer 2")
    assert states(webhooks, name) == [("v1", "failed", 1)]

    reason = "the receiver answered 410 Gone"
    assert webhooks("GET")[1]["webhooks"][0]["disabled"] == reason
    status, document = webhooks("POST", f"/{name}:redeliver", {"failed": True})
    assert (status, document["error"].partition(":")[0]) == (
        400,
        f"the webhook is disabled, because {reason}",
    )
    assert webhooks("POST", f"/{name}:test") == (502, {"error": "the receiver answered 500"})
    assert webhooks("POST", f"/{name}:test") == (200, {"status": 200})
    assert "disabled" not in webhooks("GET")[1]["webhooks"][0]
    assert states(webhooks, name) == [("v1", "failed", 1)]
    assert webhooks("POST", f"/{name}:redeliver", {"failed": True}) == (200, {"redelivered": 1})
    wait_for(lambda: states(webhooks, name), [("v1", "delivered", 1)])


def test_n3_a_receiver_that_hangs_delays_no_other_webhook(webhooks, receiver, editor):
    create(webhooks, receiver, "/hang")
    create(webhooks, receiver, "/fast")
    for tag in ("v1", "v2"):
        editor.push_image(APP, tag, tag.encode())

    # The receiver answers /hang after it has answered /fast twice.
    assert [receiver.wait().path for _ in range(3)] == ["/fast", "/fast", "/hang"]


def test_a_delivery_that_was_made_can_be_made_again(webhooks, receiver, editor):
    name = create(webhooks, receiver)
    editor.push_image(APP, "v1", b"layer")
    first = receiver.wait()
    delivery = first.headers["x-gcr-emulator-delivery"]
    wait_for(lambda: states(webhooks, name), [("v1", "delivered", 1)])

    assert webhooks("POST", f"/{name}:redeliver", {"deliveries": [delivery, "none"]}) == (
        200,
        {"redelivered": 1},
    )
    assert receiver.wait().body == first.body
    wait_for(lambda: states(webhooks, name, "?state=delivered"), [("v1", "delivered", 1)])


WRONG = {
    "state": ("GET", "/deliveries?state=late"),
    "query": ("GET", "/deliveries?failed=1"),
    "nothing": ("POST", ":redeliver"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_query_or_a_body_that_is_wrong_is_refused(webhooks, receiver, name):
    webhook = create(webhooks, receiver)
    method, path = WRONG[name]
    status, document = webhooks(method, f"/{webhook}{path}", {} if method == "POST" else None)

    expected = {
        "GET": "the query is not state=STATE, where STATE is one of waiting, delivered, failed",
        "POST": 'expected {"deliveries": [ID, …]} or {"failed": true}',
    }
    assert (status, document) == (400, {"error": expected[method]})


def test_at_most_a_hundred_webhooks_are_possible(webhooks, receiver):
    for _ in range(100):
        create(webhooks, receiver)

    error = "there are 100 webhooks, and no more are possible: delete one first"
    assert webhooks("POST", body={"url": receiver.url}) == (409, {"error": error})
