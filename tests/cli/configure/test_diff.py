"""The diff of --dry-run shows the values that change, and no others: a secret may have any name."""

import json

import pytest

from docker_credential_gcr.cli import diff
from docker_credential_gcr.helper import wire

SECRETS = {
    "Z03-a header": {"HttpHeaders": {"X-Api-Key": "SECRET", "Cookie": "session=SECRET"}},
    "Z03-a plugin": {"plugins": {"x": {"token": "SECRET", "apikey": "SECRET", "number": 98765}}},
    "Z03-a login": {"auths": {"x.io": {"auth": "SECRET", "identitytoken": "SECRET"}}},
    "Z03-a proxy": {"proxies": {"default": {"httpsProxy": "http://u:SECRET@proxy"}}},
    "Z03-a list": {"plugins": ["SECRET", {"a": "SECRET"}]},
    "Z03-any other name": {"": "SECRET", "detachKeys": 'SECRET" \\'},
}


def test_nothing_is_shown_where_nothing_changes() -> None:
    assert diff.format_diff("config.json", "{}", "{}") == []


@pytest.mark.parametrize("indent", [None, 2], ids=["on one line", "on many lines"])
@pytest.mark.parametrize("name", SECRETS)
def test_z03_a_value_that_does_not_change_is_masked(name: str, indent: int | None) -> None:
    before = json.dumps(SECRETS[name], indent=indent)
    after = json.dumps(SECRETS[name] | {"credHelpers": {"gcr.io": "gcr"}}, indent=indent)

    text = "\n".join(diff.format_diff("config.json", before, after))

    assert ("SECRET" in text, "98765" in text, "***" in text) == (False, False, True)
    assert "gcr.io" in text


def test_z03_both_values_of_a_member_that_changes_are_shown_and_the_names_of_all() -> None:
    before = '{"auths": {"x": {"auth": "a"}}, "n": true, "credHelpers": {"gcr.io": "gcloud", "y": "ecr"}}'
    after = before.replace("gcloud", "gcr")

    assert diff.format_diff("c", before, after) == [
        *("--- c", "+++ c", "@@ -1 +1 @@"),
        '-{"auths": {"x": {"auth": "***"}}, "n": true, "credHelpers": {"gcr.io": "gcloud", "y": "***"}}',
        '+{"auths": {"x": {"auth": "***"}}, "n": true, "credHelpers": {"gcr.io": "gcr", "y": "***"}}',
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("", '{"a": "x"}\n', ['+{"a": "x"}']),
        ("null", '{"a": "x"}\n', ['+{"a": "x"}']),
        ('{"a": "x"}\n', "", ['-{"a": "x"}']),
        (
            '{"s": ["store", "env"]}',
            '{"s": ["env"]}',
            ['-{"s": ["store", "env"]}', '+{"s": ["env"]}'],
        ),
        ('{"a": "S1", "a": "S2"}', '{"a": "S2", "b": "x"}', ['-{"a": "***"}', '+{"a": "***", "b": "x"}']),
        ('{ "n":1e400 , "f":1.50}', '{"n": 1e400, "f": 1.5}',
         ['-{"n":"***","f":1.50}', '+{"n":"***","f":1.5}']),
        ('{"eyJhbGciOiJSUzI1NiJ9.e30": "x"}', '{"eyJhbGciOiJSUzI1NiJ9.e30": "x", "b": 1}',
         ['-{"*** a token": "***"}', '+{"*** a token": "***", "b": 1}']),
    ],
    ids=["a new file", "null", "a removed file", "a list", "a name twice", "spaces", "a secret for a name"],
)  # fmt: skip
def test_z03_a_change_in_another_form(before: str, after: str, lines: list[str]) -> None:
    assert diff.format_diff("c", before, after)[3:] == lines


def test_z03_a_file_that_is_nested_as_deeply_as_one_may_be_is_masked() -> None:
    before = '{"a": ' * wire.MAX_DEPTH + '"SECRET"' + "}" * wire.MAX_DEPTH

    lines = diff.format_diff("c", before, before[:-1] + ', "b": "x"}')

    assert ["SECRET" in line for line in lines] == [False] * 5
