"""Runs the helper as Docker runs it, and says what its answer means."""

import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from docker_credential_gcr.helper import paths, programs, remedies, wire
from docker_credential_gcr.helper.findings import FAULT, OK, Finding
from docker_credential_gcr.helper.protocol import CREDENTIALS_NOT_FOUND
from docker_credential_gcr.helper.remedies import Case

GRACE_S = 10  # beyond the helper's own time limit


def ask(program: str, case: Case, environ: Mapping[str, str], timeout_s: float) -> tuple[str | None, Finding]:
    """The secret that docker would get, if any, and the finding."""
    try:
        deadline = time.monotonic() + timeout_s + GRACE_S
        run = programs.run([program, "get"], environ, deadline, question=case.registry)
    except programs.Unanswered as error:
        return None, _fault("helper", f"it {error}", None, case)
    except OSError as error:
        return None, _fault("helper", f"it cannot be run: {error.strerror}", None, case)
    answer = run.output.strip()
    if run.status == 0:
        secret = _find_secret(answer)
        if secret is None:
            return None, _fault("helper", "it answers no credential", None, case)
        return secret, Finding(
            "helper", OK, f"gives a credential{_format_account(case)}", None, case.registry
        )
    if answer == CREDENTIALS_NOT_FOUND:
        text = "no token source has a credential: docker pulls anonymously, and does not push"
        return None, _fault("no credential", text, remedies.make_login(case), case)
    name, command = remedies.find_command(answer, case)
    return None, _fault(name, answer, command, case)


def explain_refusal(
    program: str, case: Case, environ: Mapping[str, str], timeout_s: float, is_taken: Callable[[str], bool]
) -> Finding | None:
    """Says why the registry refuses the credential, by what the helper answers without its cache.

    A token in the cache outlives its key and its account. None where a new token is refused as well.
    """
    secret, finding = ask(program, case, {**environ, paths.CACHE: "off"}, timeout_s)
    if secret is None:
        return finding
    cache = paths.find_cache_dir(environ)
    if cache is None or not is_taken(secret):
        return None
    text = "the registry refuses the token in the cache, and takes a new one"
    return _fault("token", text, f"rm -r {shlex.quote(cache)}", case)


def _fault(check: str, text: str, command: str | None, case: Case) -> Finding:
    return Finding(check, FAULT, text, command, case.registry)


def _find_secret(answer: str) -> str | None:
    try:
        credential: Any = wire.loads(answer)
        return str(credential["Secret"]) if credential["Username"] else None
    except (ValueError, KeyError, TypeError):
        return None


def _format_account(case: Case) -> str:
    return f" of {case.account}" if case.account else ""
