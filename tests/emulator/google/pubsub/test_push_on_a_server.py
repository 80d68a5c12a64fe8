"""Push subscriptions on a real server: the dispatcher sends what is published, also after a refusal."""

import base64
import json
from contextlib import closing
from typing import Any

import requests
from support.backing_services import serve
from support.servers.push_receiver import PushReceiver

from docker_credential_gcr.emulator.settings import Settings

V1 = "/v1/projects/my-project"


def call(url: str, method: str, path: str, body: object) -> Any:
    reply = requests.request(method, f"{url}{V1}/{path}", json=body, timeout=30, proxies={"http": ""})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_what_is_published_is_pushed_once_more_after_a_refusal() -> None:
    with serve(Settings(port=0, projects=("my-project",))) as ready, closing(PushReceiver()) as receiver:
        receiver.statuses = [500, 200, 200]
        push = {"pushConfig": {"pushEndpoint": receiver.url}}
        call(ready.url, "PUT", "topics/news", {})
        call(ready.url, "PUT", "subscriptions/builds", {"topic": "projects/my-project/topics/news", **push})
        for text in (b"a", b"b"):
            data = base64.b64encode(text).decode()
            call(ready.url, "POST", "topics/news:publish", {"messages": [{"data": data}]})
        received = [json.loads(receiver.wait().body)["message"]["data"] for _ in range(3)]

    assert sorted(set(received)) == ["YQ==", "Yg=="]


def test_an_endpoint_that_hangs_delays_no_other_subscription() -> None:
    with serve(Settings(port=0, projects=("my-project",))) as ready, closing(PushReceiver()) as receiver:
        call(ready.url, "PUT", "topics/news", {})
        for name in ("hang", "fast"):
            push = {"pushConfig": {"pushEndpoint": f"{receiver.url}/{name}"}}
            body = {"topic": "projects/my-project/topics/news", **push}
            call(ready.url, "PUT", f"subscriptions/{name}", body)
        messages = [{"data": base64.b64encode(text).decode()} for text in (b"a", b"b")]
        call(ready.url, "POST", "topics/news:publish", {"messages": messages})

        # The receiver answers /hang after it has answered /fast twice.
        assert [receiver.wait().path for _ in range(3)].count("/fast") >= 2
