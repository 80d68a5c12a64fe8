"""Keys are the same after encoding: from PEM, and as JSON Web Keys by another library."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from docker_credential_gcr.emulator.identity.federation.issuer import Issuer
from docker_credential_gcr.emulator.identity.keys import encoding as keys
from docker_credential_gcr.emulator.identity.tokens import Signer


def find_short() -> ec.EllipticCurvePrivateKey:
    """Returns a key with a coordinate that needs fewer than 32 bytes; its JWK has 32 nevertheless.

    https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2
    """
    numbers = (ec.derive_private_key(value, ec.SECP256R1()) for value in range(1, 5000))
    return next(key for key in numbers if key.public_key().public_numbers().x < 2**248)


KEYS = {
    "P-256": ec.derive_private_key(1, ec.SECP256R1()),
    "P-256 with a short coordinate": find_short(),
    "RSA": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_json_web_key_is_the_key(name: str) -> None:
    public = KEYS[name].public_key()

    document = keys.format_jwk(public, "k1")

    read = jwt.PyJWK(document)
    assert isinstance(read.key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    assert read.key.public_numbers() == public.public_numbers()
    assert (read.key_id, read.public_key_use) == ("k1", "sig")
    assert read.algorithm_name == ("RS256" if name == "RSA" else "ES256")
    assert {len(document[part]) for part in ("x", "y") if part in document} <= {43}


@pytest.mark.parametrize("kind", [Signer, Issuer])
def test_a_signing_key_is_read_back_from_its_pem(kind: type[keys.SigningKey]) -> None:
    pem = kind.generate().to_pem()

    assert kind.from_pem(pem).to_pem() == pem


@pytest.mark.parametrize("kind", [Signer, Issuer])
@pytest.mark.parametrize("key", [KEYS["RSA"], ec.derive_private_key(1, ec.SECP384R1())], ids=["RSA", "P-384"])
def test_no_other_key_signs(kind: type[keys.SigningKey], key: keys.PrivateKey) -> None:
    with pytest.raises(ValueError, match=f"^{kind.name} is not an EC key on P-256$"):
        kind.from_pem(keys.format_private(key))


def test_service_accounts_have_rsa_keys_alone() -> None:
    private, public = KEYS["RSA"], KEYS["P-256"].public_key()

    pem = keys.format_private(private).decode()
    assert keys.load_rsa(pem).private_numbers() == private.private_numbers()
    with pytest.raises(TypeError, match="not an RSA key"):
        keys.load_rsa(keys.format_private(KEYS["P-256"]).decode())
    with pytest.raises(TypeError, match="not an RSA key"):
        keys.load_public_rsa(keys.format_public(public))
