"""Fixtures of the cache's tests: a token server, and a user whose tokens are cached."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helper.tokens.cached_sources import Purchases, User
from support.servers.loopback import serving


@pytest.fixture
def seller() -> Iterator[Purchases]:
    with serving(Purchases()) as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, seller: Purchases, private_key: str, monkeypatch: pytest.MonkeyPatch) -> User:
    return User(tmp_path, seller, private_key, monkeypatch)
