"""Requests and responses in each version, byte for byte, and how long the kubelet may cache a token.

The kubelet's encoder has written the golden requests, and its decoder reads the golden responses.
"""

import json
from pathlib import Path

import pytest
from support.checkout import DATA

from docker_credential_gcr.helper import lookup
from docker_credential_gcr.helper.tokens import AccessToken, cache
from docker_credential_gcr.kubelet import VERSIONS
from docker_credential_gcr.kubelet.credential import find_lifetime, find_registry_password
from docker_credential_gcr.kubelet.messages import Request, format_response, parse_request

GOLDEN = DATA / "kubelet"
NOW = 1_700_000_000


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Returns the environment with a key whose token is in the cache."""
    key = tmp_path / "key.json"
    key.write_text("never read while the token is fresh")
    configuration = tmp_path / "config.json"
    configuration.write_text(json.dumps({"TokenSources": [f"file:{key}"]}))
    environ = {
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(configuration),
        "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(tmp_path / "cache"),
    }
    search = lookup.open_search("gcr.io", environ=environ)
    entry = search.find_entry(search.find_source(f"file:{key}"))
    assert entry is not None
    cache.save_token(entry, AccessToken("ya29.golden", expires_at=NOW + 3600, obtained_at=NOW))
    return environ


@pytest.mark.parametrize("version", VERSIONS)
def test_the_golden_request_gets_the_golden_response(environ: dict[str, str], version: str) -> None:
    request = parse_request((GOLDEN / f"{version}-request.json").read_bytes())

    password = find_registry_password(
        request, audience="", environ=environ, platform="linux", now=lambda: NOW
    )

    golden = (GOLDEN / f"{version}-response.json").read_text()
    assert format_response(request.api_version, password) == golden


def test_the_golden_request_of_a_pod_carries_its_service_account() -> None:
    assert parse_request((GOLDEN / "v1-pod-request.json").read_bytes()) == Request(
        "credentialprovider.kubelet.k8s.io/v1",
        "us-docker.pkg.dev/my-project/my-repo/app",
        "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl",
        {"iam.gke.io/gcp-service-account": "puller@my-project.iam.gserviceaccount.com"},
    )


def test_no_credential_is_the_golden_response_without_auth() -> None:
    golden = (GOLDEN / "v1-nothing-response.json").read_text()

    assert format_response("credentialprovider.kubelet.k8s.io/v1", None) == golden


@pytest.mark.parametrize(
    ("life_s", "age_s", "min_ttl_s", "lifetime_s"),
    [
        (3600, 0, 300, 3300),
        (3600, 3200, 300, 100),
        (3600, 3400, 300, 0),
        (3600, 0, 7200, 1800),  # at most half of its lifetime is kept in reserve
        (300, 0, 300, 150),
        (3600, 0, 0, 3590),  # a token is not used in its last ten seconds
        (10, 0, 300, 0),  # of unknown lifetime: for this pull only
    ],
)
def test_a_token_is_kept_until_it_is_aging(
    life_s: int, age_s: int, min_ttl_s: float, lifetime_s: int
) -> None:
    token = AccessToken("ya29.x", expires_at=NOW + life_s, obtained_at=NOW)

    assert find_lifetime(token, NOW + age_s, min_ttl_s) == lifetime_s


def test_no_secret_is_in_a_repr(environ: dict[str, str]) -> None:
    request = parse_request((GOLDEN / "v1-pod-request.json").read_bytes())
    password = find_registry_password(
        parse_request((GOLDEN / "v1-request.json").read_bytes()),
        audience="",
        environ=environ,
        now=lambda: NOW,
    )

    assert "eyJ" not in repr(request)
    assert "ya29" not in repr(password)
