"""Signed URLs give access to their resource until they expire, and to nothing else."""

import pytest

from docker_credential_gcr.emulator.identity.signed_urls import UrlSigner
from docker_credential_gcr.emulator.identity.tokens import Signer

NOW = 1_700_000_000
SIGNER = UrlSigner(b"a secret")
SIGNATURE = SIGNER.sign("bucket", "repository", "digest", expires_at=NOW + 300)


@pytest.mark.parametrize("now", [0, NOW, NOW + 299.999])
def test_a_link_opens_what_it_was_signed_for_until_it_ends(now: float) -> None:
    assert SIGNER.is_valid(SIGNATURE, "bucket", "repository", "digest", expires_at=NOW + 300, now=now)


@pytest.mark.parametrize(
    ("signature", "opened", "expires_at", "now"),
    [
        (SIGNATURE, ("bucket", "repository", "digest"), NOW + 300, NOW + 300),
        (SIGNATURE, ("bucket", "repository", "digest"), NOW + 301, NOW),
        (SIGNATURE, ("bucket", "repository", "other"), NOW + 300, NOW),
        (SIGNATURE, ("bucket", "repositorydigest"), NOW + 300, NOW),
        (SIGNATURE, ("repository", "bucket", "digest"), NOW + 300, NOW),
        (SIGNATURE, (), NOW + 300, NOW),
        ("", ("bucket", "repository", "digest"), NOW + 300, NOW),
        (SIGNATURE[:-1], ("bucket", "repository", "digest"), NOW + 300, NOW),
        (SIGNATURE.upper(), ("bucket", "repository", "digest"), NOW + 300, NOW),
        ("é" * 64, ("bucket", "repository", "digest"), NOW + 300, NOW),
    ],
)
def test_anything_else_is_no_link(
    signature: str, opened: tuple[str, ...], expires_at: int, now: float
) -> None:
    assert not SIGNER.is_valid(signature, *opened, expires_at=expires_at, now=now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "b\nc"), ("a\nb", "c"), id="D-Z22-a line's end"),
        pytest.param(("a", "b"), ("a\0b",), id="D-Z22-a NUL"),
        pytest.param(('a", "b',), ("a", "b"), id="D-Z22-quotes"),
        pytest.param(("ab", ""), ("a", "b"), id="D-Z22-a character moved"),
    ],
)
def test_a_link_of_other_parts_has_another_signature(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert SIGNER.sign(*one, expires_at=NOW) != SIGNER.sign(*other, expires_at=NOW)


def test_another_secret_signs_other_links() -> None:
    other = UrlSigner(b"another secret").sign("bucket", "repository", "digest", expires_at=NOW + 300)
    assert not SIGNER.is_valid(other, "bucket", "repository", "digest", expires_at=NOW + 300, now=NOW)


def test_a_signing_key_gives_the_same_secret_for_a_purpose_and_others_for_others() -> None:
    signer, stranger = Signer.generate(), Signer.generate()
    again = Signer.from_pem(signer.to_pem())
    secret = signer.derive_key("links")
    assert (len(secret), again.derive_key("links")) == (32, secret)
    assert len({secret, signer.derive_key("other"), stranger.derive_key("links")}) == 3
