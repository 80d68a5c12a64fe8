"""GET /_emulator/events as JSON and as server-sent events, and the fixture's calls; row N16 by number."""

import json
import os
import signal

import pytest
import requests

WAIT_S = 30
APP = "my-project/app"


def get(gcr_emulator, **query):
    return requests.get(f"{gcr_emulator.url}/_emulator/events", params=query, timeout=WAIT_S)


@pytest.fixture
def stream(gcr_emulator):
    """Returns a function that opens a stream, and yields its blocks of lines."""
    opened = []

    def open_stream(*, last=None, url=gcr_emulator.url, **query):
        headers = {"Accept": "text/event-stream", **({} if last is None else {"Last-Event-ID": str(last)})}
        answer = requests.get(
            f"{url}/_emulator/events", params=query, headers=headers, stream=True, timeout=WAIT_S
        )
        opened.append(answer)
        return answer, read_blocks(answer)

    yield open_stream
    for answer in opened:
        answer.close()


def read_blocks(answer):
    """Yields the fields of each block; a comment is a field without a name."""
    fields = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        elif fields:
            yield fields
            fields = {}


def test_an_event_has_what_the_page_shows(gcr_emulator, editor):
    gcr_emulator.clock.set(1_767_225_600.5)
    digest = editor.push_image(APP, "v1", b"layer")
    (event,) = gcr_emulator.events()
    size = event.pop("size")
    assert event == {
        "id": event["id"],
        "time": 1_767_225_600.5,
        "action": "INSERT",
        "project": "my-project",
        "service": "containerregistry.googleapis.com",
        "repository": f"gcr.io/{APP}",
        "digest": digest,
        "tag": "v1",
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "member": "serviceAccount:editor@my-project.iam.gserviceaccount.com",
        "message": {
            "action": "INSERT",
            "digest": f"gcr.io/{APP}@{digest}",
            "tag": f"gcr.io/{APP}:v1",
        },
    }
    assert size > 100


def test_pages_follow_each_other_and_one_project_is_alone(gcr_emulator, editor, connect):
    for tag in ("v1", "v2", "v3"):
        editor.push_image(APP, tag, b"layer")
    gcr_emulator.project("other-project")
    connect(project="other-project").push_image("other-project/app", "x", b"layer")
    first = get(gcr_emulator, limit=2).json()
    assert [event["tag"] for event in first["events"]] == ["v1", "v2"]
    second = get(gcr_emulator, after=first["last"]).json()
    assert [event["tag"] for event in second["events"]] == ["v3", "x"]
    assert get(gcr_emulator, after=second["last"]).json() == {"events": [], "last": second["last"]}
    assert [event["tag"] for event in gcr_emulator.events("other-project")] == ["x"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"limit": 0}, "limit is a number from 1 to 1000"),
        ({"limit": 1001}, "limit is a number from 1 to 1000"),
        ({"after": "-1"}, "after is a whole number, not '-1'"),
        ({"after": "9" * 19}, f"after is a whole number, not '{'9' * 19}'"),
        ({"since": 1}, "unknown parameter 'since': known are project, after, limit"),
    ],
)
def test_a_wrong_query_is_refused(gcr_emulator, query, text):
    answer = get(gcr_emulator, **query)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


def test_an_id_of_events_that_are_gone_begins_again(gcr_emulator, editor):
    editor.push_image(APP, "v1", b"layer")
    last = get(gcr_emulator).json()["last"]
    answer = get(gcr_emulator, after=last + 1000).json()
    assert (answer["reset"], [event["tag"] for event in answer["events"]]) == (True, ["v1"])
    gcr_emulator.reset()
    assert get(gcr_emulator).json() == {"events": [], "last": 0}


def test_a_failure_lists_what_happened_instead(gcr_emulator, editor):
    with pytest.raises(AssertionError) as empty:
        gcr_emulator.wait_for_event(tag="v2", timeout_s=0)
    assert str(empty.value) == "no event tag='v2' within 0 s; nothing happened to any image"
    digest = editor.push_image(APP, "v1", b"layer")
    assert gcr_emulator.wait_for_event(action="INSERT", repository=f"gcr.io/{APP}")["digest"] == digest
    with pytest.raises(AssertionError) as failure:
        gcr_emulator.wait_for_event(tag="v2", timeout_s=0)
    message = gcr_emulator.events()[0]["message"]
    assert str(failure.value) == (
        f"no event tag='v2' within 0 s; the last of 1 events:\n  {json.dumps(message)}"
    )


def test_n16_a_stream_shows_changes_as_they_come(gcr_emulator, editor, stream):
    editor.push_image(APP, "before", b"layer")
    answer, blocks = stream()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == ("no", "no-store")
    assert next(blocks) == {"": "events"}
    editor.push_image(APP, "v1", b"layer")
    shown = next(blocks)
    event = gcr_emulator.wait_for_event(tag="v1")
    assert (shown["id"], json.loads(shown["data"])) == (str(event["id"]), event)


def test_n16_a_client_that_connects_again_gets_what_came_between(gcr_emulator, editor, stream):
    for tag in ("v1", "v2"):
        editor.push_image(APP, tag, b"layer")
    first, second = gcr_emulator.events()
    _, blocks = stream(last=first["id"])
    assert [next(blocks), next(blocks)] == [
        {"": "events"},
        {"id": str(second["id"]), "data": json.dumps(second)},
    ]
    _, blocks = stream(last=second["id"] + 1000)
    found = [next(blocks) for _ in range(4)]
    assert [block.get("event") for block in found] == [None, "reset", None, None]
    assert [block.get("id") for block in found[2:]] == [str(first["id"]), str(second["id"])]


def test_n16_a_stream_goes_on_after_a_reset(gcr_emulator, editor_of, editor, stream):
    editor.push_image(APP, "before", b"layer")
    _, blocks = stream()
    assert next(blocks) == {"": "events"}
    gcr_emulator.reset()
    assert next(blocks)["event"] == "reset"
    digest = editor_of(gcr_emulator.url).push_image(APP, "v1", b"layer")
    assert json.loads(next(blocks)["data"])["digest"] == digest


def test_n16_a_stream_ends_when_the_server_stops(tmp_path, stream, make_server):
    server = make_server(tmp_path / "data", "--port", "0", "--project", "my-project")
    assert server.start()
    _, blocks = stream(url=server.ready["url"])
    assert next(blocks) == {"": "events"}
    os.kill(server.ready["pid"], signal.SIGTERM)
    assert list(blocks) == []


def test_only_the_operator_may_watch(gcr_emulator):
    answer = requests.get(
        f"{gcr_emulator.url}/_emulator/events", headers={"X-Forwarded-For": "192.0.2.1"}, timeout=WAIT_S
    )
    assert answer.status_code == 401
