"""OAuth scopes are complete names that Google knows."""

import pytest

from docker_credential_gcr.emulator.google.sign_in.pages import _DESCRIPTIONS
from docker_credential_gcr.emulator.identity.authorization import _OAUTH_SCOPES
from docker_credential_gcr.emulator.identity.oauth.scopes import KNOWN, PREFIX, is_scope, split_scope


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("openid email profile", True),
        (f"{PREFIX}cloud-platform  {PREFIX}drive ", True),
        ("https://mail.google.com/", True),
        ("", True),
        ("cloud-platform", False),
        (f"{PREFIX}cloud-platform {PREFIX}cloud-platform.unknown", False),
        (f"{PREFIX}Cloud-Platform", False),
        (f"http{PREFIX.removeprefix('https')}cloud-platform", False),
        ("openid\nemail", False),
        ("repository:a/b:pull", False),
        ("openid " * 600, False),
    ],
    ids=lambda value: f"F-Z31-{value!s:.60}",
)
def test_a_list_of_scopes_holds_those_of_google(text: str, is_one: bool) -> None:
    assert is_scope(text) == is_one


def test_f_z31_every_scope_that_permits_something_here_is_in_the_table() -> None:
    used = frozenset().union(*_OAUTH_SCOPES.values(), _DESCRIPTIONS)

    assert used - KNOWN == frozenset()
    assert all(split_scope(scope) == {scope} for scope in KNOWN)
