"""Options of servers that share a database: without it they are usage errors, and no setting is ignored."""

from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]
DATABASE = ("--database", "postgresql://localhost/none")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--storage", "s3://images"), "--storage needs --database"),
        (("--keys", "keys"), "--keys needs --database"),
        (DATABASE, "--database needs --storage, or --data for the bytes of images"),
        ((*DATABASE, "--storage-endpoint", "http://localhost:8333"), "--storage-endpoint needs --storage"),
        (
            (*DATABASE, "--storage-public-endpoint", "https://store.example.com"),
            "--storage-public-endpoint needs --storage",
        ),
    ],
)
def test_option_without_the_one_that_it_needs_is_a_usage_error(
    run: Run, options: tuple[str, ...], complaint: str
) -> None:
    code, out, err = run("serve", "--port", "0", *options)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"Error: {complaint}")
