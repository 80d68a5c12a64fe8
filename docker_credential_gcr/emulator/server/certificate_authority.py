"""Certificate authority with name constraints: it can sign for a server's names and no others."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

_AUTHORITY_LIFETIME = timedelta(days=3652)
# Clients refuse a certificate that is valid for more than 398 days. https://support.apple.com/102028
_LIFETIME = timedelta(days=397)
# A server reads its certificate at its start, and may run this long.
_REMAINING = timedelta(days=90)
# The clock of a client may be behind.
_SKEW = timedelta(days=1)


@dataclass(frozen=True)
class Subjects:
    """Subjects of a certificate: DNS names, some with a wildcard, and IP addresses."""

    names: tuple[str, ...]
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """Returns the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """Returns the key as PEM, not encrypted."""
        return _format_key(self.key)


def parse_pair(certificate_pem: bytes, key_pem: bytes) -> Pair:
    """Parses the certificate and key of an authority or a server. Raises ValueError if they do not match."""
    certificate, key = x509.load_pem_x509_certificate(certificate_pem), _parse_key(key_pem)
    if certificate.public_key() != key.public_key():
        raise ValueError("the key is not the certificate's")
    return Pair(certificate, key)


def create_key_pem() -> bytes:
    """Creates the key of an authority, and returns it as PEM, not encrypted."""
    return _format_key(ec.generate_private_key(ec.SECP256R1()))


def create_authority(
    domains: Iterable[str], networks: Iterable[Network], now: float, key_pem: bytes | None = None
) -> Pair:
    """Creates an authority whose certificates clients accept for those domains and networks only.

    It has the key in `key_pem`, or a new one. Raises ValueError or TypeError if that is not an EC key.
    """
    key = _parse_key(key_pem or create_key_pem())
    name = _name("gcr-emulator certificate authority")
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in domains]
    permitted += [x509.IPAddress(network) for network in networks]
    builder = (
        _begin(name, name, key.public_key(), now, _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Pair, subjects: Subjects, now: float) -> Pair:
    """Issues a server's certificate for the subjects, with a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    subject_key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key)
    builder = (
        _begin(_name("gcr-emulator"), issuer.subject, key.public_key(), now, _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority_key, critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(subjects)), critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def is_current(certificate: x509.Certificate, authority: Pair, subjects: Subjects, now: float) -> bool:
    """Returns whether a server can use it: issued by the authority, for those subjects, 90 days valid."""
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        set(_general_names(subjects)) == set(held)
        and certificate.not_valid_before_utc <= _instant(now)
        and certificate.not_valid_after_utc - _instant(now) > _REMAINING
    )


def can_issue(authority: Pair, now: float) -> bool:
    """Returns whether the authority is valid for 90 more days."""
    return authority.certificate.not_valid_after_utc - _instant(now) > _REMAINING


def find_unpermitted(authority: Pair, subjects: Subjects) -> list[str]:
    """Returns those of the subjects that the authority does not permit."""
    constraints = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = constraints.permitted_subtrees or []
    domains = [item.value for item in permitted if isinstance(item, x509.DNSName)]
    networks = [item.value for item in permitted if isinstance(item, x509.IPAddress)]
    names = [
        name
        for name in subjects.names
        if not any(f".{name.removeprefix('*.')}".endswith(f".{domain}") for domain in domains)
    ]
    addresses = [str(item) for item in subjects.addresses if not any(_is_in(item, at) for at in networks)]
    return names + addresses


def _parse_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an EC key")
    return key


def _format_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _is_in(address: Address, network: object) -> bool:
    return isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and address in network


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: float,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    begin = _instant(now) - _SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    uses = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: allowed.get(use, False) for use in uses})


def _general_names(subjects: Subjects) -> list[x509.GeneralName]:
    return [*map(x509.DNSName, subjects.names), *map(x509.IPAddress, subjects.addresses)]


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _instant(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), timezone.utc)
