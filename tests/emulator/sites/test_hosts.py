"""Hosts: the repository that a name means at each of them."""

import pytest

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.sites.hosts import (
    find_site,
    is_google_api,
    is_metadata_server,
    is_safe_from_rebinding,
    locate,
)


@pytest.mark.parametrize(
    ("host", "name", "site", "path", "project_id", "bucket"),
    [
        ("gcr.io", "p/i", "gcr.io", "p/i", "p", "artifacts.p.appspot.com"),
        ("us.gcr.io", "p/i", "us.gcr.io", "p/i", "p", "us.artifacts.p.appspot.com"),
        ("EU.GCR.IO:5000", "p/a/b", "eu.gcr.io", "p/a/b", "p", "eu.artifacts.p.appspot.com"),
        ("asia.gcr.io.localhost:5000", "p/i", "asia.gcr.io", "p/i", "p", "asia.artifacts.p.appspot.com"),
        ("localhost:5000", "p/i", "gcr.io", "p/i", "p", "artifacts.p.appspot.com"),
        ("[::1]:5000", "p/i", "gcr.io", "p/i", "p", "artifacts.p.appspot.com"),
        ("127.0.0.1:5000", "eu.gcr.io/p/i", "eu.gcr.io", "p/i", "p", "eu.artifacts.p.appspot.com"),
        (
            "gcr.io",
            "example.com/p/i",
            "gcr.io",
            "example.com/p/i",
            "example.com:p",
            "artifacts.p.example.com.a.appspot.com",
        ),
    ],
)
def test_name_at_a_host(host, name, site, path, project_id, bucket):
    target = locate(host, name)
    assert (target.site.host, target.name, target.path, target.project_id, target.bucket) == (
        site,
        name,
        path,
        project_id,
        bucket,
    )


@pytest.mark.parametrize(
    ("host", "name", "site", "path", "project_id", "repository_id", "bucket"),
    [
        ("us-docker.pkg.dev", "p/r/i", "us-docker.pkg.dev", "p/r/i", "p", "r", "us~p~r"),
        ("US-docker.PKG.dev:443", "p/r/a/b", "us-docker.pkg.dev", "p/r/a/b", "p", "r", "us~p~r"),
        (
            "docker.us-central1.rep.pkg.dev",
            "p/r/i",
            "us-central1-docker.pkg.dev",
            "p/r/i",
            "p",
            "r",
            "us-central1~p~r",
        ),
        ("localhost:5000", "us-docker.pkg.dev/p/r/i", "us-docker.pkg.dev", "p/r/i", "p", "r", "us~p~r"),
        ("us-docker.pkg.dev.localhost:5000", "p/r/i", "us-docker.pkg.dev", "p/r/i", "p", "r", "us~p~r"),
        (
            "us-docker.pkg.dev",
            "example.com/p/r/i",
            "us-docker.pkg.dev",
            "example.com/p/r/i",
            "example.com:p",
            "r",
            "us~p.example.com.a~r",
        ),
    ],
)
def test_name_at_a_host_of_artifact_registry(host, name, site, path, project_id, repository_id, bucket):
    target = locate(host, name)
    assert (
        target.site.host,
        target.name,
        target.path,
        target.project_id,
        target.repository_id,
        target.bucket,
    ) == (site, name, path, project_id, repository_id, bucket)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("us-docker.pkg.dev", "p/r"),
        ("us-docker.pkg.dev", "example.com/p/r"),
        ("localhost", "us-docker.pkg.dev/p/r"),
    ],
)
def test_name_without_repository_and_image_is_refused(host, name):
    with pytest.raises(InvalidName, match=r"expected PROJECT/REPOSITORY/IMAGE$"):
        locate(host, name)


@pytest.mark.parametrize("name", ["", "p", "eu.gcr.io", "eu.gcr.io/p", "example.com/p", "P/i"])
def test_name_without_project_and_image_is_refused(name):
    with pytest.raises(InvalidName):
        locate("localhost:5000", name)


@pytest.mark.parametrize(
    "host",
    [
        "gcr.io.evil.com",
        "evilgcr.io",
        "a.gcr.io.localhost",
        "localhost",
        "",
        "[::1]",
        "-docker.pkg.dev",
        "docker.pkg.dev",
        "a.us-docker.pkg.dev",
        "us-docker.pkg.dev.evil.com",
        "us-python.pkg.dev",
        "docker.rep.pkg.dev",
    ],
)
def test_host_that_only_looks_like_a_registry_is_none(host):
    assert find_site(host) is None


def test_google_apis_are_no_registries():
    assert is_google_api("OAuth2.googleapis.com:443")
    assert not is_google_api("gcr.io")


@pytest.mark.parametrize(
    ("host", "is_its_own", "may_be_asked"),
    [
        ("metadata.google.internal", True, True),
        ("METADATA.google.internal:80", True, True),
        ("metadata.google.internal.", True, True),
        ("metadata.google.internal.localhost:5000", True, True),
        ("metadata", True, True),
        ("169.254.169.254", True, True),
        ("169.254.169.254:80", True, True),
        ("[fd20:ce::254]", True, True),
        ("localhost:5000", False, True),
        ("any.localhost:5000", False, True),
        ("127.0.0.1:5000", False, True),
        ("[::1]:5000", False, True),
        ("172.17.0.1:5000", False, True),
        ("rebound.example.com", False, False),
        ("metadata.google.internal.example.com", False, False),
        ("localhost.example.com:5000", False, False),
    ],
)
def test_hosts_of_the_metadata_server(host, is_its_own, may_be_asked):
    assert (is_metadata_server(host), is_safe_from_rebinding(host)) == (is_its_own, may_be_asked)
