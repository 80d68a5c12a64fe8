"""Certificate authority: accepted for the server's names only; its certificates are renewed in time."""

import ipaddress
import ssl
import subprocess
from datetime import datetime, timezone

import pytest
from cryptography import x509

from docker_credential_gcr.emulator.server import certificate_authority as certificates
from docker_credential_gcr.emulator.server.certificate_authority import Subjects
from docker_credential_gcr.emulator.server.tls import load_identity
from docker_credential_gcr.emulator.sites.locations import LOCATIONS

NOW = 1_800_000_000.0
DAY = 86400


def load(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_of(path):
    held = load(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(held.get_values_for_type(x509.DNSName)), set(held.get_values_for_type(x509.IPAddress))


def matches(pattern, host):
    """Returns whether a name matches, as clients compare: a wildcard is the whole first label."""
    return pattern == host or (pattern.startswith("*.") and pattern[2:] == host.partition(".")[2])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        *(
            "gcr.io",
            "us.gcr.io",
            "mirror.gcr.io",
            "eu-mirror.gcr.io",
            "gcr.io.localhost",
            "eu.gcr.io.localhost",
        ),
        *(f"{location}-docker.pkg.dev" for location in LOCATIONS),
        *(f"{location}-docker.pkg.dev.localhost" for location in LOCATIONS),
        *("docker.europe-west10.rep.pkg.dev", "docker.us-east4.rep.pkg.dev.localhost"),
        *("oauth2.googleapis.com", "storage.googleapis.com", "iam.googleapis.com.localhost"),
        *("accounts.google.com", "metadata.google.internal", "console.cloud.google.com"),
    ],
)
def test_certificate_holds_every_name_of_the_server(identity, host):
    names, _ = names_of(identity.certificate)
    assert any(matches(name, host) for name in names)


@pytest.mark.parametrize(
    "host", ["google.com", "example.com", "gcr.io.example.com", "docker.io", "mail.google.com"]
)
def test_certificate_holds_no_other_name(identity, host):
    names, _ = names_of(identity.certificate)
    assert not any(matches(name, host) for name in names)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return load_identity(tmp_path_factory.mktemp("keys"), now=NOW)


def test_lifetimes_are_ten_years_and_less_than_398_days(identity):
    authority, server = load(identity.ca), load(identity.certificate)
    present = datetime.fromtimestamp(NOW, timezone.utc)
    assert [(item.not_valid_after_utc - present).days for item in (authority, server)] == [3651, 396]
    assert (server.not_valid_after_utc - server.not_valid_before_utc).days == 397


def test_extensions_are_those_that_clients_ask_for(identity):
    def describe(certificate):
        return {item.oid._name: item.critical for item in certificate.extensions}

    assert describe(load(identity.ca)) == {
        "subjectKeyIdentifier": False,
        "basicConstraints": True,
        "keyUsage": True,
        "nameConstraints": True,
    }
    assert describe(load(identity.certificate)) == {
        "subjectKeyIdentifier": False,
        "basicConstraints": True,
        "keyUsage": True,
        "extendedKeyUsage": False,
        "authorityKeyIdentifier": False,
        "subjectAltName": False,
    }


@pytest.mark.parametrize(("name", "is_believed"), [("eu.gcr.io", True), ("mail.google.com", False)])
def test_openssl_believes_the_authority_for_its_names_alone(tmp_path, name, is_believed):
    """Simulates a stolen key: it signs for any name, and clients refuse those outside the constraints."""
    authority = certificates.create_authority(["gcr.io"], certificates.LOOPBACK, NOW)
    forged = certificates.issue(authority, Subjects((name,), ()), NOW)
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem())
    (tmp_path / "forged.pem").write_bytes(forged.certificate_pem())
    verified = subprocess.run(
        ["openssl", "verify", "-attime", str(int(NOW)), "-CAfile", "ca.pem", "forged.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode == 0, "permitted subtree violation" in verified.stderr) == (
        is_believed,
        not is_believed,
    )


def test_forged_address_is_outside_too():
    authority = certificates.create_authority(["gcr.io"], certificates.LOOPBACK, NOW)
    subjects = Subjects(("gcr.io", "xgcr.io"), tuple(map(ipaddress.ip_address, ("127.1.2.3", "10.0.0.1"))))
    assert certificates.find_unpermitted(authority, subjects) == ["xgcr.io", "10.0.0.1"]


def test_python_trusts_the_certificate_by_the_authority_alone(tmp_path):
    """Checks that ssl applies the name constraints; the handshake is in memory."""
    identity = load_identity(tmp_path, ("127.0.0.1", "::1"))
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(identity.certificate, identity.key)
    client_context = ssl.create_default_context(cafile=identity.ca)
    for host in ("localhost", "127.0.0.1", "::1", "gcr.io", "us-docker.pkg.dev", "gcr.io.localhost"):
        shake_hands(client_context, server_context, host)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(client_context, server_context, "example.com")


def shake_hands(client_context, server_context, host):
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    for end in (client, server, client, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
