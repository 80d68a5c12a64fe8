"""A request that a proxy on this machine forwards is not local, whatever its address and Host header are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.backing_services import serve

from docker_credential_gcr.emulator.settings import Settings

ACCOUNT = "m@my-project.iam.gserviceaccount.com"
METADATA = {"Metadata-Flavor": "Google"}
# name: (path, headers, the status for a program on this machine, the status for what a proxy forwards)
REQUESTS: dict[str, tuple[str, dict[str, str], int, int]] = {
    "Google's APIs": ("/v1/projects", {}, 200, 401),
    "Cloud Storage": ("/storage/v1/b?project=my-project", {}, 200, 401),
    "the journal": ("/_emulator/journal", {}, 200, 401),
    "the issuer": ("/_emulator/issuer/tokens?subject=a&audience=b", {}, 200, 401),
    "the sign-in page": ("/o/oauth2/v2/auth", {}, 400, 403),
    "the consent page": ("/signin/oauth/consent", {}, 400, 403),
    "the metadata server": ("/computeMetadata/v1/", METADATA, 200, 403),
    "the machine's token": (
        "/computeMetadata/v1/instance/service-accounts/default/token",
        METADATA,
        200,
        403,
    ),
    "an open registry": ("/v2/", {}, 200, 401),
    "an open registry's token": ("/v2/token?scope=repository:my-project/app:pull", {}, 200, 401),
    "an open registry's catalog": ("/v2/_catalog", {}, 200, 401),
}
SAID = ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "X-Forwarded-Something-New")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str]]:
    """Returns the address and the operator token of an open registry with a metadata server."""
    with serve(Settings(port=0, projects=("my-project",), open=True)) as ready:
        requests.post(
            f"{ready.url}/v1/projects/my-project/serviceAccounts", json={"accountId": "m"}, timeout=30
        ).raise_for_status()
        machine = {"project": "my-project", "account": ACCOUNT}
        requests.put(f"{ready.url}/_emulator/metadata", json=machine, timeout=30).raise_for_status()
        yield ready.url, (Path(ready.data) / "keys" / "operator-token").read_text().strip()


@pytest.mark.parametrize(("path", "headers", "local", "forwarded"), REQUESTS.values(), ids=REQUESTS)
def test_d_z18_what_a_proxy_forwards_needs_a_credential(
    server: tuple[str, str], path: str, headers: dict[str, str], local: int, forwarded: int
) -> None:
    def ask(said: dict[str, str]) -> int:
        return requests.get(f"{server[0]}{path}", headers={**headers, **said}, timeout=30).status_code

    assert ask({}) == local
    assert {name: ask({name: "203.0.113.9"}) for name in SAID} == dict.fromkeys(SAID, forwarded)


def test_d_z18_the_operator_token_opens_what_a_proxy_forwards(server: tuple[str, str]) -> None:
    url, token = server
    headers = {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {token}"}

    assert requests.get(f"{url}/v1/projects", headers=headers, timeout=30).status_code == 200


def test_d_z18_the_refusal_names_the_header_and_what_to_send(server: tuple[str, str]) -> None:
    answer = requests.get(f"{server[0]}/_emulator/journal", headers={"Via": "1.1 proxy"}, timeout=30)

    message = "no access token, and a proxy forwarded the request (header via): send the operator token"
    assert (answer.status_code, answer.json()) == (401, {"error": message})
