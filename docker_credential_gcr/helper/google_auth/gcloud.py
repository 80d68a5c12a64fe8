"""gcloud: runs it for an access token, by its absolute path, one at a time, until the deadline.

{"credential": {"access_token": "ya29.…", "id_token": "…", "token_expiry": "2024-05-01T12:00:00Z"}}
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from docker_credential_gcr import files
from docker_credential_gcr.errors import CLOCK, MORE_TIME, OTHER_SOURCE, TokenError
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.redaction import redact
from docker_credential_gcr.helper.tokens import (
    MAX_LIFETIME_S,
    AccessToken,
    TokenRequest,
    is_token,
    make_undated,
)

from . import programs, timestamps

MAX_MIN_EXPIRY_S = 3600  # gcloud refuses more
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
LOCKED = "database is locked"  # gcloud's words when another process writes its credentials
NO_ACCOUNT = "active account selected"
INSTALL_HINT = "install the Google Cloud CLI, or configure another token source"
LOGIN_HINT = "run `gcloud auth login`"
TIME_HINT = "allow more time in DOCKER_CREDENTIAL_GCR_TIMEOUT"


def make_command(program: str, configuration: str, request: TokenRequest) -> list[str]:
    """Returns the command that prints an access token."""
    min_expiry_s = min(int(request.min_ttl_s), MAX_MIN_EXPIRY_S)
    command = [program, "config", "config-helper", "--format=json(credential)"]
    command += [f"--min-expiry={min_expiry_s}s", "--quiet"]
    if configuration:
        command.append(f"--configuration={configuration}")
    if request.account:
        command.append(f"--account={request.account}")
    return command


def fetch_token(
    command: list[str], environ: Mapping[str, str], platform: str, deadline: float
) -> AccessToken:
    """Returns the access token that gcloud prints. Raises TokenError."""
    with _lock(environ, platform, (deadline - time.monotonic()) / 2):
        output = _run_until(command, environ, deadline)
    return parse_output(output, time.time())


def get_program(environ: Mapping[str, str], platform: str) -> str:
    """Returns the absolute path of gcloud. Raises TokenError when it is not on PATH."""
    program = find_program(environ, platform)
    if program is None:
        raise TokenError(
            "gcloud is not on PATH", hint=INSTALL_HINT, check="gcloud missing", command=OTHER_SOURCE
        )
    return program


def find_program(environ: Mapping[str, str], platform: str) -> str | None:
    """Returns the absolute path of gcloud on PATH. Skips relative entries: another user may own them."""
    is_windows = platform == "win32"
    separator, slash, names = (
        (";", "\\", ("gcloud.cmd", "gcloud.exe")) if is_windows else (":", "/", ("gcloud",))
    )
    for directory in environ.get("PATH", "").split(separator):
        is_absolute = (
            directory[1:3] == ":\\" or directory[:2] == "\\\\" if is_windows else directory[:1] == "/"
        )
        for name in names if is_absolute else ():
            path = directory.rstrip(slash) + slash + name
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def parse_output(output: str, now: float) -> AccessToken:
    """Returns the access token in gcloud's output, which may begin with a warning. Raises TokenError."""
    start = output.find("{")
    try:
        answer: Any = json.JSONDecoder().raw_decode(output[max(0, start) :])[0]
        credential = answer["credential"]
        value, expiry = credential["access_token"], credential.get("token_expiry")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _make_error("answered something else than a credential") from error
    if not is_token(value):
        raise _make_error("answered without an access token", hint=LOGIN_HINT)
    if expiry is None:  # gcloud does not know the expiry of an access token file
        return make_undated(value, now)
    try:
        expires_at = timestamps.parse_instant(expiry)
    except (TypeError, ValueError) as error:
        raise _make_error("answered an access token with a malformed expiry") from error
    token = AccessToken(value, expires_at=min(expires_at, int(now) + MAX_LIFETIME_S), obtained_at=int(now))
    if not token.is_fresh(now):
        hint = "check this machine's clock"
        raise _make_error("answered an expired access token", hint, check="clock", command=CLOCK)
    return token


def _run_until(command: list[str], environ: Mapping[str, str], deadline: float) -> str:
    """Returns gcloud's stdout, after further attempts while its database is locked. Raises TokenError."""
    for pause_s in (*PAUSES_S, None):
        run = _run(command, environ, deadline)
        status, stderr = run.status, run.stderr
        if status == 0:
            return run.stdout
        is_passing = LOCKED in stderr and pause_s is not None
        if not is_passing or time.monotonic() + (pause_s or 0) > deadline:
            break
        time.sleep(pause_s or 0)
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    reason = next(
        (line for line in lines if "ERROR" in line), lines[-1] if lines else f"exit status {status}"
    )
    if NO_ACCOUNT in stderr:
        raise _make_error("is not logged in", hint=LOGIN_HINT, check="gcloud login")
    hint = "let the other gcloud finish" if LOCKED in stderr else LOGIN_HINT
    raise _make_error(f"failed: {redact(reason):.300}", hint=hint)


def _run(command: list[str], environ: Mapping[str, str], deadline: float) -> programs.Run:
    environ = {**environ, "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true"}  # the log would contain the token
    try:
        return programs.run(command, environ, deadline)
    except programs.Unanswered as error:
        if error.is_late:
            raise _make_error(str(error), TIME_HINT, command=MORE_TIME) from error
        raise _make_error(str(error)) from error
    except OSError as error:
        raise TokenError(f"cannot run {command[0]!r}: {error.strerror}", hint=INSTALL_HINT) from error


def _make_error(
    fault: str, hint: str = "", *, check: str = "gcloud", command: str = "gcloud auth login"
) -> TokenError:
    return TokenError(f"gcloud {fault}", hint=hint, check=check, command=command)


def _lock(environ: Mapping[str, str], platform: str, timeout_s: float) -> AbstractContextManager[bool]:
    """Returns the lock that runs one gcloud at a time; after the time limit gcloud runs without the lock."""
    directory = paths.find_cache_dir(environ, platform)
    if directory is None:
        return nullcontext(False)
    return files.lock_file(os.path.join(directory, "gcloud.lock"), timeout_s)
