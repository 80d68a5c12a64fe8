"""Output of --print-config, byte for byte, and checked by the kubelet's validation.

https://github.com/kubernetes/kubernetes/blob/master/pkg/credentialprovider/plugin/config.go
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.checkout import DATA

from docker_credential_gcr.kubelet.configuration import find_token_audience, format_config

GOLDEN = DATA / "kubelet"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
FIELDS = {"name", "apiVersion", "matchImages", "defaultCacheDuration", "args", "env", "tokenAttributes"}
ATTRIBUTES = {
    *("serviceAccountTokenAudience", "cacheType", "requireServiceAccount"),
    *("requiredServiceAccountAnnotationKeys", "optionalServiceAccountAnnotationKeys"),
}


def make(hosts: tuple[str, ...] = (), environ: dict[str, str] | None = None, **options: str) -> str:
    settings = {"version": "v1", "audience": "", "token_audience": ""} | options
    return format_config(hosts, environ or {}, **settings)


def test_the_plain_configuration_is_golden() -> None:
    environ = {
        "GOOGLE_APPLICATION_CREDENTIALS": "/etc/gcr/key.json",
        "DOCKER_CREDENTIAL_GCR_CONFIG": "/etc/gcr/config.json",
        "HOME": "/root",
    }

    assert make(("localhost:5000",), environ) == (GOLDEN / "config.json").read_text()


def test_the_configuration_with_service_account_tokens_is_golden() -> None:
    assert make(audience=AUDIENCE) == (GOLDEN / "config-sts.json").read_text()


@pytest.mark.parametrize("name", ["config.json", "config-sts.json"])
def test_the_kubelet_takes_the_configuration(name: str) -> None:
    document = json.loads((GOLDEN / name).read_text())

    assert (document["apiVersion"], document["kind"]) == (
        "kubelet.config.k8s.io/v1",
        "CredentialProviderConfig",
    )
    (provider,) = document["providers"]
    assert set(provider) <= FIELDS
    assert not set(provider["name"]) & set("/ ")
    attributes = provider.get("tokenAttributes")
    if attributes:
        assert provider["apiVersion"].endswith("/v1")
        assert set(attributes) <= ATTRIBUTES
        assert attributes["serviceAccountTokenAudience"]
        assert attributes["cacheType"] in ("ServiceAccount", "Token")
        assert isinstance(attributes["requireServiceAccount"], bool)


IMAGES = {
    "gcr.io/p/app": True,
    "us.gcr.io/p/app": True,
    "europe-docker.pkg.dev/p/r/app": True,
    "docker.us-west8.rep.pkg.dev/p/r/app": True,
    "localhost:5000/p/app": True,
    "localhost:5001/p/app": False,
    "us-python.pkg.dev/p/r/app": False,
    "docker.io/library/alpine": False,
    "gcr.io.evil.example/p/app": False,
}


@pytest.mark.parametrize("image", IMAGES)
def test_the_kubelet_asks_for_the_images_that_are_answered(
    image: str, is_matched: Callable[[str, str], bool]
) -> None:
    (provider,) = json.loads(make(("localhost:5000",)))["providers"]

    assert any(is_matched(pattern, image) for pattern in provider["matchImages"]) == IMAGES[image]


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_the_other_versions_are_printed_too(plugin: Any, version: str) -> None:
    outcome = plugin(b"", "--print-config", f"--api-version={version}")

    (provider,) = outcome_document(outcome)["providers"]
    assert provider["apiVersion"] == f"credentialprovider.kubelet.k8s.io/{version}"


def test_the_program_prints_the_configured_hosts_and_its_variables(plugin: Any) -> None:
    plugin.configure(Registries={"registry.example:5000": {}})

    (provider,) = outcome_document(plugin(b"", "--print-config"))["providers"]

    assert provider["matchImages"][-1] == "registry.example:5000"
    names = ["CLOUDSDK_CONFIG", "DOCKER_CREDENTIAL_GCR_CACHE_DIR", "DOCKER_CREDENTIAL_GCR_CONFIG"]
    assert provider["env"] == [{"name": name, "value": plugin.environ[name]} for name in names]


RELATIVE = {
    "GOOGLE_APPLICATION_CREDENTIALS": ("key.json", "DIR/key.json"),
    "CLOUDSDK_CONFIG": ("gcloud", "DIR/gcloud"),
    "DOCKER_CREDENTIAL_GCR_CA_FILE": ("../ca.pem", "PARENT/ca.pem"),
    "DOCKER_CREDENTIAL_GCR_CACHE_DIR": ("cache", "DIR/cache"),
    "DOCKER_CREDENTIAL_GCR_CONFIG": ("/abs/config.json", "/abs/config.json"),
    "DOCKER_CREDENTIAL_GCR_LOG": ("log", "DIR/log"),
    "DOCKER_CREDENTIAL_GCR_STORE": ("store.json", "DIR/store.json"),
    "DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": ("file:key.json, env", "file:DIR/key.json,env"),
    "DOCKER_CREDENTIAL_GCR_TIMEOUT": ("5", "5"),
}


@pytest.mark.parametrize("name", RELATIVE, ids=lambda name: f"d30-{name}")
def test_the_kubelet_is_given_absolute_paths(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, expected = RELATIVE[name]
    monkeypatch.chdir(tmp_path)

    text = make(environ={name: given})

    value = expected.replace("DIR", str(tmp_path)).replace("PARENT", str(tmp_path.parent))
    assert json.loads(text)["providers"][0]["env"] == [{"name": name, "value": value}]


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (AUDIENCE, f"https:{AUDIENCE}"),
        ("identitynamespace:p.svc.id.goog:https://container.googleapis.com/v1/c", "p.svc.id.goog"),
    ],
)
def test_a_pool_s_provider_expects_its_own_name(audience: str, expected: str) -> None:
    assert find_token_audience(audience) == expected


def test_another_token_audience_is_taken_as_it_is() -> None:
    (provider,) = json.loads(make(audience=AUDIENCE, token_audience="registry"))["providers"]

    assert provider["tokenAttributes"]["serviceAccountTokenAudience"] == "registry"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--sts-audience=pool"],
            "'pool' is not an audience of STS\nhint: //iam.googleapis.com/projects/NUMBER/",
        ),
        (["--token-audience=x"], "--token-audience needs --sts-audience: use both"),
        (
            [f"--sts-audience={AUDIENCE}", "--api-version=v1beta1"],
            "--api-version v1beta1 has no service account tokens: use v1",
        ),
    ],
)
def test_what_cannot_be_is_a_usage_error(plugin: Any, options: list[str], said: str) -> None:
    outcome = plugin(b"", "--print-config", *options)

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"gcr-credential-provider: {said}")


def outcome_document(outcome: Any) -> Any:
    assert (outcome.status, outcome.stderr) == (0, "")
    return json.loads(outcome.stdout)
