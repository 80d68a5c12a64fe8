"""Server strings: which spellings name a registry of Google, and which only look like it."""

import pytest

from docker_credential_gcr.helper import registries

HOSTS = [
    ("gcr.io", "gcr.io"),
    ("GCR.IO", "gcr.io"),
    ("gcr.io:443", "gcr.io"),
    ("https://gcr.io", "gcr.io"),
    ("http://gcr.io", "gcr.io"),
    ("https://gcr.io/v2/", "gcr.io"),
    ("gcr.io/p/i", "gcr.io"),
    ("gcr.io/p/i@sha256:0?x#y", "gcr.io"),
    ("us.gcr.io", "us.gcr.io"),
    ("us-docker.pkg.dev/v2/", "us-docker.pkg.dev"),
    ("docker.us-west8.rep.pkg.dev", "docker.us-west8.rep.pkg.dev"),
    ("gcr.io:5000", "gcr.io:5000"),
    ("localhost:5000", "localhost:5000"),
    ("localhost:443", "localhost:443"),
    ("[::1]:5000", "[::1]:5000"),
    ("https://https://gcr.io", "https:"),
    ("gcr.io.", None),
    ("gcr.io./v2/", None),
    ("https://u:p@gcr.io", None),
    ("gcr.io@evil.example", None),
    ("gcr.io?x", None),
    ("gcr.io#x", None),
    ("gcr%2eio", None),
    ("evil.example\\.gcr.io", None),
    ("gcr.io evil", None),
    ("/gcr.io", None),
    ("https://", None),
]


@pytest.mark.parametrize(("server_url", "host"), HOSTS)
def test_a_server_string_names_a_host_or_nothing(server_url: str, host: str | None) -> None:
    assert registries.find_host(server_url) == host


TRUST_DOMAINS = [
    ("gcr.io", "google"),
    ("eu.gcr.io", "google"),
    ("staging-k8s.gcr.io", "google"),
    ("europe-west10-docker.pkg.dev", "google"),
    ("docker.us.rep.pkg.dev", "google"),
    ("localhost:5000", "loopback"),
    ("127.0.0.1:5000", "loopback"),
    ("127.8.8.8", "loopback"),
    ("[::1]:5000", "loopback"),
    ("gcr.localhost:5000", "loopback"),
    ("registry.example:5000", "other"),
    ("127.example.com", "other"),
    ("evilgcr.io", None),
    ("gcr.io.evil.example", None),
    (".gcr.io", None),
    ("a.b.gcr.io", None),
    ("a_b.gcr.io", None),
    ("gcr.io:5000", None),
    ("gcr.io:443.evil.example", None),
    ("-docker.pkg.dev", None),
    ("x-docker.pkg.dev.evil.example", None),
    ("a.b-docker.pkg.dev", None),
    ("us-python.pkg.dev", None),
    ("pkg.dev", None),
    ("docker.rep.pkg.dev", None),
    ("docker..rep.pkg.dev", None),
    ("docker.a.b.rep.pkg.dev", None),
    ("index.docker.io", None),
]


@pytest.mark.parametrize(("host", "domain"), TRUST_DOMAINS)
def test_a_host_is_googles_or_configured_or_another_registrys(host: str, domain: str | None) -> None:
    configured = {host} if domain in ("loopback", "other") else set()

    assert registries.find_trust_domain(host, configured) == domain


@pytest.mark.parametrize(
    ("data", "server_url"),
    [
        (b" \r\n gcr.io\t\n", "gcr.io"),
        (b" \n", ""),
        (b"", ""),
        (b"gcr.io\nevil.example", None),
        (b"gcr.io\revil.example", None),
        (b"gcr.io\0", None),
        (b"gcr.io\x7f", None),
        (b"gcr.\xd1\x96o", None),
        (b"gcr.io\xff", None),
        (b"a" * 65536, "a" * 65536),
        (b"a" * 65537, None),
    ],
)
def test_what_docker_sends_is_one_line_of_ascii(data: bytes, server_url: str | None) -> None:
    assert registries.find_server_url(data) == server_url
