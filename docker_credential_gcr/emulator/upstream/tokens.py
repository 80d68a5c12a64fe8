"""Tokens of an upstream: fetched from the challenge's realm, kept until they expire or are refused (M11).

    GET https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/alpine:pull
    {"token": "…", "expires_in": 300}

Credentials go to the realm alone, and the realm is the upstream's own host or its documented token host (T16,
CVE-2026-33540). https://distribution.github.io/distribution/spec/auth/token/
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from weakref import WeakValueDictionary

from docker_credential_gcr.emulator.oci.errors import InvalidScope
from docker_credential_gcr.emulator.oci.token_auth import PULL, format_scope, parse_scope
from docker_credential_gcr.emulator.outgoing.errors import OutgoingRefused
from docker_credential_gcr.emulator.outgoing.target import Target, parse_target
from docker_credential_gcr.emulator.runtime import strict_json

from .challenge import Challenge
from .connections import UpstreamResponse
from .errors import UpstreamDenied, UpstreamMismatch
from .registries import Upstream

MAX_TOKEN = 16 * 1024
_MAX_ANSWER = 64 * 1024
_MOST_TOKENS = 1000
# The specification's default, and what a token is used for at most: expires_in can be wrong.
_DEFAULT_LIFETIME_S = 60.0
_MAX_LIFETIME_S = 3600.0
# A token is not sent in its last tenth: the request has to arrive.
_USED_PART = 0.9


@dataclass(frozen=True)
class UpstreamCredentials:
    """User name and password of an upstream; `version` differs when they have been changed."""

    username: str
    password: str = field(repr=False)
    version: str = ""

    def format_basic(self) -> str:
        """Returns the Authorization header. https://www.rfc-editor.org/rfc/rfc7617"""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


# Sends a GET with an Authorization header or none, and returns the answer of status 200.
Fetch = Callable[[Target, str | None], Awaitable[UpstreamResponse]]
Key = tuple[str, str | None]


class TokenCache:
    """Tokens by repository and version of the credentials; one fetch serves all that wait for it."""

    def __init__(self, upstream: Upstream, fetch: Fetch, now: Callable[[], float]) -> None:
        self._upstream, self._fetch, self._now = upstream, fetch, now
        self._tokens: OrderedDict[Key, tuple[str, float]] = OrderedDict()
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    def find(self, name: str, credentials: UpstreamCredentials | None) -> str | None:
        """Returns a fresh token for pulls of a repository, or None."""
        key = _make_key(name, credentials)
        value, expires_at = self._tokens.get(key, ("", 0.0))
        if self._now() >= expires_at:
            return None
        self._tokens.move_to_end(key)
        return value

    async def replace(
        self, refused: str | None, name: str, credentials: UpstreamCredentials | None, challenge: Challenge
    ) -> str:
        """Returns another token than the refused one. Raises UpstreamError."""
        key = _make_key(name, credentials)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            found = self.find(name, credentials)
            if found is not None and found is not refused:
                return found
            self._tokens.pop(key, None)
            value, lifetime_s = await self._request(name, credentials, challenge)
            self._tokens[key] = value, self._now() + lifetime_s * _USED_PART
            if len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)
            return value

    async def _request(
        self, name: str, credentials: UpstreamCredentials | None, challenge: Challenge
    ) -> tuple[str, float]:
        target = self._find_realm(name, challenge)
        response = await self._fetch(target, credentials.format_basic() if credentials else None)
        try:
            body = await response.read(_MAX_ANSWER)
        finally:
            response.close()
        try:
            answer = strict_json.decode(body)
        except strict_json.InvalidJson as error:
            raise UpstreamMismatch(response.url, "the token's answer is not JSON") from error
        return _read_token(response.url, answer)

    def _find_realm(self, name: str, challenge: Challenge) -> Target:
        """Returns the URL of the token. Raises UpstreamDenied for a realm that may not have credentials."""
        url = f"{self._upstream.root.scheme}://{self._upstream.root.authority}/v2/"
        try:
            realm = parse_target(challenge.realm)
        except OutgoingRefused as error:
            raise UpstreamDenied(
                url, 401, f"the realm of the upstream's tokens is not valid: {error}"
            ) from error
        if not self._upstream.may_have_credentials(realm):
            raise UpstreamDenied(
                url, 401, f"the upstream's tokens come from {realm.authority}, which is not its token host"
            )
        query = [("service", challenge.service)] if challenge.service else []
        query += [("scope", scope) for scope in _choose_scopes(self._upstream.prefix + name, challenge)]
        separator = "&" if "?" in realm.path else "?"
        text = urlencode(query, quote_via=quote, safe=":/,")
        return Target(realm.scheme, realm.host, realm.port, f"{realm.path}{separator}{text}")


def _make_key(name: str, credentials: UpstreamCredentials | None) -> Key:
    return name, credentials.version if credentials else None


def _choose_scopes(name: str, challenge: Challenge) -> list[str]:
    """Returns the challenge's scopes, narrowed to pulls; the repository's own if it has none."""
    return [_narrow(scope) for scope in challenge.scopes] or [format_scope(name, PULL)]


def _narrow(text: str) -> str:
    """Returns a scope of a repository with pull alone; another type of scope as it is, such as Amazon's."""
    try:
        scope = parse_scope(text)
    except InvalidScope:
        return text
    return format_scope(scope.name, PULL) if scope.type == "repository" else text


def _read_token(url: str, answer: Any) -> tuple[str, float]:
    """Returns the token of an answer, and its lifetime in seconds. Raises UpstreamMismatch."""
    found = answer if isinstance(answer, dict) else {}
    value = found.get("token") or found.get("access_token")
    if not isinstance(value, str) or len(value) > MAX_TOKEN or not all("!" <= c <= "~" for c in value):
        raise UpstreamMismatch(url, "the token's answer has no valid token")
    lifetime_s = found.get("expires_in")
    if isinstance(lifetime_s, bool) or not isinstance(lifetime_s, int | float) or lifetime_s <= 0:
        lifetime_s = _DEFAULT_LIFETIME_S
    return value, min(float(lifetime_s), _MAX_LIFETIME_S)
