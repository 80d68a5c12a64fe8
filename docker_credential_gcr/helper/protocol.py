"""Protocol of Docker's credential helpers: verbs over stdin and stdout. Only this module writes to stdout.

get      the server string        {"ServerURL":"gcr.io","Username":"oauth2accesstoken","Secret":"ya29.…"}
store    Docker's triple as JSON  nothing
erase    the server string        nothing
list     never read               {"gcr.io":"oauth2accesstoken"}
version  never read               docker-credential-gcr (docker-credential-gcr) 0.1.0
A failure is one line on stdout and exit status 1, because Docker reads stdout alone. docker shows stderr to
the user: it has a hint for a failure, and nothing on success or without a credential.
A verb imports its own modules: keychain takes 0.9 ms, the log 6 ms, and `version` needs neither.
https://github.com/docker/docker-credential-helpers#development
"""

import os
import sys

from docker_credential_gcr import __version__
from docker_credential_gcr.errors import CredentialsNotFound, Error, ProtocolError, find_secret_form

from . import PROGRAM, registries, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    Reply = tuple[str, str | None]  # stdout for docker, and a notice on stderr for the user

# Docker, Podman and BuildKit compare these three texts, whole.
CREDENTIALS_NOT_FOUND = "credentials not found in native keychain"
NO_SERVER_URL = "no credentials server URL"
NO_USERNAME = "no credentials username"

USAGE = f"Usage: {PROGRAM} <store|get|erase|list|version>"
LOG = "DOCKER_CREDENTIAL_GCR_LOG"
# What a user at a terminal must type; docker never starts a verb at a terminal.
TYPE_HOST = "type a registry, such as gcr.io, then Enter and Ctrl-D"
TYPE_LOGIN = 'type {"ServerURL":"HOST","Username":"NAME","Secret":"SECRET"}, then Enter and Ctrl-D'
AT_TERMINAL = {"get": TYPE_HOST, "erase": TYPE_HOST, "store": TYPE_LOGIN}
MAX_CREDENTIAL_SIZE = 1024 * 1024


def run(
    arguments: list[str],
    *,
    stdin: "BinaryIO | None" = None,
    stdout: "BinaryIO | None" = None,
    stderr: "BinaryIO | None" = None,
    environ: "Mapping[str, str]" = os.environ,
) -> int:
    """Answers a request, and returns the exit status, 0 or 1. Raises nothing."""
    # Descriptors, not streams: a stream would keep the output that a closed pipe refused, and fail at exit.
    was_stdout_closed = stdout is None and _open_closed_descriptors()
    notes: list[str] = []
    if stdin is None and arguments[0] in AT_TERMINAL and os.isatty(0):
        _write(stderr or _Descriptor(2), f"{PROGRAM}: {AT_TERMINAL[arguments[0]]}\n")
    status, answer, notice = _answer(arguments, stdin or _Descriptor(0), environ, notes)
    _write(stderr or _Descriptor(2), notice)  # the answer counts even if stderr is closed
    is_written = _write(stdout or _Descriptor(1), answer)
    if environ and environ.get(LOG):
        from . import log

        words = (find_secret_form(word) or word for word in arguments)
        log.add(environ[LOG], f"{' '.join(words)}{''.join(notes)}: {status}")
    return status if is_written and not was_stdout_closed else 1


def _answer(
    arguments: list[str], stdin: "BinaryIO | _Descriptor", environ: "Mapping[str, str]", notes: list[str]
) -> tuple[int, str, str]:
    """Returns exit status, stdout and stderr; `notes` collects the text for the log."""
    if len(arguments) != 1:
        return 1, USAGE + "\n", _format_misuse(*arguments[:2])
    try:
        answer, notice = VERBS[arguments[0]](stdin, environ, notes)
    except CredentialsNotFound as error:
        notes.append(f": not found: {error.waived or error}")
        notice = f"{PROGRAM}: anonymous, as configured: {error.waived}\n" if error.waived else ""
        return 1, CREDENTIALS_NOT_FOUND + "\n", notice
    except ProtocolError as error:
        return 1, f"{error}\n", ""
    except Error as error:
        notes.append(f": {type(error).__name__}: {error}")
        return 1, f"{error}\n", format_notice(error)
    except KeyboardInterrupt:
        return 1, "interrupted\n", ""
    except Exception as error:  # noqa: BLE001 - the rim: Docker must get a line, and no traceback
        notes.append(f": internal error: {type(error).__name__}")  # its text may repeat any value
        return 1, "internal error\n", _format_fault(error)
    return 0, answer, f"{PROGRAM}: {notice}\n" if notice else ""


def _format_misuse(verb: str, argument: str) -> str:
    """Returns how to call a verb, for a user who gave it an argument."""
    shown = "HOST" if find_secret_form(argument) else f"{argument!r:.200}"
    reads_host = f": it reads the registry from stdin: echo {shown} | {PROGRAM} {verb}"
    return f"{PROGRAM}: {verb} takes no argument{reads_host if verb in ('get', 'erase') else ''}\n"


def format_notice(error: Error) -> str:
    """Returns the text of an error and its hint for stderr."""
    return f"{PROGRAM}: {error}\n" + (f"hint: {error.hint}\n" if error.hint else "")


