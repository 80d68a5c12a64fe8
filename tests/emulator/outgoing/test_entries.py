"""T15: what an attacker writes as the URL of a webhook or of a push subscription, on a server."""

import json
from contextlib import closing

import pytest
import requests
from support.servers.push_receiver import PushReceiver

LIMIT_S = 60
V1 = "/v1/projects/my-project"
APP = "my-project/app"
# Addresses in the spellings that a resolver takes, and URLs that show one host and mean another.
FORBIDDEN = {
    "metadata": "http://169.254.169.254/computeMetadata/v1/",
    "metadata in hex": "http://0xa9fea9fe/",
    "metadata as a number": "http://2852039166/",
    "metadata in IPv6": "http://[::ffff:169.254.169.254]/",
    "link-local": "http://[fe80::1]/",
    "any address": "http://0.0.0.0/",
    "private": "http://10.0.0.1/",
    "another host's address": "http://192.0.2.1/",
    "user": "http://localhost@192.0.2.1/",
    "fragment": "http://192.0.2.1#@localhost/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://localhost:70/",
    "new line": "http://localhost/\r\nX: y",
}


@pytest.fixture
def entries(gcr_emulator):
    """Returns, for each kind of entry, a function that makes one for a URL and returns status and body."""
    gcr_emulator.project()

    def send(method, path, body):
        answer = requests.request(method, f"{gcr_emulator.url}{path}", json=body, timeout=LIMIT_S)
        return answer.status_code, answer.json()

    def make_subscription(url):
        body = {"topic": "projects/my-project/topics/gcr", "pushConfig": {"pushEndpoint": url}}
        return send("PUT", f"{V1}/subscriptions/builds", body)

    yield {
        "webhook": lambda url: send("POST", "/_emulator/webhooks", {"url": url}),
        "push endpoint": make_subscription,
    }
    for each in send("GET", "/_emulator/webhooks", None)[1]["webhooks"]:
        requests.delete(f"{gcr_emulator.url}/_emulator/webhooks/{each['id']}", timeout=LIMIT_S)


@pytest.mark.parametrize("name", FORBIDDEN)
@pytest.mark.parametrize("kind", ["webhook", "push endpoint"])
def test_t15_a_forbidden_url_is_refused_when_it_is_set(entries, kind, name):
    status, document = entries[kind](FORBIDDEN[name])

    assert status == 400
    told = json.dumps(document)
    assert "passwd" not in told
    assert "computeMetadata" not in told


@pytest.mark.parametrize("kind", ["webhook", "push endpoint"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_t15_a_redirect_is_a_refusal_and_is_not_followed(entries, editor, kind, status):
    with closing(PushReceiver()) as victim, closing(PushReceiver(location=victim.url)) as receiver:
        receiver.statuses = [status]
        assert entries[kind](receiver.url)[0] in (200, 201)
        editor.push_image(APP, "v1", b"layer")
        receiver.wait()
        # A push subscription tries again at once, a webhook after a second of the clock.
        if kind == "push endpoint":
            receiver.wait()

    assert victim.requests == []
