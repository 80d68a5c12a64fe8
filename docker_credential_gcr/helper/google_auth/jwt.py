"""JSON Web Tokens: signs them with the RSA key of a service account (RS256). Loaded only for a new token.

BASE64URL({"typ":"JWT","alg":"RS256","kid":"0d3d…"}).BASE64URL({"iss":"ci@…",…}).BASE64URL(signature)
https://www.rfc-editor.org/rfc/rfc7515#section-3.1
"""

import base64
import math

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from docker_credential_gcr.helper import wire


def sign(private_key: str, key_id: str | None, claims: dict[str, str | int]) -> str:
    """Returns the claims as a signed token. Raises ValueError with the fault of the PEM text."""
    key = load_key(private_key)
    header: dict[str, str | int] = {"typ": "JWT", "alg": "RS256"}
    if key_id is not None:
        header["kid"] = key_id
    message = b".".join(encode(wire.format_members(part).encode("ascii")) for part in (header, claims))
    try:
        signature = key.sign(message, PKCS1v15(), SHA256())
    except ValueError as error:  # its modulus is shorter than the digest
        raise ValueError("is not RSA") from error
    return b".".join((message, encode(signature))).decode("ascii")


def load_key(private_key: str) -> RSAPrivateKey:
    """Returns the RSA key in a PEM text. Raises ValueError with the fault of the text."""
    if "ENCRYPTED" in private_key:
        raise ValueError("is encrypted")
    try:
        # The library's validation takes 27 ms, three times Python's start. `is_consistent` does all of it
        # but the test whether the two factors are prime.
        key = load_pem_private_key(private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
    except Exception as error:  # the library has further exceptions for some keys
        raise ValueError("is not PEM") from error
    if not isinstance(key, RSAPrivateKey) or not is_consistent(key.private_numbers()):
        raise ValueError("is not RSA")
    return key


def is_consistent(key: RSAPrivateNumbers) -> bool:
    """Returns whether the numbers form one key: OpenSSL may hang with others.

    https://www.rfc-editor.org/rfc/rfc8017#section-3.2
    """
    p, q, d, e = key.p, key.q, key.d, key.public_numbers.e
    if min(p, q, e) < 3 or not p & q & e & 1 or p * q != key.public_numbers.n:
        return False
    return (
        d * e % math.lcm(p - 1, q - 1) == 1
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and key.iqmp * q % p == 1
    )


def encode(data: bytes) -> bytes:
    """Returns base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")
