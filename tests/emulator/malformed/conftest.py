"""Emulator in this process, called without a socket, with one resource of each kind."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.servers.in_process import InProcess


@pytest.fixture
def make_emulator(tmp_path: Path, call_app: Callable[..., Any]) -> Callable[..., InProcess]:
    """Returns a function that creates an emulator on the test's data directory, open or not."""

    def make(*, is_open: bool) -> InProcess:
        return InProcess(tmp_path / "data", call_app, open=is_open)

    return make


@pytest.fixture
def server(make_emulator: Callable[..., InProcess], rsa_key: rsa.RSAPrivateKey) -> Iterator[InProcess]:
    """Returns an open emulator with one resource of each kind."""
    with closing(make_emulator(is_open=True)) as made:
        made.add_one_of_everything(rsa_key)
        yield made
