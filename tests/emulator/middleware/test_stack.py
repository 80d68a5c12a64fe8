"""Middleware stack: probes, metrics, request IDs and the access log, which holds no secret."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.images import digest_of

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
SHOWN = {
    "time",
    "level",
    "request_id",
    "peer",
    "method",
    "site",
    "route",
    "path",
    "query",
    "status",
    "size",
    "duration_ms",
    "member",
    "reason",
    "user_agent",
}


def sample(url, name, **labels):
    """Returns the value of one metric, or None."""
    page = requests.get(f"{url}/metrics", timeout=30)
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for family in text_string_to_metric_families(page.text):
        for found in family.samples:
            if found.name == name and labels.items() <= found.labels.items():
                return found.value
    return None


def test_probes_say_that_the_server_lives_and_is_ready(gcr_emulator):
    def ask(path):
        answer = requests.get(f"{gcr_emulator.url}{path}", timeout=30)
        return answer.status_code, answer.json()

    assert ask("/healthz") == (200, {"status": "ok"})
    assert ask("/readyz") == (200, {"status": "ok", "storage": "ok"})
    head = requests.head(f"{gcr_emulator.url}/readyz", timeout=30)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("host", ["gcr.io", "eu.gcr.io.localhost:5000", "oauth2.googleapis.com"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_hide_nothing_of_the_hosts_that_google_has(gcr_emulator, host, path):
    answer = requests.get(f"{gcr_emulator.url}{path}", headers={"Host": host}, timeout=30)
    assert answer.status_code == 404


def test_metrics_count_requests_by_route_and_never_by_name(editor):
    labels = {"site": "local", "method": "GET", "route": "/v2/{name}/manifests/{reference}", "status": "200"}
    before = sample(editor.url, "gcr_emulator_requests_total", **labels) or 0
    editor.push_image(REPOSITORY, "secret-tag", b"x" * 100_000)
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    assert editor.call("GET", f"{PATH}/manifests/secret-tag", token=token).status_code == 200
    begun = editor.call("POST", f"{PATH}/blobs/uploads/", token=token).headers["Location"]
    editor.call("PATCH", begun, token=token, data=b"x")

    assert sample(editor.url, "gcr_emulator_requests_total", **labels) == before + 1
    assert sample(editor.url, "gcr_emulator_uploads_open") == 1
    assert sample(editor.url, "gcr_emulator_blobs") == 2
    assert sample(editor.url, "gcr_emulator_blob_bytes") > 100_000
    assert sample(editor.url, "gcr_emulator_storage_free_bytes") > 0
    assert sample(editor.url, "gcr_emulator_requests_in_flight") == 1
    assert sample(editor.url, "gcr_emulator_writes_total") > 0
    uploads = {"site": "local", "route": "/v2/{name}/blobs/uploads/", "method": "PATCH"}
    assert sample(editor.url, "gcr_emulator_request_bytes_total", **uploads) >= 100_000
    page = requests.get(f"{editor.url}/metrics", timeout=30).text
    assert [word for word in ("my-project", "secret-tag", "sha256:") if word in page] == []


def test_whole_file_counts_as_sent(editor):
    data = os.urandom(300_000)
    editor.push_blob(REPOSITORY, data)
    labels = {"site": "local", "method": "GET", "route": "/v2/{name}/blobs/{digest}"}
    before = sample(editor.url, "gcr_emulator_response_bytes_total", **labels) or 0
    assert editor.get(f"{PATH}/blobs/{digest_of(data)}").content == data
    assert sample(editor.url, "gcr_emulator_response_bytes_total", **labels) == before + len(data)


@pytest.mark.parametrize("path", ["/v2/", "/v1/projects", "/healthz", "/nothing"])
def test_every_answer_names_its_request(gcr_emulator, path):
    def ask(**headers):
        answer = requests.get(f"{gcr_emulator.url}{path}", headers=headers, timeout=30)
        return answer.headers["X-Request-Id"]

    made = {ask() for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch("[0-9a-f]{20}", name) for name in made)
    assert ask(**{"X-Request-Id": "trace/1:a.b_c=+-"}) == "trace/1:a.b_c=+-"
    for insane in ("a b", "x" * 129, "<script>", '"', "a\tb"):
        assert re.fullmatch("[0-9a-f]{20}", ask(**{"X-Request-Id": insane}))


@pytest.fixture
def logged(tmp_path, editor_of):
    """Yields a server that logs, and a function that stops it and returns its stderr."""
    command = [Path(sys.executable).parent / "gcr-emulator", "serve", "--port", "0", "--access-log"]
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "--data", tmp_path / "data"], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    ready = json.loads(process.stdout.readline())

    def stop():
        process.terminate()
        process.communicate(timeout=30)
        return log.read_text()

    yield editor_of(ready["url"]), ready, stop
    stop()


def test_log_tells_of_each_request_and_keeps_every_secret(logged):
    editor, ready, stop = logged
    operator = Path(ready["operator_token_file"]).read_text()
    key = base64.b64decode(editor.auth[1]).decode()
    token = editor.token(f"repository:{REPOSITORY}:pull,push")
    editor.push_image(REPOSITORY, "v1", b"layer")
    agent = {"User-Agent": "docker/28\u00e9\x1b[31m" + "x" * 2000, "X-Request-Id": "mine"}
    agent["User-Agent"] = agent["User-Agent"].replace("\x1b", "")
    secret_query = f"{PATH}/tags/list?n=5&access_token={token}&code=4%2Fsecret-code"
    answer = editor.call("GET", secret_query, token=token, headers=agent)
    requests.get(f"{ready['url']}/v1/projects", headers={"Authorization": f"Bearer {operator}"}, timeout=30)
    requests.post(f"{ready['url']}/token", data={"assertion": "secret-assertion"}, timeout=30)

    text = stop()

    lines = [json.loads(line) for line in text.splitlines()]
    assert [line for line in lines if set(line) != SHOWN] == []
    (line,) = [line for line in lines if line["request_id"] == "mine"]
    assert str(line.pop("time")).endswith("Z")
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "info",
        "request_id": "mine",
        "peer": "127.0.0.1",
        "method": "GET",
        "site": "local",
        "route": "/v2/{name}/tags/list",
        "path": f"{PATH}/tags/list",
        "query": {"n": ["5"]},
        "status": 200,
        "size": len(answer.content),
        "member": "serviceAccount:editor@my-project.iam.gserviceaccount.com",
        "reason": None,
        "user_agent": ("docker/28\u00e9[31m" + "x" * 2000)[:1024],
    }
    (listed,) = [line for line in lines if (line["path"], line["method"]) == ("/v1/projects", "GET")]
    assert listed["member"] == "user:operator@gcr-emulator.invalid"
    private_key = json.loads(key)["private_key"].splitlines()[1]
    secrets = [
        operator,
        editor.auth[1],
        private_key,
        token,
        "secret-code",
        "secret-assertion",
        "Bearer",
        "Basic",
    ]
    assert [secret for secret in secrets if secret in text] == []


def test_internal_error_is_logged_with_the_id_that_the_client_got(logged, tmp_path):
    editor, _, stop = logged
    data = b"x" * 100_000
    editor.push_blob(REPOSITORY, data)
    (path,) = (tmp_path / "data").glob("pieces/*/*")
    path.unlink()

    answer = editor.get(f"{PATH}/blobs/{digest_of(data)}")

    assert answer.status_code == 500
    lines = [json.loads(line) for line in stop().splitlines()]
    wanted = answer.headers["X-Request-Id"]
    error, request = [line for line in lines if line["request_id"] == wanted]
    assert (error["level"], request["level"], request["status"]) == ("error", "info", 500)
    assert f"internal error in request {wanted}\nTraceback" in error["message"]
    assert "FileNotFoundError" in error["message"]
