"""Subject tokens of external accounts: reads one from a file or a program, with a size and a time limit.

{"credential_source": {"file": "/var/run/token", "format": {"type": "json", "subject_token_field_name": "t"}}}
{"credential_source": {"executable": {"command": "/usr/bin/vault-oidc", "timeout_millis": 5000}}}
google-auth itself reads without a size limit, and leaves the children of a program running.
https://google.aip.dev/auth/4117
"""

import os
import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from docker_credential_gcr.errors import KeyFileError, NetworkError, TokenRefused
from docker_credential_gcr.helper import paths, wire
from docker_credential_gcr.helper.redaction import redact

from . import connection_faults, programs

Document = Mapping[str, Any]
PREFIX = "GOOGLE_EXTERNAL_ACCOUNT_"
ALLOWING = f"{PREFIX}ALLOW_EXECUTABLES"
AWS = "urn:ietf:params:aws:token-type:aws4_request"
DEFAULT_TIMEOUT_MS = 30_000
MEMBERS = {  # the member of the program's answer that holds the token, by token type
    "urn:ietf:params:oauth:token-type:jwt": "id_token",
    "urn:ietf:params:oauth:token-type:id_token": "id_token",
    "urn:ietf:params:oauth:token-type:saml2": "saml_response",
}
SOURCE_HINT = "check credential_source in the file, and the file or program that it names"


class Supplier:
    """Supplier of a subject token, which replaces the credential_source for google-auth."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_subject_token(self, _context: object, _request: object) -> str:
        """Returns the subject token."""
        return self._value


def find_reader(document: Document) -> Callable[[Document, float], str] | None:
    """Returns the function that reads the subject token; None when google-auth asks the source over HTTP."""
    source = document.get("credential_source")
    if not isinstance(source, dict) or document.get("subject_token_type") == AWS:
        return None
    return next((reader for name, reader in READERS.items() if source.get(name)), None)


def _read_file(document: Document, _deadline: float) -> str:
    source = document["credential_source"]
    content: object = _load_text("file", source["file"])
    form = source.get("format") or {}
    if form.get("type") == "json":
        content = get_member(
            _parse("the subject token's file", str(content)), form.get("subject_token_field_name")
        )
    if not isinstance(content, str) or not content:
        raise TokenRefused("the subject token's file holds no subject token", hint=SOURCE_HINT)
    return content


def _run_executable(document: Document, deadline: float) -> str:
    """Returns the token in the answer of a program, or of its earlier run until that expires."""
    executable = document["credential_source"]["executable"]
    if os.environ.get(ALLOWING) != "1":
        text, command = f"its executable may not run: {ALLOWING} is not 1", f"export {ALLOWING}=1"
        raise KeyFileError(text, hint=command, check="variable", command=command)
    output_file = executable.get("output_file")
    if output_file and os.path.lexists(output_file):
        answer = _find_value(_load_text("output_file", output_file))
        if get_member(answer, "success") is True and _is_unexpired(answer):
            return _find_token(answer)
    run = _run(document, executable, deadline)
    if run.status != 0:
        reason = redact((run.stderr or run.stdout).strip().rpartition("\n")[2])
        colon = ": " if reason else ""
        raise TokenRefused(
            f"the executable failed: exit status {run.status}{colon}{reason:.200}", hint=SOURCE_HINT
        )
    text = run.stdout if run.stdout.strip() or not output_file else _load_text("output_file", output_file)
    return _find_token(_parse("the executable's answer", text))


def _run(document: Document, executable: Document, deadline: float) -> programs.Run:
    timeout_s = (executable.get("timeout_millis") or DEFAULT_TIMEOUT_MS) / 1000
    is_its_own = time.monotonic() + timeout_s < deadline
    try:
        command = shlex.split(executable["command"])
        until = time.monotonic() + timeout_s if is_its_own else deadline
        return programs.run(command, _make_environ(document, executable), until)
    except programs.Unanswered as error:
        if not error.is_late:
            raise TokenRefused(f"the executable {error}", hint=SOURCE_HINT) from error
        within = f"within {timeout_s:.3g} s" if is_its_own else "in time"
        hint = "" if is_its_own else connection_faults.HINTS[connection_faults.SILENT]
        raise NetworkError(f"the executable did not answer {within}", hint=hint) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "malformed command"
        raise TokenRefused(f"the executable cannot be run: {reason}", hint=SOURCE_HINT) from error


def _make_environ(document: Document, executable: Document) -> dict[str, str]:
    """Returns the environment that the specification defines for the program."""
    url = str(document.get("service_account_impersonation_url") or "")
    account = url.rpartition("/")[2].partition(":")[0]
    given = {
        "AUDIENCE": document.get("audience"),
        "TOKEN_TYPE": document.get("subject_token_type"),
        "ID": account,
        "IMPERSONATED_EMAIL": account or None,
        "INTERACTIVE": "0",
        "REVOKE": "0",
        "OUTPUT_FILE": executable.get("output_file"),
    }
    named = {f"{PREFIX}{name}": str(value) for name, value in given.items() if value is not None}
    return {**os.environ, **named}


def _find_token(answer: object) -> str:
    """Returns the subject token in a program's answer. Raises TokenRefused."""
    if get_member(answer, "version") != 1:
        raise TokenRefused("the executable's answer is not of version 1", hint=SOURCE_HINT)
    if get_member(answer, "success") is not True:
        reason = redact(f"{get_member(answer, 'code')}: {get_member(answer, 'message')}")
        raise TokenRefused(f"the executable refused: {reason:.200}", hint=SOURCE_HINT)
    if get_member(answer, "expiration_time") is not None and not _is_unexpired(answer):
        raise TokenRefused("the executable answered an expired subject token", hint=SOURCE_HINT)
    value = get_member(answer, MEMBERS.get(str(get_member(answer, "token_type"))))
    if not isinstance(value, str) or not value:
        raise TokenRefused("the executable's answer holds no subject token", hint=SOURCE_HINT)
    return value


def _is_unexpired(answer: object) -> bool:
    expires_at = get_member(answer, "expiration_time")
    return isinstance(expires_at, (int, float)) and expires_at > time.time()


def _load_text(name: str, path: object) -> str:
    """Returns the text of the file that a member names. An error omits the path, which may be a token."""
    try:
        return paths.read_file(str(path))[0].decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise TokenRefused(f"cannot read its credential_source.{name}: {reason}", hint=SOURCE_HINT) from error


def _parse(name: str, text: str) -> object:
    value = _find_value(text)
    if value is None:  # the message omits the reason, which may hold a part of the token
        raise TokenRefused(f"{name} is not JSON", hint=SOURCE_HINT)
    return value


def _find_value(text: str) -> object:
    """Returns the value of a JSON text; None for any other text."""
    try:
        return wire.loads(text)
    except ValueError:
        return None


def get_member(document: object, name: object) -> object:
    """Returns the member of an object; None when it is absent, or the document is not an object."""
    return document.get(name) if isinstance(document, dict) and isinstance(name, str) else None


READERS: dict[str, Callable[[Document, float], str]] = {"executable": _run_executable, "file": _read_file}
