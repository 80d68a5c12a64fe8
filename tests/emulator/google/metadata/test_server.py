"""Metadata server: the tree, the query, refusals, and waiting for a change."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

ROOT = "/computeMetadata/v1"
FLAVOR = {"Metadata-Flavor": "Google"}
ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"

Emulator = Any
Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(gcr_emulator: Emulator) -> Ask:
    """Returns a function that requests metadata of an instance with an account."""
    accounts = f"{gcr_emulator.url}/v1/projects/{gcr_emulator.project()}/serviceAccounts"
    requests.post(accounts, json={"accountId": "ci"}, timeout=30).raise_for_status()
    gcr_emulator.metadata.set(account=ACCOUNT, attributes={"cluster-name": "blue", "aTest": "x"})

    def get(path: str, headers: dict[str, str] | None = None, method: str = "GET", **params: str) -> Any:
        url = gcr_emulator.url + path
        return requests.request(
            method, url, params=params, headers=headers or FLAVOR, allow_redirects=False, timeout=30
        )

    return get


@pytest.fixture
def number(gcr_emulator: Emulator) -> int:
    project = gcr_emulator.project()
    return int(requests.get(f"{gcr_emulator.url}/v1/projects/{project}", timeout=30).json()["projectNumber"])


INSTANCE_ID = 7805991453351198660
DEFAULT = {"aliases": ["default"], "email": ACCOUNT, "scopes": [PLATFORM]}


def instance(number: int | None, project: str = "my-project") -> dict[str, Any]:
    """Returns the values of the instance."""
    network = {
        "accessConfigs": [{"externalIp": "", "type": "ONE_TO_ONE_NAT"}],
        "dnsServers": ["169.254.169.254"],
        "forwardedIps": [],
        "gateway": "10.128.0.1",
        "ip": "10.128.0.2",
        "ipAliases": [],
        "mac": "42:01:0a:80:00:02",
        "mtu": 1460,
        "subnetmask": "255.255.240.0",
        "targetInstanceIps": [],
        **({} if number is None else {"network": f"projects/{number}/networks/default"}),
    }
    disk = {"deviceName": "gcr-emulator", "index": 0, "interface": "SCSI", "mode": "READ_WRITE"}
    return {
        "cpuPlatform": "Unknown CPU Platform",
        "description": "",
        "disks": [{**disk, "type": "PERSISTENT-BALANCED"}],
        "guestAttributes": {},
        "image": f"projects/{project}/global/images/gcr-emulator",
        "licenses": [],
        "maintenanceEvent": "NONE",
        "networkInterfaces": [network],
        "preempted": "FALSE",
        "scheduling": {"automaticRestart": "TRUE", "onHostMaintenance": "MIGRATE", "preemptible": "FALSE"},
        "virtualClock": {"driftToken": "0"},
    }


def tree(number: int) -> dict[str, Any]:
    return {
        "instance": {
            "attributes": {"aTest": "x", "cluster-name": "blue"},
            "hostname": "gcr-emulator.us-central1-a.c.my-project.internal",
            "id": INSTANCE_ID,
            "machineType": f"projects/{number}/machineTypes/gcr-emulator",
            "name": "gcr-emulator",
            "serviceAccounts": {ACCOUNT: DEFAULT, "default": DEFAULT},
            "tags": [],
            "zone": f"projects/{number}/zones/us-central1-a",
            **instance(number),
        },
        "project": {"attributes": {}, "numericProjectId": number, "projectId": "my-project"},
        "universe": {"universeDomain": "googleapis.com"},
    }


def test_f_z37_the_whole_tree_is_one_document(ask: Ask, number: int) -> None:
    answer = ask(f"{ROOT}/", recursive="true")

    assert answer.json() == tree(number)
    assert (answer.headers["Content-Type"], answer.headers["Metadata-Flavor"]) == (
        "application/json",
        "Google",
    )


INTERFACE = f"{ROOT}/instance/network-interfaces/0"
# Compute Engine's predefined keys that programs are known to request.
Z37 = [
    (f"{ROOT}/instance/network-interfaces/", "text", "0/\n"),
    (f"{INTERFACE}/ip", "text", "10.128.0.2"),
    (f"{INTERFACE}/dns-servers", "text", "169.254.169.254\n"),
    (f"{INTERFACE}/forwarded-ips/", "text", ""),
    (f"{INTERFACE}/forwarded-ips/?alt=json&recursive=true", "json", "[]"),
    (f"{INTERFACE}/access-configs/0/external-ip", "text", ""),
    (f"{ROOT}/instance/disks/0/device-name", "text", "gcr-emulator"),
    (f"{ROOT}/instance/scheduling/preemptible", "text", "FALSE"),
    (f"{ROOT}/instance/cpu-platform", "text", "Unknown CPU Platform"),
    (f"{ROOT}/instance/image", "text", "projects/my-project/global/images/gcr-emulator"),
    (f"{ROOT}/instance/preempted", "text", "FALSE"),
    (f"{ROOT}/instance/maintenance-event", "text", "NONE"),
    (f"{ROOT}/instance/guest-attributes/", "text", ""),
]
LISTED = "aliases\nemail\nidentity\nscopes\ntoken\n"


@pytest.mark.parametrize(
    ("path", "media_type", "text"),
    [
        ("/", "text", "computeMetadata/\n"),
        ("/computeMetadata/", "text", "v1/\n"),
        (f"{ROOT}/", "text", "instance/\nproject/\nuniverse/\n"),
        (f"{ROOT}/project/project-id", "text", "my-project"),
        (f"{ROOT}/project/project-id?alt=json", "json", '"my-project"'),
        (f"{ROOT}/instance/id", "text", str(INSTANCE_ID)),
        (f"{ROOT}/instance/id?alt=json", "json", str(INSTANCE_ID)),
        (f"{ROOT}/instance/attributes/", "text", "aTest\ncluster-name\n"),
        (f"{ROOT}/instance/attributes/?alt=json", "json", '["aTest", "cluster-name"]'),
        (f"{ROOT}/instance/attributes/?recursive=true&alt=text", "text", "aTest x\ncluster-name blue\n"),
        (f"{ROOT}/instance/attributes/cluster-name", "text", "blue"),
        (f"{ROOT}/instance/tags", "text", ""),
        (f"{ROOT}/instance/tags?alt=json", "json", "[]"),
        (f"{ROOT}/instance/service-accounts/", "text", f"{ACCOUNT}/\ndefault/\n"),
        (f"{ROOT}/instance/service-accounts/default/", "text", LISTED),
        (f"{ROOT}/instance/service-accounts/{ACCOUNT}/", "text", LISTED),
        (f"{ROOT}/instance/service-accounts/ci%40my-project.iam.gserviceaccount.com/", "text", LISTED),
        (f"{ROOT}/instance/service-accounts/default/email", "text", ACCOUNT),
        (f"{ROOT}/instance/service-accounts/default/aliases", "text", "default\n"),
        (f"{ROOT}/instance/service-accounts/default/scopes", "text", f"{PLATFORM}\n"),
        (f"{ROOT}/instance/service-accounts/default/scopes?alt=json", "json", f'["{PLATFORM}"]'),
        (
            f"{ROOT}/instance/service-accounts/default/?recursive=true&alt=text",
            "text",
            f"aliases/0 default\nemail {ACCOUNT}\nscopes/0 {PLATFORM}\n",
        ),
        (f"{ROOT}/universe/universe-domain", "text", "googleapis.com"),
        *Z37,
    ],
)
def test_f_z37_each_place_is_told_in_its_form(ask: Ask, path: str, media_type: str, text: str) -> None:
    answer = ask(path)

    assert (
        answer.status_code,
        answer.headers["Content-Type"],
        answer.text,
        answer.headers["Metadata-Flavor"],
    ) == (
        200,
        f"application/{media_type}",
        text,
        "Google",
    )


@pytest.mark.parametrize("path", ["/computeMetadata", ROOT, f"{ROOT}/instance/service-accounts/default"])
def test_a_directory_without_its_slash_is_led_to_it(gcr_emulator: Emulator, ask: Ask, path: str) -> None:
    answer = ask(path, recursive="true")

    assert (answer.status_code, answer.headers["Location"], answer.headers["Metadata-Flavor"]) == (
        301,
        f"{gcr_emulator.url}{path}/?recursive=true",
        "Google",
    )


DENIED = "Your client does not have permission to get URL <code>/computeMetadata/v1/</code>"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "text"),
    [
        ("GET", "/", {"User-Agent": "gcloud-golang/0.1", "Host": "169.254.169.254"}, 200, "computeMetadata/"),
        ("GET", "/", {"Metadata-Flavor": "Google"}, 200, "computeMetadata/"),
        ("GET", f"{ROOT}/", {"X-Google-Metadata-Request": "True"}, 200, "instance/"),
        ("GET", f"{ROOT}/", {"Host": "metadata.google.internal.", **FLAVOR}, 200, "instance/"),
        ("GET", f"{ROOT}/", {"Host": "[fd20:ce::254]", **FLAVOR}, 200, "instance/"),
        ("HEAD", f"{ROOT}/", FLAVOR, 200, ""),
        (
            "GET",
            f"{ROOT}/",
            {"Accept": "*/*"},
            403,
            f"{DENIED} from this server. Missing Metadata-Flavor:Google header.",
        ),
        ("GET", f"{ROOT}/", {"Metadata-Flavor": "Amazon"}, 403, "Missing Metadata-Flavor:Google header."),
        (
            "GET",
            f"{ROOT}/",
            {**FLAVOR, "X-Forwarded-For": "10.0.0.1"},
            403,
            f"{DENIED} through a proxy: the request has the header X-Forwarded-For.",
        ),
        (
            "GET",
            f"{ROOT}/",
            {**FLAVOR, "Host": "rebound.example.com"},
            403,
            f"{DENIED} from a server with that name.",
        ),
        ("POST", f"{ROOT}/", FLAVOR, 405, "The request method <code>POST</code> is inappropriate."),
        (
            "GET",
            f"{ROOT}/<b>",
            FLAVOR,
            404,
            "The requested URL <code>/computeMetadata/v1/%3Cb%3E</code> was not found on this server.",
        ),
        ("GET", f"{ROOT}/project/project-id/", FLAVOR, 404, "was not found on this server."),
        ("GET", f"{ROOT}/instance/service-accounts/other@x.iam/token", FLAVOR, 404, "was not found"),
        ("GET", f"{ROOT}/?recursive=yes", FLAVOR, 400, "the recursive parameter must be true or false"),
        ("GET", f"{ROOT}/?alt=xml", FLAVOR, 400, "the alt parameter must be json or text"),
        (
            "GET",
            f"{ROOT}/?timeout_sec=-1",
            FLAVOR,
            400,
            "the timeout_sec parameter must be a number of seconds",
        ),
        (
            "GET",
            f"{ROOT}/instance/service-accounts/default/identity",
            FLAVOR,
            400,
            "non-empty audience parameter required",
        ),
        (
            "GET",
            f"{ROOT}/instance/service-accounts/default/identity?audience=a&format=long",
            FLAVOR,
            400,
            "the format parameter must be standard or full",
        ),
    ],
)
def test_who_may_ask_for_what(
    ask: Ask, method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    answer = ask(path, headers, method)

    assert (answer.status_code, answer.headers["Metadata-Flavor"]) == (status, "Google")
    assert text in answer.text
    assert (answer.headers["Content-Type"] == "text/html; charset=UTF-8") == (status >= 400)


@pytest.mark.parametrize("path", ["/", f"{ROOT}/", f"{ROOT}/instance/service-accounts/default/token"])
@pytest.mark.parametrize("host", ["localhost", "metadata.google.internal", "169.254.169.254"])
def test_without_a_machine_there_is_no_metadata_server(
    gcr_emulator: Emulator, ask: Ask, path: str, host: str
) -> None:
    gcr_emulator.metadata.clear()

    answer = ask(path, {**FLAVOR, "Host": host})

    assert (answer.status_code, "Metadata-Flavor" in answer.headers) == (404, False)
    assert answer.json()["error"]["message"] == f"The requested URL {path} was not found on this server."


def test_googles_other_hosts_have_no_metadata(ask: Ask) -> None:
    answer = ask(f"{ROOT}/", {**FLAVOR, "Host": "oauth2.googleapis.com"})

    assert (answer.status_code, "Metadata-Flavor" in answer.headers) == (404, False)


def test_a_project_that_is_not_there_has_no_number(gcr_emulator: Emulator, ask: Ask) -> None:
    gcr_emulator.metadata.set(project="example.com:another")

    assert ask(f"{ROOT}/", recursive="true").json() == {
        "instance": {
            "attributes": {},
            "hostname": "gcr-emulator.us-central1-a.c.another.example.com.internal",
            "id": ask(f"{ROOT}/instance/id", alt="json").json(),
            "name": "gcr-emulator",
            "serviceAccounts": {},
            "tags": [],
            **instance(None, "example.com:another"),
        },
        "project": {"attributes": {}, "projectId": "example.com:another"},
        "universe": {"universeDomain": "googleapis.com"},
    }


def test_slow_server_answers_all_the_same(gcr_emulator: Emulator, ask: Ask) -> None:
    gcr_emulator.metadata.set(account=ACCOUNT, delay_s=0.05)

    answer = ask(f"{ROOT}/instance/name")

    assert answer.elapsed.total_seconds() >= 0.05
    assert answer.text == "gcr-emulator"


NAME = f"{ROOT}/instance/attributes/?recursive=true&wait_for_change=true"


def await_waiter(gcr_emulator: Emulator) -> None:
    """Waits until the server holds a request for metadata that it has not answered."""
    for _ in range(1000):
        if any(
            entry["status"] is None and entry["path"].startswith(ROOT) for entry in gcr_emulator.journal()
        ):
            return
    pytest.fail("no request waits")


def test_a_change_is_waited_for(gcr_emulator: Emulator, ask: Ask) -> None:
    etag = ask(f"{ROOT}/instance/attributes/?recursive=true").headers["ETag"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, NAME, last_etag=etag)
        # The request is in the journal: it came before the change.
        await_waiter(gcr_emulator)
        # Another instance with the same attributes does not change them.
        gcr_emulator.metadata.set(
            account=ACCOUNT, attributes={"cluster-name": "blue", "aTest": "x"}, name="b"
        )
        gcr_emulator.metadata.set(account=ACCOUNT, attributes={"cluster-name": "green"})
        answer = waiting.result(30)

    assert (answer.status_code, answer.json()) == (200, {"cluster-name": "green"})
    assert answer.headers["ETag"] != etag


def test_what_has_changed_already_is_answered_at_once(ask: Ask) -> None:
    answer = ask(NAME, last_etag="0")

    assert answer.json() == {"aTest": "x", "cluster-name": "blue"}


def test_the_wait_ends_with_the_clients_patience(ask: Ask) -> None:
    etag = ask(f"{ROOT}/instance/attributes/?recursive=true").headers["ETag"]

    answer = ask(NAME, last_etag=etag, timeout_sec="0")

    assert (answer.status_code, answer.headers["ETag"]) == (200, etag)


def test_who_waits_hears_that_the_server_goes(gcr_emulator: Emulator, ask: Ask) -> None:
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask(NAME)))
    waiting.start()
    await_waiter(gcr_emulator)
    gcr_emulator.metadata.clear()
    waiting.join(30)

    (answer,) = answers
    assert (answer.status_code, "Metadata-Flavor" in answer.headers) == (404, False)
