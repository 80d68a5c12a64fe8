"""Requests to one upstream: authorization, redirects, repetitions, and the breaker's state.

request ──401──> token from the realm ──> request again, once
        ──3xx──> next hop without Authorization, at most five
        ──5xx, cut, no connection──> again, at most twice, within the time limit
        ──429, 503 with Retry-After──> again after it, if it is short
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from docker_credential_gcr.emulator.outgoing.errors import OutgoingFailed, OutgoingRefused
from docker_credential_gcr.emulator.outgoing.retry_after import find_retry_after_s
from docker_credential_gcr.emulator.outgoing.target import Target

from .breaker import UpstreamBreaker
from .challenge import Challenge, find_challenge
from .connections import UpstreamConnections, UpstreamResponse, format_url
from .errors import (
    UpstreamBadRedirect,
    UpstreamBadStatus,
    UpstreamCut,
    UpstreamDenied,
    UpstreamError,
    UpstreamForbidden,
    UpstreamLimited,
    UpstreamNotFound,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from .limits import PullLimit, find_pull_limit
from .redirects import MAX_REDIRECTS, STATUSES, find_next
from .registries import Upstream
from .tokens import TokenCache, UpstreamCredentials

GetCredentials = Callable[[], Awaitable[UpstreamCredentials | None]]
Sleep = Callable[[float], Awaitable[object]]
Result = TypeVar("Result")
_ATTEMPTS = 3
_FIRST_DELAY_S = 0.1
# A longer Retry-After is the caller's: a client waits for the answer.
_PATIENCE_S = 2.0
# Docker Hub's 429 has no Retry-After.
_LIMIT_PAUSE_S = 60.0
_WORTH_REPEATING = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class UpstreamRequest(Generic[Result]):
    """A request for a path of a repository; `consume` makes the result of an accepted response."""

    name: str
    path: str
    headers: Mapping[str, str]
    consume: Callable[[UpstreamResponse], Awaitable[Result]]
    method: str = "GET"
    accepts: frozenset[int] = field(default=frozenset({200}))


class UpstreamExchange:
    """Sends requests for one upstream; `now` is the clock of tokens and of the breaker."""

    def __init__(
        self,
        upstream: Upstream,
        connections: UpstreamConnections,
        get_credentials: GetCredentials,
        *,
        now: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._upstream, self._connections, self._sleep = upstream, connections, sleep
        self._get_credentials = get_credentials
        self._tokens = TokenCache(upstream, self._fetch_token, now)
        self._wants_basic = False
        self.breaker = UpstreamBreaker(now)
        self.pull_limit: PullLimit | None = None

    async def send(self, request: UpstreamRequest[Result], limit_s: float) -> Result:
        """Returns what `consume` makes of the response, within the limit. Raises UpstreamError."""
        root = self._upstream.root
        target = Target(root.scheme, root.host, root.port, request.path)
        url = format_url(target)
        if paused_s := self.breaker.limited_for_s:
            raise UpstreamLimited(url, paused_s)
        try:
            result = await asyncio.wait_for(self._repeat(request, target), limit_s)
        except asyncio.TimeoutError as error:
            self.breaker.count_failure()
            raise UpstreamTimeout(url, is_connected=True) from error
        except UpstreamError as error:
            self.count_error(error)
            raise
        self.breaker.count_success()
        return result

    def count_error(self, error: UpstreamError) -> None:
        """Tells the breaker how a request, or the body of its response, ended."""
        if isinstance(error, UpstreamLimited):
            self.breaker.count_limit(error.retry_after_s)
        elif _is_outage(error):
            self.breaker.count_failure(getattr(error, "retry_after_s", None))
        else:
            self.breaker.count_success()

    async def _repeat(self, request: UpstreamRequest[Result], target: Target) -> Result:
        delay_s = _FIRST_DELAY_S
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._try(request, target)
            except UpstreamError as error:
                wait_s = _find_wait(error, delay_s)
                if wait_s is None:
                    raise
                await self._sleep(wait_s)
                delay_s *= 3
        return await self._try(request, target)

    async def _try(self, request: UpstreamRequest[Result], target: Target) -> Result:
        response = await self._authorize(request, target)
        try:
            if (limit := find_pull_limit(response.headers)) is not None:
                self.pull_limit = limit
            if response.status not in request.accepts:
                raise _explain_status(response)
            return await request.consume(response)
        except BaseException:
            response.close()
            raise

    async def _authorize(self, request: UpstreamRequest[Result], target: Target) -> UpstreamResponse:
        """Sends a request with what is known to authorize it; once more with what a 401 asks for."""
        credentials = await self._get_credentials()
        value = self._tokens.find(request.name, credentials)
        known = f"Bearer {value}" if value else None
        if self._wants_basic and credentials:
            known = credentials.format_basic()
        response = await self._follow(request, target, known)
        # A host that a redirect leads to is asked no questions, and answers none.
        if response.status != 401 or response.target != target:
            return response
        challenge = find_challenge(response.challenges)
        await response.discard()
        if challenge is None:
            raise UpstreamDenied(response.url, 401, "the upstream names no way to authenticate")
        answer = await self._answer(challenge, request.name, credentials, value, response.url)
        return await self._follow(request, target, answer)

    async def _answer(
        self,
        challenge: Challenge,
        name: str,
        credentials: UpstreamCredentials | None,
        refused: str | None,
        url: str,
    ) -> str:
        """Returns the Authorization header that a challenge asks for. Raises UpstreamError."""
        self._wants_basic = not challenge.is_bearer
        if challenge.is_bearer:
            return f"Bearer {await self._tokens.replace(refused, name, credentials, challenge)}"
        if self._upstream.token_hosts:
            raise UpstreamDenied(url, 401, "the upstream asks for the password of its token host")
        if credentials is None:
            raise UpstreamDenied(url, 401, "the upstream wants a user name and a password")
        return credentials.format_basic()

    async def _follow(
        self, request: UpstreamRequest[Result], target: Target, authorization: str | None
    ) -> UpstreamResponse:
        """Sends a request and follows redirects; the first hop alone has the Authorization header."""
        response = await self._open(request.method, target, request.headers, authorization)
        for _ in range(MAX_REDIRECTS):
            if response.status not in STATUSES:
                return response
            await response.discard()
            hop = find_next(response)
            try:
                response = await self._connections.open(request.method, hop, request.headers)
            except OutgoingRefused as error:
                raise UpstreamBadRedirect(format_url(target), f"the redirect is refused: {error}") from error
            except OutgoingFailed as error:
                raise UpstreamUnreachable(format_url(hop), str(error)) from error
        if response.status in STATUSES:
            response.close()
            raise UpstreamBadRedirect(format_url(target), f"more than {MAX_REDIRECTS} redirects")
        return response

    async def _open(
        self, method: str, target: Target, headers: Mapping[str, str], authorization: str | None
    ) -> UpstreamResponse:
        """Sends one request to the upstream, or to its token host."""
        sent = {**headers, "Authorization": authorization} if authorization else headers
        try:
            return await self._connections.open(method, target, sent)
        except OutgoingRefused as error:
            raise UpstreamForbidden(format_url(target), str(error)) from error
        except OutgoingFailed as error:
            raise UpstreamUnreachable(format_url(target), str(error)) from error

    async def _fetch_token(self, target: Target, authorization: str | None) -> UpstreamResponse:
        """Sends the request for a token; a token host that redirects is refused."""
        response = await self._open("GET", target, {"Accept": "application/json"}, authorization)
        if response.status == 200:
            return response
        response.close()
        raise _explain_status(response)


def _explain_status(response: UpstreamResponse) -> UpstreamError:
    """Returns the error that a status means."""
    if response.status == 404:
        return UpstreamNotFound(response.url)
    if response.status in (401, 403):
        return UpstreamDenied(response.url, response.status)
    retry_after_s = find_retry_after_s(response.headers)
    if response.status == 429:
        return UpstreamLimited(response.url, _LIMIT_PAUSE_S if retry_after_s is None else retry_after_s)
    return UpstreamBadStatus(response.url, response.status, retry_after_s)


def _is_outage(error: UpstreamError) -> bool:
    if isinstance(error, UpstreamBadStatus):
        return error.status >= 500
    return isinstance(error, UpstreamCut | UpstreamTimeout | UpstreamUnreachable)


def _find_wait(error: UpstreamError, delay_s: float) -> float | None:
    """Returns the seconds after which a request is repeated, half of them by chance; None if it is not."""
    if isinstance(error, UpstreamLimited | UpstreamBadStatus) and error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= _PATIENCE_S else None
    if isinstance(error, UpstreamBadStatus) and error.status not in _WORTH_REPEATING:
        return None
    if isinstance(error, UpstreamBadStatus | UpstreamCut | UpstreamUnreachable):
        return delay_s * (1 + secrets.randbelow(1000) / 1000) / 2
    return None
