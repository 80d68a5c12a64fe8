"""A change is shown; the secrets beside it are not."""

import pytest

from docker_credential_gcr.cli import diff


def test_nothing_is_shown_where_nothing_changes() -> None:
    assert diff.format_diff("config.json", "{}", "{}") == []


@pytest.mark.parametrize(
    "member",
    [
        '"auth": "SECRET"',
        '"Auth" : "SEC\\"RET"',
        '"identitytoken": "SECRET"',
        '"registrytoken":"SECRET"',
        '"password": "SECRET"',
        '"httpsProxy": "http://u:SECRET@proxy"',
        '"Authorization": "Bearer SECRET"',
    ],
)
def test_a_secret_is_not_shown(member: str) -> None:
    lines = diff.format_diff("config.json", f"{{{member}}}", f'{{{member}, "a": 1}}')

    key = member.rpartition('"S' if '"S' in member else '"')[0].partition(":")[0]
    assert "SEC" not in "".join(lines)
    assert [line for line in lines[3:] if key in line and '"***"' in line] == lines[3:]
