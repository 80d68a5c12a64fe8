"""Directories in which the tests of clients write."""

import re

from clients.command import nameable_directory

# https://github.com/distribution/reference/blob/v0.6.0/regexp.go
PATH_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*")


def test_an_image_may_be_named_by_its_directory() -> None:
    for _ in range(300):
        with nameable_directory() as directory:
            assert PATH_COMPONENT.fullmatch(directory.name)
            assert (directory.is_dir(), len(str(directory)) < 30) == (True, True)
        assert not directory.exists()
