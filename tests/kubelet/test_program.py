"""Plugin as the kubelet runs it: one request on stdin, one response on stdout."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from docker_credential_gcr import __version__

GROUP = "credentialprovider.kubelet.k8s.io"
NOTHING = {
    "kind": "CredentialProviderResponse",
    "apiVersion": f"{GROUP}/v1",
    "cacheKeyType": "Registry",
    "cacheDuration": "0s",
    "auth": None,
}
FOREIGN = (
    *("docker.io/library/alpine", "quay.io/team/app", "evilgcr.io/p/app", "gcr.io.evil.example/p/app"),
    *("x-docker.pkg.dev.evil.example/p/r/app", "us-python.pkg.dev/p/r/app", "gcr.io:5000/p/app"),
    *("localhost:5000/p/app", "user@gcr.io/p/app", "gcr.io./p/app", "gçr.io/p/app", "gcr.io\n/p/app"),
    *("alpine", "gcr.io", "/p/app", ""),
)


@pytest.fixture
def absent(plugin: Any) -> str:
    """Returns the path of an absent file."""
    return str(plugin.directory / "absent")


@pytest.mark.parametrize(
    "image",
    ["gcr.io/p/app", "us.gcr.io/p/app:v1", "us-docker.pkg.dev/p/r/app@sha256:" + "0" * 64, "GCR.IO/p/app",
     "docker.us-west8.rep.pkg.dev/p/r/app", "gcr.io:443/p/app"],
)  # fmt: skip
def test_60_an_image_of_google_s_gets_a_password_for_its_registry(
    plugin: Any, check: Callable[..., None], image: str
) -> None:
    plugin.use_token()

    response = plugin.ask(image).response

    check(response, image)
    auth = {image.partition("/")[0]: {"username": "oauth2accesstoken", "password": "ya29.node"}}
    assert response == NOTHING | {"auth": auth}


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_the_answer_has_the_version_of_the_request(
    plugin: Any, check: Callable[..., None], version: str
) -> None:
    plugin.use_token()

    response = plugin.ask("gcr.io/p/app", version=version).response

    check(response, "gcr.io/p/app", f"{GROUP}/{version}")


@pytest.mark.parametrize("image", FOREIGN)
def test_a_foreign_image_gets_nothing_and_no_source_is_asked(
    plugin: Any, absent: str, check: Callable[..., None], image: str
) -> None:
    plugin.configure(TokenSources=[f"file:{absent}"])

    response = plugin.ask(image).response

    check(response, image)
    assert response == NOTHING


def test_no_credential_anywhere_is_an_answer_without_one(plugin: Any) -> None:
    assert plugin.ask("gcr.io/p/app").response == NOTHING


def test_a_source_that_fails_is_said_on_stderr_alone(plugin: Any, absent: str) -> None:
    plugin.configure(TokenSources=[f"file:{absent}"])

    outcome = plugin.ask("gcr.io/p/app")

    assert (outcome.status, outcome.stdout, outcome.stderr) == (
        1,
        "",
        f"gcr-credential-provider: no access token for gcr.io: file: cannot read key file {absent!r}: "
        "No such file or directory\nhint: name the JSON key file of a service account\n",
    )


def test_a_waived_failure_is_an_answer_without_a_credential(plugin: Any, absent: str) -> None:
    plugin.configure(TokenSources=[f"file:{absent}"], OnError="anonymous")

    outcome = plugin.ask("gcr.io/p/app")

    assert (outcome.status, json.loads(outcome.stdout)) == (0, NOTHING)
    assert outcome.stderr == (
        "gcr-credential-provider: anonymous, as configured: no access token for gcr.io: file: "
        f"cannot read key file {absent!r}: No such file or directory\n"
    )


REQUEST = {"kind": "CredentialProviderRequest", "apiVersion": f"{GROUP}/v1", "image": "gcr.io/p/app"}
MALFORMED = {
    b"": "the request is not JSON: Expecting value: line 1 column 1 (char 0)",
    b"[]": "the request is not a CredentialProviderRequest",
    b"\xff": "the request is not JSON: 'utf-8' codec can't decode byte 0xff in position 0",
    b"[" * 100_000: "the request is not JSON: ",
    b" " * (1024 * 1024 + 1): "the request is larger than 1 MiB",
    json.dumps(REQUEST | {"kind": "Pod"}).encode(): "the request is not a CredentialProviderRequest",
    json.dumps(REQUEST | {"apiVersion": "v1"}).encode(): (
        f"the apiVersion 'v1' is not one of {GROUP}/v1 {GROUP}/v1beta1 {GROUP}/v1alpha1"
    ),
    json.dumps(REQUEST | {"image": 1}).encode(): "the request's image is not a string",
    json.dumps(REQUEST | {"serviceAccountToken": {}}).encode(): (
        "the request's serviceAccountToken is not a string"
    ),
    json.dumps(REQUEST | {"serviceAccountAnnotations": {"a": 1}}).encode(): (
        "the request's serviceAccountAnnotations is not an object of strings"
    ),
}


@pytest.mark.parametrize("data", MALFORMED, ids=[f"{key[:20]!r}-{n}" for n, key in enumerate(MALFORMED)])
def test_a_malformed_request_is_refused_in_a_line(plugin: Any, data: bytes) -> None:
    outcome = plugin(data)

    assert (outcome.status, outcome.stdout, outcome.stderr.count("\n")) == (1, "", 1)
    assert outcome.stderr.startswith(f"gcr-credential-provider: {MALFORMED[data]}")


def test_the_answer_opens_the_emulator_and_the_second_sends_no_request(
    plugin: Any, gcr_emulator: Any
) -> None:
    image = f"{gcr_emulator.registry}/my-project/app"
    source = f"file:{gcr_emulator.key('roles/viewer')}"
    plugin.configure(Registries={gcr_emulator.registry: {"TokenSources": [source]}})

    first, second = plugin.ask(image).response, plugin.ask(image).response

    ((registry, auth),) = first["auth"].items()
    scope = {"service": registry, "scope": "repository:my-project/app:pull"}
    credential = (auth["username"], auth["password"])
    answer = requests.get(f"http://{registry}/v2/token", params=scope, auth=credential, timeout=30)
    assert (registry, answer.status_code) == (gcr_emulator.registry, 200)
    assert second["auth"] == first["auth"]
    assert [entry["path"] for entry in gcr_emulator.journal() if entry["method"] == "POST"].count(
        "/token"
    ) == 1


def test_the_kubelet_keeps_a_token_until_the_helper_would_renew_it(plugin: Any, gcr_emulator: Any) -> None:
    source = f"file:{gcr_emulator.key('roles/viewer')}"
    plugin.configure(MinTTL=600, Registries={gcr_emulator.registry: {"TokenSources": [source]}})
    before = time.time()

    duration = plugin.ask(f"{gcr_emulator.registry}/my-project/app").response["cacheDuration"]

    (entry,) = Path(plugin.cache).glob("*.json")
    renewed_at = json.loads(entry.read_text())["expires_at"] - 600
    assert renewed_at - time.time() - 1 <= int(duration.removesuffix("s")) <= renewed_at - before


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_need_no_request(plugin: Any, option: str) -> None:
    outcome = plugin(b"", option)

    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith({"--help": "usage: ", "--version": "gcr-credential-provider "}[option])
    assert option == "--help" or outcome.stdout.split() == ["gcr-credential-provider", __version__]


GOOGLE_ARGUMENTS = (
    *("", "get-credentials", "get-credentials --v=3", "--v=2", "--v 2", "-v=3", "-v 3"),
    *("get-credentials --authFlow=gcr", "get-credentials -a gcr", "--v=3 get-credentials"),
    *("get-credentials --logtostderr", "--logtostderr get-credentials"),
    *("get-credentials --logtostderr=false --alsologtostderr=true --stderrthreshold=2 --vmodule=a=1",),
    *("get-credentials --log_dir=/tmp --log_file /tmp/log --one_output",),
)


@pytest.mark.parametrize("arguments", GOOGLE_ARGUMENTS, ids=[f"I-Z59-{given}" for given in GOOGLE_ARGUMENTS])
def test_z59_the_arguments_of_google_s_plugin_are_taken_and_change_nothing(
    plugin: Any, arguments: str
) -> None:
    plugin.use_token()

    outcome = plugin.ask("gcr.io/p/app", *arguments.split())

    auth = {"gcr.io": {"username": "oauth2accesstoken", "password": "ya29.node"}}
    assert outcome.response == NOTHING | {"auth": auth}


@pytest.mark.parametrize(
    "arguments",
    ["--print", "--ver", "--sts=//iam.googleapis.com/x", "--log=1", "get", "-a dockercfg"],
    ids=lambda arguments: f"I-Z59-{arguments}",
)
def test_z59_nothing_is_taken_for_another_argument(plugin: Any, arguments: str) -> None:
    outcome = plugin.ask("gcr.io/p/app", *arguments.split())

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("usage: gcr-credential-provider ")


def test_an_unknown_option_is_a_usage_error(plugin: Any) -> None:
    outcome = plugin(b"", "--nonsense")

    assert (outcome.status, outcome.stdout) == (2, "")
