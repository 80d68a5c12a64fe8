"""Option --secret-file: a secret of one line, from a file or from stdin, because others see command lines."""

import sys
from pathlib import Path

import click

from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.runtime.files import read_file

_MAX_SIZE = 1024
_STDIN = "-"

secret_file = click.option(
    "--secret-file",
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Sign each request with the secret in this file; - reads it from stdin.",
)


def load_secret(name: str) -> str:
    """Returns the one line of the file, or of stdin, without its end. Raises EmulatorError, or OSError."""
    shown = "stdin" if name == _STDIN else name
    data = _read_stdin() if name == _STDIN else read_file(Path(name))
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise EmulatorError(f"{shown} is empty: a secret is one line, such as openssl rand -hex 32 prints")
    if len(line) > _MAX_SIZE or b"\n" in line:
        raise EmulatorError(f"{shown} is no secret: it needs one line of at most {_MAX_SIZE} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EmulatorError(f"{shown} is no secret: it is not text in UTF-8") from error
    if not text.isprintable():
        raise EmulatorError(f"{shown} is no secret: it has a tab or another character that is not printed")
    return text


def _read_stdin() -> bytes:
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        raise EmulatorError(
            "a secret that is typed would be seen: name a file with --secret-file, or pipe it"
        )
    return sys.stdin.buffer.read(_MAX_SIZE + len(b"\r\n") + 1)
