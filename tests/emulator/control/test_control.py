"""Control API: journal, faults, clock and reset, and the callers that may use them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests


def call(gcr_emulator, method, name, **options):
    return requests.request(method, f"{gcr_emulator.url}/_emulator/{name}", timeout=30, **options)


def test_health_says_that_the_server_answers(gcr_emulator):
    from docker_credential_gcr import __version__

    assert call(gcr_emulator, "GET", "health").json() == {"status": "ok", "version": __version__}


def test_journal_tells_requests_without_their_secrets(gcr_emulator):
    gcr_emulator.clock.set(1_800_000_000)
    before = len(gcr_emulator.journal())
    path = "/v2/token?service=gcr.io&scope=repository:p/i:pull&password=hunter2"
    requests.get(gcr_emulator.url + path, auth=("_token", "hunter2"), timeout=30)
    assert gcr_emulator.journal()[before:-1] == [
        {
            "time": 1_800_000_000,
            "method": "GET",
            "host": gcr_emulator.registry,
            "path": "/v2/token",
            "query": {"service": ["gcr.io"], "scope": ["repository:p/i:pull"]},
            "status": 401,
        }
    ]


def test_fault_meets_its_requests_so_many_times(gcr_emulator):
    gcr_emulator.faults.set(
        {
            "method": "GET",
            "path": "/v2/",
            "status": 503,
            "body": "busy",
            "headers": {"Retry-After": "7"},
            "times": 2,
        }
    )
    answers = [requests.get(f"{gcr_emulator.url}/v2/", timeout=30) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 401]
    assert (answers[0].text, answers[0].headers["Retry-After"]) == ("busy", "7")


def test_fault_for_everything_can_be_lifted(gcr_emulator):
    gcr_emulator.faults.set({"status": 500})
    assert requests.post(f"{gcr_emulator.url}/token", timeout=30).status_code == 500
    gcr_emulator.faults.clear()
    assert requests.post(f"{gcr_emulator.url}/token", timeout=30).status_code == 400


def test_what_a_fault_delays_continues_when_it_is_removed(gcr_emulator):
    gcr_emulator.faults.set({"path": "/v2/", "status": 503, "delay_s": 60})
    with ThreadPoolExecutor() as pool:
        held = pool.submit(requests.get, f"{gcr_emulator.url}/v2/", timeout=30)
        while ("/v2/", None) not in [(entry["path"], entry["status"]) for entry in gcr_emulator.journal()]:
            assert not held.done()
        gcr_emulator.faults.clear()
        assert held.result().status_code == 503


def test_clock_stands_where_it_is_set_and_runs_where_it_is_shifted(gcr_emulator):
    assert call(gcr_emulator, "PUT", "clock", json={"now": 5}).json() == {"now": 5}
    ahead = call(gcr_emulator, "PUT", "clock", json={"offset_s": 3600}).json()["now"]
    assert 3500 < ahead - time.time() < 3700


def test_reset_forgets_images_projects_faults_and_time(gcr_emulator, editor):
    editor.push_image("my-project/app", "v1", b"x" * 100_000)
    gcr_emulator.clock.set(5)
    gcr_emulator.faults.set({"path": "/v2/*", "status": 500})
    gcr_emulator.reset()
    assert requests.get(f"{gcr_emulator.url}/v1/projects", timeout=30).json() == {}
    assert requests.get(f"{gcr_emulator.url}/v2/", timeout=30).status_code == 401
    assert abs(call(gcr_emulator, "PUT", "clock", json={"offset_s": 0}).json()["now"] - time.time()) < 100
    assert editor.ask_token("repository:my-project/app:pull").status_code == 401


def test_the_machine_of_the_metadata_server_is_shown_as_it_is(gcr_emulator):
    absent = {"error": "there is no metadata server: PUT an instance here"}
    assert (
        call(gcr_emulator, "GET", "metadata").status_code,
        call(gcr_emulator, "GET", "metadata").json(),
    ) == (
        404,
        absent,
    )
    machine = {
        "account": "ci@my-project.iam.gserviceaccount.com",
        "project": "my-project",
        "scopes": ["https://www.googleapis.com/auth/devstorage.read_only"],
        "attributes": {"a": "b"},
        "project_attributes": {},
        "name": "vm-1",
        "zone": "us-central1-a",
        "delay_s": 0.0,
    }
    said = {
        "account": machine["account"],
        "scopes": ["devstorage.read_only"],
        "attributes": {"a": "b"},
        "name": "vm-1",
    }
    assert call(gcr_emulator, "PUT", "metadata", json=said).json() == machine
    assert call(gcr_emulator, "GET", "metadata").json() == machine
    assert call(gcr_emulator, "DELETE", "metadata").status_code == 204
    assert call(gcr_emulator, "GET", "metadata").json() == absent


FAULT = "faults[0]"
NO_HEADER = f"{FAULT}.headers is not a map of HTTP header names to values"
NO_INSTANT = "{} is not in the years 1970 to 6325"


@pytest.mark.parametrize(
    ("method", "name", "body", "message"),
    [
        (
            "PUT",
            "clock",
            "{",
            "the body is not JSON: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("PUT", "clock", "[]", 'expected {"now": SECONDS} or {"offset_s": SECONDS}'),
        ("PUT", "clock", '{"now": true}', 'expected {"now": SECONDS} or {"offset_s": SECONDS}'),
        ("PUT", "clock", '{"now": 1e300}', NO_INSTANT.format("now")),
        pytest.param("PUT", "clock", '{"now": -1}', NO_INSTANT.format("now"), id="E-Z24-before 1970"),
        pytest.param(
            "PUT", "clock", '{"now": -68719476736}', NO_INSTANT.format("now"), id="E-Z24-before year 1"
        ),
        pytest.param("PUT", "clock", f'{{"now": {2**37}}}', NO_INSTANT.format("now"), id="E-Z24-year 6325"),
        pytest.param(
            "PUT", "clock", f'{{"offset_s": {-(2**36)}}}', NO_INSTANT.format("offset_s"), id="E-Z24-back"
        ),
        pytest.param(
            "PUT", "clock", f'{{"offset_s": {2**37}}}', NO_INSTANT.format("offset_s"), id="E-Z24-ahead"
        ),
        pytest.param("PUT", "clock", '{"now": NaN}', "the body is not JSON: NaN is not JSON", id="E-Z24-NaN"),
        ("PUT", "metadata", "null", "the body is not a JSON object"),
        ("PUT", "metadata", "{}", "an instance needs a service account of a project, or a project"),
        ("PUT", "faults", "[]", 'expected {"faults": [...]}'),
        ("PUT", "faults", '{"faults": [1]}', f"{FAULT} is not an object"),
        (
            "PUT",
            "faults",
            '{"faults": [{"code": 500}]}',
            f"{FAULT} has an unknown field 'code': known are method, path, status, body, headers, "
            "delay_s, times",
        ),
        ("PUT", "faults", '{"faults": [{"status": "x"}]}', f"{FAULT}.status has a value of the wrong type"),
        ("PUT", "faults", '{"faults": [{"status": 99}]}', f"{FAULT}.status is not between 200 and 599"),
        ("PUT", "faults", '{"faults": [{"times": 0}]}', f"{FAULT}.times is not a positive number"),
        ("PUT", "faults", '{"faults": [{"delay_s": 61}]}', f"{FAULT}.delay_s is not between 0 and 60"),
        *(
            pytest.param(
                "PUT", "faults", f'{{"faults": [{{"headers": {headers}}}]}}', NO_HEADER, id=f"E-Z24-{kind}"
            )
            for kind, headers in (
                ("a header of two lines", r'{"a": "b\r\nc: d"}'),
                ("a header beyond Latin-1", '{"a": "\u20ac"}'),
                ("a header without a name", '{"": "a"}'),
                ("a header whose name has a blank", '{"a b": "c"}'),
                ("a header with an escape character", r'{"a": "\u001b"}'),
            )
        ),
    ],
)
def test_bad_input_is_told_and_changes_nothing(gcr_emulator, method, name, body, message):
    answer = call(gcr_emulator, method, name, data=body)
    assert (answer.status_code, answer.json()) == (400, {"error": message})
    assert requests.get(f"{gcr_emulator.url}/v2/", timeout=30).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example.com"},
        {"Origin": "https://evil.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Bearer wrong"},
    ],
)
def test_web_page_and_rebound_name_control_nothing(gcr_emulator, headers):
    gcr_emulator.project()
    answer = call(gcr_emulator, "POST", "reset", headers=headers)
    assert answer.status_code == 401
    assert requests.get(f"{gcr_emulator.url}/v1/projects/my-project", timeout=30).status_code == 200


def test_account_that_is_not_the_operator_controls_nothing(gcr_emulator):
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    path = gcr_emulator.key("roles/owner")
    scope = "https://www.googleapis.com/auth/cloud-platform"
    credentials = service_account.Credentials.from_service_account_file(str(path), scopes=[scope])
    credentials.refresh(Request())
    answer = call(gcr_emulator, "POST", "reset", headers={"Authorization": f"Bearer {credentials.token}"})
    assert (answer.status_code, answer.json()) == (403, {"error": "only the operator may do this"})


def test_operator_gets_an_access_token_that_ends_after_five_minutes(gcr_emulator):
    gcr_emulator.clock.set(1_800_000_000)
    issued = call(gcr_emulator, "POST", "accessTokens")
    token = issued.json()["access_token"]
    assert issued.json() == {"access_token": token, "expires_in": 300, "token_type": "Bearer"}
    assert issued.headers["Cache-Control"] == "no-store"

    def ask_registry():
        return requests.get(f"{gcr_emulator.url}/v2/", auth=("_token", token), timeout=30).status_code

    assert ask_registry() == 200
    gcr_emulator.clock.set(1_800_000_300)
    assert ask_registry() == 401
