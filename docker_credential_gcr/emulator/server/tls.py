"""TLS certificate of the server: issued by its own authority, or the user's.

DATA/keys/
  ca.pem         the authority, for clients to trust; created at the first start with TLS
  ca-key.pem     its key, 0600
  server.pem     the server's certificate and key, issued again near its expiry or if it lacks a name

Servers on one database have one authority: ca.pem and ca-key.pem are copies of theirs (shared_keys.py).
"""

import ipaddress
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from docker_credential_gcr.emulator.key_files import KeyDirectory, KeyFiles, load_or_create
from docker_credential_gcr.emulator.runtime.files import read_file
from docker_credential_gcr.emulator.sites.served_names import CERTIFIED_DOMAINS, list_certified_names
from docker_credential_gcr.files import replace_file

from . import certificate_authority as certificates
from .certificate_authority import LOOPBACK, Pair, Subjects
from .listener import CertificateError, TlsIdentity

# Keys that Granian's TLS accepts; no smaller RSA key.
_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1)


def parse_subjects(names: tuple[str, ...]) -> Subjects:
    """Returns the names of the server: those of sites/hosts.py, and `names`, which may be addresses.

    No address is added, not even 127.0.0.1: if the authority constrains addresses, BoringSSL (gRPC) refuses
    a certificate with an address, for every name in it. Granian has one certificate for all clients, so names
    and addresses cannot have two.
    https://boringssl.googlesource.com/boringssl/+/refs/heads/main/crypto/x509/v3_ncons.cc
    """
    found: list[str] = []
    addresses: list[certificates.Address] = []
    for name in names:
        try:
            addresses.append(ipaddress.ip_address(name))
        except ValueError:
            found.append(name.lower())
    return Subjects(tuple(dict.fromkeys([*list_certified_names(), *found])), tuple(dict.fromkeys(addresses)))


def load_identity(
    keys: Path,
    names: tuple[str, ...] = (),
    *,
    machine: str = "localhost",
    shared: KeyFiles | None = None,
    now: float | None = None,
) -> TlsIdentity:
    """Returns the server's identity in that directory; creates or renews it. `names` are additional names.

    `machine` is left out if the authority does not permit it: a container has a new host name at each start.
    The authority is copied from `shared`, which creates it if it is absent; without `shared` it is the
    directory's own. Raises CertificateError if it does not permit another name, or has expired.
    """
    now = time.time() if now is None else now
    subjects = parse_subjects((*names, machine))
    if shared is not None:
        _copy_authority(keys, shared, subjects, now)
    locate = (shared or KeyDirectory(keys)).locate
    authority = _load_authority(keys, subjects, now, locate)
    foreign = certificates.find_unpermitted(authority, subjects)
    if foreign == [machine]:
        subjects = parse_subjects(names)
    elif foreign:
        raise CertificateError(f"{locate('ca.pem')} does not permit {', '.join(foreign)}: {_advise(locate)}")
    path = keys / "server.pem"
    if not _is_current(path, authority, subjects, now):
        pair = certificates.issue(authority, subjects, now)
        # One file, so that a crash cannot leave a certificate with another's key.
        replace_file(path, pair.key_pem() + pair.certificate_pem())
    return TlsIdentity(path, path, keys / "ca.pem")


def check_identity(certificate: Path, key: Path, now: float | None = None) -> TlsIdentity:
    """Checks the user's certificate, or chain that begins with it, and key. Raises CertificateError."""
    found = _load_certificate(certificate)
    private = _load_key(key)
    if found.public_key() != private.public_key():
        raise CertificateError(f"{key} is not the key of {certificate}")
    present = datetime.fromtimestamp(time.time() if now is None else now, timezone.utc)
    if present >= found.not_valid_after_utc:
        raise CertificateError(f"{certificate} expired on {found.not_valid_after_utc:%Y-%m-%d}: renew it")
    if present < found.not_valid_before_utc:
        raise CertificateError(f"{certificate} is not valid before {found.not_valid_before_utc:%Y-%m-%d}")
    return TlsIdentity(certificate, key)


def _copy_authority(keys: Path, shared: KeyFiles, subjects: Subjects, now: float) -> None:
    """Copies the authority into the directory. Raises CertificateError, and what `shared` raises."""
    # The key first: servers that start at the same time may issue two certificates, but for one key.
    key_pem = load_or_create(shared, "ca-key.pem", certificates.create_key_pem)
    try:
        authority_pem = load_or_create(
            shared, "ca.pem", lambda: _create_authority(subjects, now, key_pem).certificate_pem()
        )
    except (ValueError, TypeError) as error:
        place = shared.locate("ca-key.pem")
        raise CertificateError(
            f"{place} is not the key of a certificate authority: delete it, and the server creates another"
        ) from error
    replace_file(keys / "ca-key.pem", key_pem)
    replace_file(keys / "ca.pem", authority_pem)


def _create_authority(subjects: Subjects, now: float, key_pem: bytes) -> Pair:
    names = [name.removeprefix("*.") for name in subjects.names]
    domains = [*CERTIFIED_DOMAINS, *(name for name in names if not _is_certified(name))]
    others = [address for address in subjects.addresses if not address.is_loopback]
    networks = [*LOOPBACK, *map(ipaddress.ip_network, others)]
    return certificates.create_authority(domains, networks, now, key_pem)


def _load_authority(keys: Path, subjects: Subjects, now: float, locate: Callable[[str], str]) -> Pair:
    path, key_path = keys / "ca.pem", keys / "ca-key.pem"
    if not path.exists():
        pair = _create_authority(subjects, now, certificates.create_key_pem())
        replace_file(key_path, pair.key_pem())
        # Last: the authority exists when this file does.
        replace_file(path, pair.certificate_pem())
        return pair
    try:
        authority = certificates.parse_pair(read_file(path), read_file(key_path))
        authority.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except OSError as error:
        raise CertificateError(f"{error.filename}: {error.strerror}: {_advise(locate)}") from error
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise CertificateError(
            f"{locate('ca.pem')} and {key_path.name} are not a certificate authority: {_advise(locate)}"
        ) from error
    if not certificates.can_issue(authority, now):
        end = authority.certificate.not_valid_after_utc
        raise CertificateError(f"{locate('ca.pem')} expires on {end:%Y-%m-%d}: {_advise(locate)}")
    return authority


def _advise(locate: Callable[[str], str]) -> str:
    return f"delete {locate('ca.pem')} to create a new authority, which clients must then trust"


def _is_certified(name: str) -> bool:
    return any(f".{name}".endswith(f".{domain}") for domain in CERTIFIED_DOMAINS)


def _is_current(path: Path, authority: Pair, subjects: Subjects, now: float) -> bool:
    try:
        content = read_file(path)
        certificate = certificates.parse_pair(content, content).certificate
    except (OSError, ValueError, TypeError):
        return False
    return certificates.is_current(certificate, authority, subjects, now)


def _load_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError as error:
        raise CertificateError(f"{path} holds no certificate in PEM") from error


def _load_key(path: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise CertificateError(f"{path} is encrypted: decrypt it with openssl pkey") from error
    except ValueError as error:
        raise CertificateError(f"{path} holds no private key in PEM") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise CertificateError(f"{path} cannot be used for TLS: use RSA of 2048 bits, P-256, P-384 or Ed25519")


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
