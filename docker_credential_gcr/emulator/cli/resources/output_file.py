"""Output files of credentials: --output FILE for the user alone, or - for stdout."""

import math
import os
import stat
from pathlib import Path

import click

from docker_credential_gcr.emulator.cli.options import say
from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.runtime.files import find_status
from docker_credential_gcr.files import is_stream, write_file

STDOUT = Path("-")


def check_output(output: Path, force: bool) -> None:
    """Raises EmulatorError if the file cannot be written, before a credential is created for it."""
    if output == STDOUT or is_stream(output):
        return
    found, folder = find_status(output), find_status(output.parent)
    if (found and stat.S_ISDIR(found.st_mode)) or not (folder and stat.S_ISDIR(folder.st_mode)):
        raise EmulatorError(f"{output} cannot be written: name a file in a directory that exists")
    if not force and os.path.lexists(output):
        raise EmulatorError(f"{output} exists: name another file, or replace it with --force")


def write(output: Path, text: str, note: str = "") -> None:
    """Prints a credential, or writes it to a file and says so on stderr, followed by the note."""
    if output == STDOUT:
        click.echo(text, nl=False)
    else:
        save(output, text)
        say(f"wrote {output}{note}")


def save(path: Path, text: str) -> None:
    """Writes a file that only its owner can read. Raises EmulatorError."""
    try:
        write_file(path, text.encode("ascii"), reader_s=math.inf)
    except OSError as error:
        raise EmulatorError(f"{path} cannot be written: {error.strerror}") from error
