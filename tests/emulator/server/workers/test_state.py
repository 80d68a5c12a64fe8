"""State of a server with workers: the same whichever worker answers."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.images import digest_of

REPOSITORY = "my-project/app"
SCOPE = f"repository:{REPOSITORY}:pull,push"


@pytest.fixture(params=["first", "other"])
def two(request, pair):
    """Returns the worker that gets the change, and the one that must see it."""
    return pair if request.param == "first" else pair[::-1]


def sample(emulator, name, **labels):
    """Returns the value of one of the metrics."""
    page = requests.get(f"{emulator.url}/metrics", timeout=30).text
    (found,) = (
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if (sample.name, sample.labels) == (f"gcr_emulator_{name}", labels)
    )
    return found


def ping(emulator):
    return requests.get(f"{emulator.url}/v2/", timeout=30).status_code


def test_faults_and_clock_are_everywhere_once_they_are_acknowledged(workers, pair, emulator):
    emulator.faults.set({"path": "/v2/", "status": 418})
    emulator.clock.set(1_800_000_000)
    for pid in pair:
        with workers.only(pid):
            assert ping(emulator) == 418
            assert [entry["time"] for entry in emulator.journal()[-2:]] == [1_800_000_000] * 2
    emulator.faults.clear()
    emulator.clock.shift(0)
    for pid in pair:
        with workers.only(pid):
            assert ping(emulator) == 401
            assert emulator.journal()[-1]["time"] != 1_800_000_000


def test_machine_is_everywhere_once_it_is_acknowledged(workers, pair, emulator):
    def name():
        url = f"{emulator.url}/computeMetadata/v1/instance/name"
        answer = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=30)
        return answer.status_code, answer.text if answer.ok else None

    emulator.metadata.set(project="my-project", name="vm-1")
    for pid in pair:
        with workers.only(pid):
            assert name() == (200, "vm-1")
    emulator.metadata.clear()
    for pid in pair:
        with workers.only(pid):
            assert name() == (404, None)


def test_machine_of_another_worker_answers_a_request_that_waits_for_it(workers, two, emulator):
    url = f"{emulator.url}/computeMetadata/v1/instance/attributes/color?wait_for_change=true&timeout_sec=60"
    emulator.metadata.set(project="my-project", attributes={"color": "blue"})
    with ThreadPoolExecutor(1) as pool:
        with workers.only(two[0]):
            waiting = pool.submit(requests.get, url, headers={"Metadata-Flavor": "Google"}, timeout=90)
            while "/attributes/color" not in [entry["path"][-17:] for entry in emulator.journal()]:
                assert not waiting.done()
        with workers.only(two[1]):
            emulator.metadata.set(project="my-project", attributes={"color": "green"})
        assert waiting.result().text == "green"


def test_fault_for_some_requests_meets_as_many_of_all_workers(emulator):
    emulator.faults.set({"path": "/v2/", "status": 418, "times": 7})
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ping(emulator), range(60)))
    assert sorted(statuses) == [401] * 53 + [418] * 7


def test_what_a_fault_delays_continues_in_every_worker_when_it_is_removed(emulator):
    emulator.faults.set({"path": "/v2/", "delay_s": 60})
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(ping, emulator) for _ in range(8)]
        # The request for the metrics is in flight as well.
        while sample(emulator, "requests_in_flight") < len(held) + 1:
            assert not any(request.done() for request in held)
        emulator.faults.clear()
        assert [request.result() for request in held] == [401] * 8


def test_journal_is_that_of_the_worker_which_answers(workers, pair, emulator):
    emulator.reset()
    for number, pid in enumerate(pair):
        with workers.only(pid):
            requests.get(f"{emulator.url}/v2/", params={"n": number}, timeout=30)
            seen = [(entry["query"], entry["status"]) for entry in emulator.journal()]
            assert seen == [({"n": [str(number)]}, 401), ({}, None)]


def test_journal_in_the_database_tells_of_every_worker_in_order(start, emulator_of):
    workers = start("--project", "my-project", "--journal")
    pair = (workers.first, *workers.others)
    emulator = emulator_of(workers)
    emulator.reset()
    for number, pid in enumerate((*pair, *pair)):
        with workers.only(pid):
            requests.get(f"{emulator.url}/v2/", params={"n": number}, timeout=30)
    entries = [
        ("/_emulator/reset", {}, 204),
        *(("/v2/", {"n": [str(number)]}, 401) for number in range(4)),
    ]
    for pid in pair:
        with workers.only(pid):
            assert [(e["path"], e["query"], e["status"]) for e in emulator.journal()] == entries
            entries.append(("/_emulator/journal", {}, 200))
    emulator.reset()
    assert [entry["path"] for entry in emulator.journal()] == ["/_emulator/reset"]


def test_any_worker_tells_the_metrics_of_all(workers, pair, emulator):
    labels = {"site": "local", "method": "GET", "route": "/v2/", "status": "401"}
    for pid in (*pair, *pair, *pair):
        with workers.only(pid):
            assert ping(emulator) == 401
    # A request is counted after its response, which the client may receive earlier.
    while sample(emulator, "requests_total", **labels) < 6 or sample(emulator, "requests_in_flight") > 1:
        continue
    for pid in pair:
        with workers.only(pid):
            assert sample(emulator, "requests_total", **labels) == 6
            assert sample(emulator, "writes_total") > 0


def test_what_a_dead_worker_was_doing_is_no_longer_in_flight(workers, pair, emulator):
    labels = {"site": "local", "method": "GET", "route": "/v2/", "status": "401"}
    with workers.only(pair[1]):
        assert ping(emulator) == 401
        # It is counted when it is no longer in flight, which may be after the client has its response.
        while sample(emulator, "requests_in_flight") > 1:
            continue
    emulator.faults.set({"path": "/v2/", "delay_s": 60})
    with ThreadPoolExecutor(1) as pool:
        with workers.only(pair[1]):
            held = pool.submit(ping, emulator)
            # The request for the metrics is in flight as well.
            while sample(emulator, "requests_in_flight") < 2:
                assert not held.done()
        os.kill(pair[1], signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            held.result()
    while sample(emulator, "requests_in_flight") > 1:
        continue
    # The dead worker's earlier request still counts.
    assert sample(emulator, "requests_total", **labels) == 1


def test_reset_forgets_for_all(workers, pair, emulator, editor):
    editor.push_image(REPOSITORY, "v1", b"layer")
    emulator.faults.set({"path": "/v2/", "status": 418})
    emulator.clock.set(1_800_000_000)
    emulator.reset()
    for pid in pair:
        with workers.only(pid):
            assert [entry["path"] for entry in emulator.journal()] == ["/_emulator/journal"]
            assert ping(emulator) == 401
            assert editor.ask_token(SCOPE).status_code == 401


def test_moved_tag_is_moved_for_who_remembered_it(workers, two, editor):
    old = editor.push_image(REPOSITORY, "v1", b"old")
    token = editor.token(SCOPE)
    with workers.only(two[1]):
        assert pull(editor, token) == old
    with workers.only(two[0]):
        new = editor.push_image(REPOSITORY, "v1", b"new")
    with workers.only(two[1]):
        assert pull(editor, token) == new


def pull(editor, token):
    answer = editor.call("GET", f"/v2/{REPOSITORY}/manifests/v1", token=token)
    return digest_of(answer.content)


def test_right_that_was_taken_is_refused_by_who_remembered_it(workers, two, emulator, editor):
    editor.push_image(REPOSITORY, "v1", b"layer")
    token = editor.token(SCOPE)
    with workers.only(two[1]):
        assert editor.call("GET", f"/v2/{REPOSITORY}/manifests/v1", token=token).status_code == 200
    with workers.only(two[0]):
        policy = {"policy": {"bindings": []}}
        emulator.session.post(f"{emulator.url}/v1/projects/my-project:setIamPolicy", json=policy, timeout=30)
    with workers.only(two[1]):
        assert editor.call("GET", f"/v2/{REPOSITORY}/manifests/v1", token=token).status_code == 403


@pytest.mark.parametrize("size", [1_000, 200_000])
def test_upload_continues_at_another_worker(workers, pair, editor, size):
    parts = [bytes([number]) * size for number in range(4)]
    token = editor.token(SCOPE)
    location = editor.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token).headers["Location"]
    for part, pid in zip(parts, (*pair, *pair), strict=True):
        with workers.only(pid):
            answer = editor.call("PATCH", location, token=token, data=part)
            assert (answer.status_code, answer.text) == (202, "")
        location = answer.headers["Location"]
    whole = b"".join(parts)
    digest = digest_of(whole)
    with workers.only(pair[0]):
        assert editor.call("PUT", f"{location}?digest={digest}", token=token).status_code == 201
    with workers.only(pair[1]):
        assert editor.call("GET", f"/v2/{REPOSITORY}/blobs/{digest}", token=token).content == whole


def test_of_two_requests_at_one_location_one_gets_through_whichever_workers_have_them(workers, two, editor):
    token = editor.token(SCOPE)
    start = editor.call("POST", f"/v2/{REPOSITORY}/blobs/uploads/", token=token).headers["Location"]
    begun, go_on, answers = threading.Event(), threading.Event(), []

    def body():
        yield b"x" * 600_000
        begun.set()
        go_on.wait(60)
        yield b"y" * 600_000

    def send():
        answers.append(editor.call("PATCH", start, token=token, data=body()))

    slow = threading.Thread(target=send)
    with workers.only(two[0]):
        slow.start()
        assert begun.wait(60)
        # The first PATCH has begun: the same worker answers this request after it.
        assert editor.call("GET", start, token=token).headers["Range"] == "0-0"
    with workers.only(two[1]):
        first = editor.call("PATCH", start, token=token, data=b"z")
    go_on.set()
    slow.join(60)
    assert (first.status_code, first.headers["Range"]) == (202, "0-0")
    (refused,) = answers
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "BLOB_UPLOAD_UNKNOWN")
    with workers.only(two[0]):
        assert editor.call("PATCH", start, token=token, data=b"z").status_code == 404
        url = f"{first.headers['Location']}?digest={digest_of(b'z')}"
        assert editor.call("PUT", url, token=token).status_code == 201
    # The bytes of the refused request are deleted before its response.
    assert list(Path(workers.ready["data"]).glob("pieces/*/*")) == []
