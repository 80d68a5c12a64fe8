"""PKCE: a verifier matches its own challenge only."""

import pytest

from docker_credential_gcr.emulator.identity.oauth import pkce

# https://www.rfc-editor.org/rfc/rfc7636#appendix-B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("verifier", "challenge", "method", "expected"),
    [
        (VERIFIER, CHALLENGE, "S256", True),
        (VERIFIER, VERIFIER, "plain", True),
        ("~" * 128, "~" * 128, "plain", True),
        (VERIFIER, CHALLENGE, "plain", False),
        (CHALLENGE, CHALLENGE, "S256", False),
        (VERIFIER[:-1], CHALLENGE, "S256", False),
        ("", "", "plain", False),
        ("a" * 42, "a" * 42, "plain", False),
        ("a" * 129, "a" * 129, "plain", False),
        ("ä" * 43, "ä" * 43, "plain", False),
        (f"{VERIFIER}\n", f"{VERIFIER}\n", "plain", False),
    ],
)
def test_a_verifier_belongs_to_its_challenge(
    verifier: str, challenge: str, method: str, expected: bool
) -> None:
    assert pkce.matches(verifier, challenge, method) is expected
