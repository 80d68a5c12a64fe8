"""The token endpoint: an assertion goes in, an access token comes out, within one deadline."""

import json
import os
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from docker_credential_gcr.errors import NetworkError, TokenRefused
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.access_token import MAX_LIFETIME_S, AccessToken, is_token
from docker_credential_gcr.helper.service_account import ServiceAccountKey

if TYPE_CHECKING:
    import requests

GRANT_TYPE = (
    "urn:ietf:params:oauth:grant-type:jwt-bearer"  # https://www.rfc-editor.org/rfc/rfc7523#section-2.1
)
MAX_SIZE = 64 * 1024
RETRIED = (429, 500, 502, 503, 504)
PAUSES_S = (0.3, 1.0)
NETWORK_HINT = "check the network, or allow more time in DOCKER_CREDENTIAL_GCR_TIMEOUT"
REFUSED_HINT = "check that the key and its service account still exist, and that the clock is right"
ENDPOINT_HINT = "check the key's token_uri, and what stands between it and this machine"


def exchange_assertion(
    key: ServiceAccountKey,
    *,
    scopes: tuple[str, ...],
    deadline: float,
    now: Callable[[], float] = time.time,
) -> AccessToken:
    """Trade an assertion that the key signs for an access token.

    `deadline` is an instant of time.monotonic. Raises KeyFileError when the key cannot sign, TokenRefused
    when the endpoint answers anything but a token, NetworkError when it does not answer in time.
    """
    asked_at = int(now())
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a library's advice to programmers would be printed into docker's output
        assertion = key.sign(scopes, now=asked_at)
        status, media_type, body = _call_within(deadline, key.host, lambda: _post(key, assertion, deadline))
    return _parse_answer(key.host, status, media_type, body, asked_at)


def _call_within(
    deadline: float, host: str, call: "Callable[[], tuple[int, str, bytes]]"
) -> tuple[int, str, bytes]:
    """The result of the call, or NetworkError at the deadline.

    In a thread of its own, for no time limit of a socket covers the look-up of a name, nor a server that
    sends a byte a second. The thread is left to itself: the process ends soon.
    """
    results: list[tuple[int, str, bytes]] = []
    faults: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001 - it is raised again, in the thread that waits
            faults.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if results:
        return results[0]
    if faults:
        raise faults[0]
    raise NetworkError(f"{host} did not answer in time", hint=NETWORK_HINT)


def _post(key: ServiceAccountKey, assertion: str, deadline: float) -> tuple[int, str, bytes]:
    """Status, media type and at most MAX_SIZE + 1 bytes of the answer. Raises NetworkError."""
    import requests

    with requests.Session() as session:
        session.auth = _add_nothing  # else the password of that host in ~/.netrc would be sent
        if registries.is_loopback(key.host):
            session.trust_env = False  # a proxy would look for the token endpoint on its own loopback
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        for pause_s in (*PAUSES_S, None):
            try:
                with session.post(
                    key.token_uri,
                    data={"grant_type": GRANT_TYPE, "assertion": assertion},
                    headers={"Accept": "application/json"},
                    allow_redirects=False,  # the assertion is for this endpoint and no other
                    stream=True,
                    timeout=max(0.1, deadline - time.monotonic()),
                ) as response:
                    body = _read_body(response)
            except requests.Timeout as error:
                raise NetworkError(f"{key.host} did not answer in time", hint=NETWORK_HINT) from error
            except requests.RequestException as error:
                raise NetworkError(
                    f"cannot reach {key.host}: {_find_reason(error)}", hint=NETWORK_HINT
                ) from error
            pause_s = _find_pause(response, pause_s)
            if (
                response.status_code not in RETRIED
                or pause_s is None
                or time.monotonic() + pause_s > deadline
            ):
                break
            time.sleep(pause_s)
    return response.status_code, response.headers.get("Content-Type", "").partition(";")[0], body


def _read_body(response: "requests.Response") -> bytes:
    body = b""
    for part in response.iter_content(MAX_SIZE + 1):  # a part may be as small as the server likes
        body += part
        if len(body) > MAX_SIZE:
            break
    return body


def _add_nothing(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request


def _find_pause(response: "requests.Response", planned_s: float | None) -> float | None:
    """How long to wait before the next try; None for no further one."""
    asked = response.headers.get("Retry-After", "")
    return float(asked) if planned_s is not None and asked.isdecimal() else planned_s


def _find_reason(error: BaseException) -> str:
    """What the operating system said, from within the libraries' wrappings."""
    reason, cause = type(error).__name__, error.__context__
    while cause is not None:
        reason = getattr(cause, "strerror", None) or reason
        cause = cause.__context__
    return reason


def _parse_answer(host: str, status: int, media_type: str, body: bytes, asked_at: int) -> AccessToken:
    """The access token in an answer. https://www.rfc-editor.org/rfc/rfc6749#section-5"""
    if 300 <= status < 400:
        raise TokenRefused(f"{host} redirects ({status}) instead of answering", hint=ENDPOINT_HINT)
    if len(body) > MAX_SIZE:
        raise TokenRefused(f"{host} answered more than 64 KiB", hint=ENDPOINT_HINT)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != 200:
        raise TokenRefused(f"{host} answered {status}{_format_error(answer)}", hint=REFUSED_HINT)
    if not isinstance(answer, dict):
        raise TokenRefused(f"{host} answered no JSON object but {media_type or 'bytes'}", hint=ENDPOINT_HINT)
    value, lifetime_s = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(value, str) or not value:
        raise TokenRefused(f"{host} answered without an access token", hint=ENDPOINT_HINT)
    if not is_token(value):
        raise TokenRefused(f"{host} answered an access token that cannot be sent", hint=ENDPOINT_HINT)
    if type(lifetime_s) is not int or not 0 < lifetime_s <= MAX_LIFETIME_S:
        raise TokenRefused(
            f"{host} answered an access token with expires_in {lifetime_s!r:.40}", hint=ENDPOINT_HINT
        )
    return AccessToken(value, expires_at=asked_at + lifetime_s, obtained_at=asked_at)


def _format_error(answer: object) -> str:
    """The error code and description of RFC 6749 §5.2, or Google's own status object."""
    if not isinstance(answer, dict):
        return ""
    error = answer.get("error")
    if isinstance(error, dict):
        parts = (error.get("status"), error.get("message"))
    else:
        parts = (error, answer.get("error_description"))
    return "".join(f": {part:.200}" for part in parts if isinstance(part, str) and part)
