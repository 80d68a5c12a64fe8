"""Library: the public names of the package, and to which hosts a token is sent."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

import docker_credential_gcr
from docker_credential_gcr import AccessToken, CredentialsNotFound, Error, RegistryAuth, TokenError, get_token

STRANGERS = (
    *("docker.io", "https://index.docker.io/v1/", "python.pkg.dev", "-python.pkg.dev", "pkg.dev"),
    *("us-python.pkg.dev.evil.example", "evil.example/us-python.pkg.dev", "a.us-python.pkg.dev"),
    *("us-npm.pkg.dev", "us-python.pkg.dev:5000", "us-python.pkg.dev.", "u@us-python.pkg.dev"),
    *("localhost:1", "gçr.io", "", "two\nlines"),
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Returns an environment in which a token file serves every host."""
    (tmp_path / "token").write_text("ya29.library")
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"TokenSources": [f"token-file:{tmp_path / 'token'}"]}))
    return {"DOCKER_CREDENTIAL_GCR_CONFIG": str(configuration)}


@pytest.fixture
def configured(gcr_emulator: Any) -> str:
    """Returns the emulator's host, for which the helper has an editor's key."""
    assert gcr_emulator.docker_config
    return str(gcr_emulator.registry)


@pytest.mark.parametrize(
    "server",
    [
        *("gcr.io", "https://us.gcr.io/v2/", "us-docker.pkg.dev", "us-python.pkg.dev", "US-PYTHON.pkg.dev"),
        *("https://europe-west1-python.pkg.dev/my-project/my-repo/simple/",),
    ],
)
def test_google_s_registries_and_python_indexes_get_a_token(environ: dict[str, str], server: str) -> None:
    assert get_token(server, environ=environ).value == "ya29.library"


@pytest.mark.parametrize("server", STRANGERS)
def test_another_registry_gets_no_token(environ: dict[str, str], server: str) -> None:
    with pytest.raises(CredentialsNotFound):
        get_token(server, environ=environ)


def test_a_configured_host_gets_a_token_and_shares_the_helper_s_cache(
    gcr_emulator: Any, configured: str
) -> None:
    asked = subprocess.run(
        ["docker-credential-gcr", "get"], input=configured, capture_output=True, text=True, check=True
    )

    token = get_token(configured)

    assert token.value == json.loads(asked.stdout)["Secret"]
    assert [entry["path"] for entry in gcr_emulator.journal()].count("/token") == 1


def test_a_source_that_fails_raises_what_docker_is_told(environ: dict[str, str]) -> None:
    configuration = Path(environ["DOCKER_CREDENTIAL_GCR_CONFIG"])
    absent = str(configuration.with_name("absent"))
    configuration.write_text(json.dumps({"TokenSources": [f"token-file:{absent}"]}))

    with pytest.raises(TokenError) as caught:
        get_token("gcr.io", environ=environ)

    assert str(caught.value) == (
        f"no access token for gcr.io: token-file: cannot read token file {absent!r}: "
        "No such file or directory"
    )
    assert caught.value.hint == "write an access token, and nothing else, into the file"


def test_no_source_at_all_is_no_failure(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "NO_GCE_CHECK": "true"}

    with pytest.raises(CredentialsNotFound):
        get_token("gcr.io", environ=environ)


def test_a_token_hides_its_value(environ: dict[str, str]) -> None:
    assert "ya29" not in repr(get_token("gcr.io", environ=environ))


def test_every_public_name_is_there_and_no_other() -> None:
    found = {name: getattr(docker_credential_gcr, name) for name in docker_credential_gcr.__all__}

    assert found == {
        "AccessToken": AccessToken,
        "CredentialsNotFound": CredentialsNotFound,
        "Error": Error,
        "RegistryAuth": RegistryAuth,
        "TokenError": TokenError,
        "__version__": docker_credential_gcr.__version__,
        "get_token": get_token,
    }
    assert set(docker_credential_gcr.__all__) <= set(dir(docker_credential_gcr))
    with pytest.raises(AttributeError, match="'docker_credential_gcr' has no attribute 'nonsense'"):
        docker_credential_gcr.nonsense  # noqa: B018


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, docker_credential_gcr; print([n for n in sys.modules if n.startswith('docker_cred')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "['docker_credential_gcr']\n"


USER = """
from docker_credential_gcr import AccessToken, Error, RegistryAuth, get_token
token: AccessToken = get_token("gcr.io")
value: str = token.value
auth: RegistryAuth = RegistryAuth()
def fail(error: Error) -> str:
    return error.hint
reveal_type(get_token)
"""


def test_a_user_s_strict_type_checker_knows_the_names(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="no mypy: pip install '.[dev]'")
    (tmp_path / "user.py").write_text(USER)
    source = Path(docker_credential_gcr.__file__).parents[1]
    # An editable install is found through a hook, which a type checker does not run.
    path = {} if source.name == "site-packages" else {"MYPYPATH": str(source)}

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "user.py"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), **path},
        capture_output=True,
        text=True,
    )

    notes = [line for line in done.stdout.splitlines() if "error" in line]
    assert (done.returncode, notes) == (0, [])
    assert "AccessToken" in done.stdout


def test_requests_send_the_token_to_the_emulator_s_registry(configured: str) -> None:
    url = f"http://{configured}/v2/my-project/nothing/tags/list"

    refused = requests.get(url, timeout=30)
    answer = requests.get(url, auth=RegistryAuth(), timeout=30)

    assert (refused.status_code, answer.status_code) == (401, 404)
    assert answer.json()["errors"][0]["code"] == "NAME_UNKNOWN"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answers every request, to any host, with 200."""
    with responses.RequestsMock() as web:
        yield web


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("https://gcr.io/v2/", True),
        ("https://us-python.pkg.dev/p/r/simple/", True),
        ("http://gcr.io/v2/", False),  # in the clear
        ("https://gcr.io:5000/v2/", False),
        ("https://example.com/", False),
        ("https://gcr.io.evil.example/", False),
    ],
)
def test_requests_send_the_token_only_where_it_may_go(
    environ: dict[str, str], web: responses.RequestsMock, url: str, is_sent: bool
) -> None:
    web.get(url)

    requests.get(url, auth=RegistryAuth(environ=environ), timeout=30)

    headers = web.calls[0].request.headers
    credential = "Basic b2F1dGgyYWNjZXNzdG9rZW46eWEyOS5saWJyYXJ5"  # oauth2accesstoken:ya29.library
    assert headers.get("Authorization") == (credential if is_sent else None)


def test_requests_do_not_take_the_token_along_to_another_host(
    environ: dict[str, str], web: responses.RequestsMock
) -> None:
    web.get("https://gcr.io/v2/p/app/blobs/x", status=302, headers={"Location": "https://example.com/blob"})
    web.get("https://example.com/blob")

    requests.get("https://gcr.io/v2/p/app/blobs/x", auth=RegistryAuth(environ=environ), timeout=30)

    assert ["Authorization" in call.request.headers for call in web.calls] == [True, False]


def test_requests_go_without_a_token_when_there_is_none(tmp_path: Path, web: responses.RequestsMock) -> None:
    web.get("https://gcr.io/v2/")

    auth = RegistryAuth(environ={"HOME": str(tmp_path), "NO_GCE_CHECK": "true"})
    requests.get("https://gcr.io/v2/", auth=auth, timeout=30)

    assert "Authorization" not in web.calls[0].request.headers