def get(stdin: "BinaryIO | _Descriptor", environ: "Mapping[str, str]", notes: list[str]) -> "Reply":
    """Returns the credential for the server string on stdin, as a line of JSON."""
    from . import keychain

    server_url = _read_server_url(stdin)
    if server_url is None:
        raise CredentialsNotFound("")
    notes.append(_format_host(server_url))
    found = keychain.resolve(server_url, environ=environ)
    notes.append(f": {found.origin}")
    answer = {"ServerURL": found.server_url, "Username": found.username, "Secret": found.secret}
    return wire.format_members(answer) + "\n", None


def store(stdin: "BinaryIO | _Descriptor", environ: "Mapping[str, str]", notes: list[str]) -> "Reply":
    """Saves Docker's triple, unless it is the token that `get` gave: `docker login` sends that back."""
    from . import docker_login

    triple = _parse_triple(stdin.read(MAX_CREDENTIAL_SIZE + 1))
    notes.append(_format_host(triple[0]))
    return "", docker_login.save(*triple, environ)


def _parse_triple(data: bytes) -> tuple[str, str, str]:
    """Returns ServerURL, Username and Secret. Raises ProtocolError."""
    if len(data) > MAX_CREDENTIAL_SIZE:
        raise ProtocolError("the credential is larger than 1 MiB")
    try:
        members = wire.loads(data.decode("utf-8"))
    except ValueError as error:
        raise ProtocolError(f"the credential is not JSON: {error}") from error
    if not isinstance(members, dict):
        raise ProtocolError("the credential is not a JSON object")
    values = []
    for name, absent in (("ServerURL", NO_SERVER_URL), ("Username", NO_USERNAME), ("Secret", "")):
        value = members.get(name) or ""
        if not isinstance(value, str):
            raise ProtocolError(f"the credential's {name} is not a string")
        if absent and not value.strip():
            raise ProtocolError(absent)
        values.append(value)
    return values[0].strip(" \t\n\r\v\f"), values[1], values[2]


def erase(stdin: "BinaryIO | _Descriptor", environ: "Mapping[str, str]", notes: list[str]) -> "Reply":
    """Deletes the login of a registry. `docker logout` asks up to four times for one host."""
    server_url = _read_server_url(stdin)
    if server_url is not None:
        from . import docker_login

        notes.append(_format_host(server_url))
        docker_login.delete(server_url, environ)
    return "", None


def list_(_stdin: "BinaryIO | _Descriptor", environ: "Mapping[str, str]", _notes: list[str]) -> "Reply":
    """Returns the hosts for which config.json names this helper, else the default ones. Reads no stdin.

    When this helper is Docker's credsStore, it adds the configured hosts and the other registries with a
    stored login, because a legacy build asks for the listed hosts and no others.
    """
    from . import config, keychain, paths
    from .configure import docker_config
    from .credential_store import entries

    found = docker_config.load_or_empty(environ)
    answer = dict.fromkeys(found.hosts or registries.DEFAULT_HOSTS, keychain.USERNAME)
    path = paths.find_logins_file(environ)
    if found.is_store:
        configured = config.load_config(environ).registries
        answer.update(dict.fromkeys(configured, keychain.USERNAME))
    if found.is_store and path:
        for login in entries.load_logins(path).values():
            if login.server_url != entries.EVERY_HOST:
                answer.setdefault(login.server_url, login.username)
    return wire.format_members(answer) + "\n", None


def version(_stdin: "BinaryIO | _Descriptor", _environ: "Mapping[str, str]", _notes: list[str]) -> "Reply":
    """Returns program, package and version."""
    return f"{PROGRAM} ({PROGRAM}) {__version__}\n", None


VERBS: "dict[str, Callable[[BinaryIO | _Descriptor, Mapping[str, str], list[str]], Reply]]" = {
    "get": get,
    "store": store,
    "erase": erase,
    "list": list_,
    "version": version,
    "-v": version,
    "--version": version,
}


class _Descriptor:
    """Open file of the process, without a buffer."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def read(self, size: int) -> bytes:
        """Returns the data up to the end, at most `size` bytes; nothing from a closed descriptor."""
        parts = []
        try:
            while size > 0 and (part := os.read(self.number, size)):
                parts.append(part)
                size -= len(part)
        except OSError:
            return b""
        return b"".join(parts)

    def write(self, data: bytes) -> int:
        return os.write(self.number, data)


def _open_closed_descriptors() -> bool:
    """Opens the closed ones of descriptors 0 to 2, and returns whether stdout was closed.

    Otherwise a file that is opened later could become descriptor 1, and the answer would be written into it.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)
    return sys.stdout is None


def _read_server_url(stdin: "BinaryIO | _Descriptor") -> str | None:
    server_url = registries.find_server_url(stdin.read(registries.MAX_SIZE + 1))
    if server_url == "":
        raise ProtocolError(NO_SERVER_URL)
    return server_url


def _format_host(server_url: str) -> str:
    """Returns the host of a server string, for the log."""
    return f" {find_secret_form(server_url) or repr(registries.find_host(server_url))}"


def _write(stream: "BinaryIO | _Descriptor", text: str) -> bool:
    """Writes a text, and returns whether all of it was written."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[stream.write(data) :]
    except OSError:
        return False
    return True


def _format_fault(error: Exception) -> str:
    if not sys.flags.dev_mode:
        return f"{PROGRAM}: internal error: {type(error).__name__}\nhint: set PYTHONDEVMODE=1 to see where\n"
    import traceback

    from .redaction import redact

    return redact("".join(traceback.format_exception(error)))  # its last line may repeat any value
