"""An empty secret is equal to no text (Z19)."""

import pytest

from docker_credential_gcr.emulator.identity.administrators import NotAnAdministrator, find_administrator
from docker_credential_gcr.emulator.identity.credentials import InvalidCredential
from docker_credential_gcr.emulator.identity.oauth.clients import Client
from docker_credential_gcr.emulator.identity.oauth.pkce import matches
from docker_credential_gcr.emulator.identity.secret import is_secret


@pytest.mark.parametrize(
    ("given", "known", "same"),
    [
        ("the secret", "the secret", True),
        ("the secre", "the secret", False),
        ("", "the secret", False),
        ("", "", False),
        ("x", "", False),
        ("é", "é", True),
        ("\udcff", "the secret", False),
        ("\ud800", "", False),
    ],
)
def test_a_secret_is_equal_to_itself_alone_and_an_empty_one_to_nothing(given, known, same):
    assert is_secret(given, known) is same


def administers(token):
    def refuse(_token):
        raise InvalidCredential("unknown")

    try:
        headers = {"host": "localhost", "authorization": f"Bearer {token}"}
        find_administrator(headers, "127.0.0.1", operator_token="", strict=True, verify=refuse)
    except NotAnAdministrator:
        return False
    return True


COMPARISONS = {
    "operator token": administers,
    "client secret": Client("id", "", "name").has_secret,
    "challenge": lambda given: matches(given, "", "plain"),
    "hashed challenge": lambda given: matches(given, "", "S256"),
}


@pytest.mark.parametrize("given", ["", " ", "x", "\0"], ids=repr)
@pytest.mark.parametrize("compare", COMPARISONS.values(), ids=[f"A-Z19-{name}" for name in COMPARISONS])
def test_comparison_with_a_secret_that_is_not_set_is_false(compare, given):
    assert compare(given) is False
