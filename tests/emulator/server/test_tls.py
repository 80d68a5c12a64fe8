"""TLS files: created at the first start, renewed in time, and named if they cannot be used."""

import ipaddress
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from docker_credential_gcr.emulator.key_files import KeyDirectory
from docker_credential_gcr.emulator.server.listener import CertificateError, TlsIdentity
from docker_credential_gcr.emulator.server.tls import check_identity, load_identity

NOW = 1_800_000_000.0
DAY = 86400


def names_of(path):
    held = (
        x509.load_pem_x509_certificate(path.read_bytes())
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    return set(held.get_values_for_type(x509.DNSName)), set(held.get_values_for_type(x509.IPAddress))


def test_files_are_kept_at_the_next_start(tmp_path):
    first = load_identity(tmp_path, now=NOW)
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = load_identity(tmp_path, now=NOW + 300 * DAY)
    assert (
        again == first == TlsIdentity(tmp_path / "server.pem", tmp_path / "server.pem", tmp_path / "ca.pem")
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == content
    assert set(content) == {"ca.pem", "ca-key.pem", "server.pem"}
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600] * 3


def changed(folder, change):
    """Returns the files that a second start creates again after the change."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    change()
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {name for name, content in after.items() if before.get(name) != content}


def test_certificate_near_its_end_is_created_again(tmp_path):
    load_identity(tmp_path, now=NOW)
    assert changed(tmp_path, lambda: load_identity(tmp_path, now=NOW + 310 * DAY)) == {"server.pem"}


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_damaged_certificate_is_created_again(tmp_path, damage):
    load_identity(tmp_path, now=NOW)
    (tmp_path / "server.pem").write_bytes(damage)
    assert changed(tmp_path, lambda: load_identity(tmp_path, now=NOW)) == {"server.pem"}


def test_certificate_that_lacks_a_name_is_created_again(tmp_path):
    load_identity(tmp_path, ("registry.example.com", "10.0.0.7"), now=NOW)
    assert changed(tmp_path, lambda: load_identity(tmp_path, now=NOW)) == {"server.pem"}
    assert "registry.example.com" not in names_of(tmp_path / "server.pem")[0]
    renewed = changed(
        tmp_path, lambda: load_identity(tmp_path, ("registry.example.com", "10.0.0.7"), now=NOW)
    )
    names, addresses = names_of(tmp_path / "server.pem")
    assert renewed == {"server.pem"}
    assert "registry.example.com" in names
    assert addresses == {ipaddress.ip_address("10.0.0.7")}


# Below an authority like ours, BoringSSL refuses all names of a certificate that has an address too.
@pytest.mark.parametrize(
    ("names", "machine", "expected"),
    [
        pytest.param((), "localhost", [], id="H-Z52-default"),
        pytest.param(("127.0.0.1",), "localhost", ["127.0.0.1"], id="H-Z52-loopback-is-asked-for"),
        pytest.param((), "::1", ["::1"], id="H-Z52-server-that-only-an-address-leads-to"),
        pytest.param(("10.0.0.7", "10.0.0.7"), "build", ["10.0.0.7"], id="H-Z52-another-machine"),
    ],
)
def test_certificate_holds_the_addresses_that_were_asked_for(tmp_path, names, machine, expected):
    load_identity(tmp_path, names, machine=machine, now=NOW)
    assert names_of(tmp_path / "server.pem")[1] == set(map(ipaddress.ip_address, expected))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("127.0.0.1", "::1"), (), id="H-Z52-no-address-is-wanted-any-more"),
        pytest.param((), ("127.0.0.1",), id="H-Z52-an-address-is-wanted-now"),
    ],
)
def test_certificate_with_other_addresses_is_made_again_by_the_same_authority(tmp_path, before, after):
    load_identity(tmp_path, before, now=NOW)
    assert changed(tmp_path, lambda: load_identity(tmp_path, after, now=NOW)) == {"server.pem"}
    assert names_of(tmp_path / "server.pem")[1] == set(map(ipaddress.ip_address, after))


def test_new_authority_makes_a_new_certificate(tmp_path):
    load_identity(tmp_path, now=NOW)
    (tmp_path / "ca.pem").unlink()
    assert changed(tmp_path, lambda: load_identity(tmp_path, now=NOW)) == {
        "ca.pem",
        "ca-key.pem",
        "server.pem",
    }


def test_name_that_comes_later_needs_a_new_authority(tmp_path):
    load_identity(tmp_path, now=NOW)
    with pytest.raises(CertificateError) as refused:
        load_identity(tmp_path, ("registry.example.com", "10.0.0.7"), now=NOW)
    assert str(refused.value) == (
        f"{tmp_path}/ca.pem does not permit registry.example.com, 10.0.0.7: "
        f"delete {tmp_path}/ca.pem to create a new authority, which clients must then trust"
    )


def test_machine_that_is_called_otherwise_is_left_out(tmp_path):
    load_identity(tmp_path, machine="first", now=NOW)
    assert "first" in names_of(tmp_path / "server.pem")[0]
    load_identity(tmp_path, machine="second", now=NOW)
    assert "second" not in names_of(tmp_path / "server.pem")[0]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda keys: (keys / "ca-key.pem").unlink(), "{0}/ca-key.pem: No such file or directory: "),
        (
            lambda keys: (keys / "ca.pem").write_text("x"),
            "{0}/ca.pem and ca-key.pem are not a certificate authority: ",
        ),
        (
            lambda keys: (keys / "ca-key.pem").write_bytes(another_key()),
            "{0}/ca.pem and ca-key.pem are not a certificate authority: ",
        ),
    ],
)
def test_authority_that_is_not_whole_is_named(tmp_path, spoil, complaint):
    load_identity(tmp_path, now=NOW)
    spoil(tmp_path)
    with pytest.raises(CertificateError) as refused:
        load_identity(tmp_path, now=NOW)
    advice = f"delete {tmp_path}/ca.pem to create a new authority, which clients must then trust"
    assert str(refused.value) == complaint.format(tmp_path) + advice


def test_authority_near_its_end_is_named(tmp_path):
    load_identity(tmp_path, now=NOW)
    with pytest.raises(CertificateError, match=f"{tmp_path}/ca.pem expires on 2037-01-13: delete"):
        load_identity(tmp_path, now=NOW + 3600 * DAY)


def another_key():
    return pem(ec.generate_private_key(ec.SECP256R1()))


def pem(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


KEYS = {
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def write_own(folder, key, *, begin=NOW - DAY, end=NOW + DAY, password=None):
    """Creates a self-signed certificate and its key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.fromtimestamp(begin, timezone.utc))
        .not_valid_after(datetime.fromtimestamp(end, timezone.utc))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    signed = builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    (folder / "own.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "own-key.pem").write_bytes(pem(key, password))
    return folder / "own.pem", folder / "own-key.pem"


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_own_certificate_is_taken_with_each_kind_of_key(tmp_path, make):
    certificate, key = write_own(tmp_path, make())
    assert check_identity(certificate, key, NOW) == TlsIdentity(certificate, key, None)


def leave(_):
    pass


def spoil_key(folder):
    (folder / "own-key.pem").write_bytes(another_key())


WRONG = {
    "mismatch": (write_own, spoil_key, "{0}/own-key.pem is not the key of {0}/own.pem"),
    "encrypted": (
        lambda folder, key: write_own(folder, key, password=b"secret"),
        leave,
        "{0}/own-key.pem is encrypted: decrypt it with openssl pkey",
    ),
    "expired": (
        lambda folder, key: write_own(folder, key, begin=NOW - 9 * DAY, end=NOW),
        leave,
        "{0}/own.pem expired on 2027-01-15: renew it",
    ),
    "early": (
        lambda folder, key: write_own(folder, key, begin=NOW + DAY, end=NOW + 2 * DAY),
        leave,
        "{0}/own.pem is not valid before 2027-01-16",
    ),
    "no-certificate": (
        write_own,
        lambda folder: (folder / "own.pem").unlink(),
        "{0}/own.pem: No such file or directory",
    ),
    "no-key": (
        write_own,
        lambda folder: (folder / "own-key.pem").unlink(),
        "{0}/own-key.pem: No such file or directory",
    ),
    "certificate-is-none": (
        write_own,
        lambda folder: (folder / "own.pem").write_text("x"),
        "{0}/own.pem holds no certificate in PEM",
    ),
    "key-is-none": (
        write_own,
        lambda folder: (folder / "own-key.pem").write_text("x"),
        "{0}/own-key.pem holds no private key in PEM",
    ),
}


@pytest.mark.parametrize(("write", "spoil", "complaint"), WRONG.values(), ids=WRONG)
def test_own_certificate_that_cannot_be_shown_is_named(tmp_path, write, spoil, complaint):
    certificate, key = write(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    spoil(tmp_path)
    with pytest.raises(CertificateError) as refused:
        check_identity(certificate, key, NOW)
    assert str(refused.value) == complaint.format(tmp_path)


@pytest.mark.parametrize(
    "make",
    [lambda: ec.generate_private_key(ec.SECP521R1()), lambda: rsa.generate_private_key(65537, 1024)],  # noqa: S505 - that is the point
)
def test_key_that_the_server_cannot_sign_with_is_refused(tmp_path, make):
    with pytest.raises(CertificateError, match=r"own-key\.pem cannot be used for TLS: use RSA of 2048 bits"):
        check_identity(*write_own(tmp_path, make()), NOW)


@pytest.fixture
def shared(tmp_path):
    """Returns the key files of all servers on one database."""
    (tmp_path / "shared").mkdir()
    return KeyDirectory(tmp_path / "shared")


def serve_with(shared, keys, *names, machine="localhost", now=NOW):
    """Returns the files of a server whose authority is the shared one."""
    keys.mkdir(exist_ok=True)
    load_identity(keys, names, machine=machine, shared=shared, now=now)
    return {path.name: path.read_bytes() for path in keys.iterdir()}


def test_servers_on_one_database_have_one_authority_and_a_certificate_each(tmp_path, shared):
    first = serve_with(shared, tmp_path / "first", machine="first")
    second = serve_with(shared, tmp_path / "second", machine="second")
    for name in ("ca.pem", "ca-key.pem"):
        assert first[name] == second[name] == shared.find(name)
    assert shared.find("server.pem") is None
    assert first["server.pem"] != second["server.pem"]
    assert serve_with(shared, tmp_path / "first", machine="first") == first


def test_certificate_of_another_authority_is_issued_again_by_the_shared_one(tmp_path, shared):
    own = serve_with(None, tmp_path / "own")
    copied = serve_with(shared, tmp_path / "own")
    assert {name for name in own if own[name] != copied[name]} == {"ca.pem", "ca-key.pem", "server.pem"}


@pytest.mark.parametrize(
    ("spoil", "names", "now", "complaint"),
    [
        ({}, ("registry.example.com",), NOW, "{0}/ca.pem does not permit registry.example.com: {1}"),
        ({}, (), NOW + 3600 * DAY, "{0}/ca.pem expires on 2037-01-13: {1}"),
        ({"ca.pem": b"x"}, (), NOW, "{0}/ca.pem and ca-key.pem are not a certificate authority: {1}"),
        (
            {"ca.pem": None, "ca-key.pem": b"x"},
            (),
            NOW,
            "{0}/ca-key.pem is not the key of a certificate authority: delete it, and the server creates "
            "another",
        ),
    ],
    ids=["name", "expiry", "authority", "key"],
)
def test_shared_authority_that_cannot_be_used_is_named_by_its_place(
    tmp_path, shared, spoil, names, now, complaint
):
    serve_with(shared, tmp_path / "first")
    for name, content in spoil.items():
        (tmp_path / "shared" / name).unlink()
        if content is not None:
            shared.create(name, content)
    with pytest.raises(CertificateError) as refused:
        serve_with(shared, tmp_path / "second", *names, now=now)
    place = tmp_path / "shared"
    advice = f"delete {place}/ca.pem to create a new authority, which clients must then trust"
    assert str(refused.value) == complaint.format(place, advice)
