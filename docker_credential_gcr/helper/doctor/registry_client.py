"""Registry client of `doctor`: requests to /v2/ and to the token endpoint, and the cause of a failure.

401 Www-Authenticate: Bearer realm="https://gcr.io/v2/token",service="gcr.io"
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from docker_credential_gcr.errors import NetworkError
from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.google_auth import connection_faults, http
from docker_credential_gcr.helper.google_auth.endpoint import parse_endpoint
from docker_credential_gcr.helper.google_auth.http import Answer
from docker_credential_gcr.helper.keychain import USERNAME

PARAMETER = re.compile(r'\b(\w+)="([^"]*)"')
PORTS = {"https": ":443", "http": ":80"}  # the default ports, which a URL may leave out
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class NoAnswer(Exception):
    """The registry did not answer; `kind` is a cause of connection_faults."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Challenge:
    """A parsed Www-Authenticate header; the scheme is in lower case."""

    scheme: str
    realm: str
    service: str | None

    @property
    def host(self) -> str | None:
        """Returns the host of the realm; None when the realm is not an http or https URL."""
        try:
            return parse_endpoint(self.realm).host
        except ValueError:
            return None


def fetch_base(host: str, deadline: float) -> tuple[str, Answer]:
    """Requests /v2/; returns the root URL of the registry, and the answer. Raises NoAnswer.

    As docker does, it tries https, then on loopback http.
    """
    try:
        return f"https://{host}", send("GET", f"https://{host}/v2/", deadline)
    except NoAnswer as error:
        # A server without TLS may close the connection, answer the handshake with other bytes, or wait.
        if error.kind == connection_faults.UNTRUSTED or not registries.is_loopback(host):
            raise
    return f"http://{host}", send("GET", f"http://{host}/v2/", deadline)


def send(
    method: str, url: str, deadline: float, *, bearer: str | None = None, basic: str | None = None
) -> Answer:
    """Sends one request. Raises NoAnswer."""
    headers = {"Accept": MANIFESTS if "/manifests/" in url else "application/json"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    if basic is not None:
        pair = base64.b64encode(f"{USERNAME}:{basic}".encode()).decode("ascii")
        headers["Authorization"] = f"Basic {pair}"
    try:
        return http.send(method, parse_endpoint(url), headers=headers, deadline=deadline, pauses_s=())
    except NetworkError as error:
        kind = connection_faults.classify(error, url, deadline)
        raise NoAnswer(kind, http.find_reason(error.__cause__ or error)) from error


def parse_challenge(value: str) -> Challenge | None:
    """Parses a Www-Authenticate header; returns None for one without a realm."""
    scheme, _, rest = value.partition(" ")
    parameters = dict(PARAMETER.findall(rest))
    if not parameters.get("realm"):
        return None
    return Challenge(scheme.lower(), parameters["realm"], parameters.get("service"))


def is_same_site(realm: str, base: str) -> bool:
    """Returns whether a realm has the host of the registry, and is not http where the registry is https."""
    asked, own = urlsplit(realm), urlsplit(base)
    names = {parts.netloc.lower().removesuffix(PORTS.get(parts.scheme, "")) for parts in (asked, own)}
    return len(names) == 1 and asked.scheme in PORTS and (asked.scheme, own.scheme) != ("http", "https")


def exchange_credential(
    challenge: Challenge, secret: str, deadline: float, scope: str | None = None
) -> tuple[Answer, str | None]:
    """Sends a credential to the token endpoint; returns the answer, and the registry token in it.

    Raises NoAnswer.
    """
    query = {"service": challenge.service, "scope": scope}
    parameters = {name: value for name, value in query.items() if value}
    separator = "&" if "?" in challenge.realm else "?"
    answer = send("GET", f"{challenge.realm}{separator}{urlencode(parameters)}", deadline, basic=secret)
    try:
        document = answer.parse()
    except ValueError:
        return answer, None
    if answer.status != 200 or not isinstance(document, dict):
        return answer, None
    token = document.get("token") or document.get("access_token")
    return answer, token if isinstance(token, str) else None


def find_message(answer: Answer) -> str:
    """Returns the message of a refusal, in the error format of the registry API, or of Google APIs."""
    try:
        document: Any = answer.parse()
        if isinstance(document, dict) and "errors" in document:
            return str(document["errors"][0]["message"])
        return str(document["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return answer.media_type or "nothing"
