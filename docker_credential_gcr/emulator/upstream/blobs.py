"""Blobs of an upstream: a stream that resumes by Range where the connection breaks (M1, M8).

    GET …/blobs/D                                   200                          from byte 0
    GET …/blobs/D   Range: bytes=1048576-           206, Content-Range: bytes 1048576-…/SIZE
                                                    200: the upstream ignores Range; what is known is skipped

The stream has the bytes from its offset on, each once, whatever the upstream repeats or leaves out. `verify`
holds its last chunk back until the digest is right.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

from docker_credential_gcr.emulator.oci.digest import Hasher, format_digest, split_digest

from .connections import UpstreamResponse
from .errors import UpstreamCut, UpstreamError, UpstreamMismatch, UpstreamTimeout
from .manifests import find_length

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_RESUMPTIONS = 4
# Progress that earns new resumptions: an upstream that breaks off each time is not asked for ever.
_PROGRESS = 1024 * 1024

# Returns the upstream's answer from an offset on: status 200 or 206.
OpenAt = Callable[[int], Awaitable[UpstreamResponse]]


class BlobStream:
    """The bytes of a blob from `offset` on; an async iterator of chunks, which the caller closes.

    `size` is the whole blob's, or None where the upstream does not tell.
    """

    def __init__(
        self,
        open_at: OpenAt,
        offset: int,
        *,
        size: int | None,
        max_size: int,
        note_error: Callable[[UpstreamError], None],
    ) -> None:
        self._open_at, self._max_size, self._note_error = open_at, max_size, note_error
        self._response: UpstreamResponse | None = None
        self._skipped = 0
        self._resumptions, self._progress_from = _RESUMPTIONS, offset
        self.position, self.size = offset, size

    async def open(self) -> None:
        """Sends the request from the position on, and checks the answer's size. Raises UpstreamError."""
        response = await self._open_at(self.position)
        try:
            self._skipped, total = _read_extent(response, self.position)
            if total is not None and self.size not in (None, total):
                raise UpstreamMismatch(response.url, f"the blob has {total} bytes instead of {self.size}")
            self._check_size(response, total or 0)
        except UpstreamMismatch:
            response.close()
            raise
        self.size = self.size if total is None else total
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields chunks to the blob's last byte. Raises UpstreamError."""
        while True:
            try:
                async for chunk in self._read():
                    yield chunk
                return
            except (UpstreamCut, UpstreamTimeout) as error:
                self.close()
                self._take_resumption(error)
                await self.open()

    def close(self) -> None:
        """Ends the transfer, complete or not."""
        if self._response is not None:
            self._response.close()
            self._response = None

    async def _read(self) -> AsyncIterator[bytes]:
        """Yields what is still missing, from one response."""
        if (response := self._response) is None:  # closed by the caller
            return
        async for data in response.iterate():
            known = min(self._skipped, len(data))
            self._skipped -= known
            chunk = data[known:] if known else data
            self.position += len(chunk)
            self._check_size(response, self.position)
            if chunk:
                yield chunk
        if self._skipped or (self.size is not None and self.position < self.size):
            raise UpstreamCut(response.url)

    def _check_size(self, response: UpstreamResponse, size: int) -> None:
        limit = self._max_size if self.size is None else min(self.size, self._max_size)
        if size > limit:
            raise UpstreamMismatch(response.url, f"the blob has more than {limit} bytes")

    def _take_resumption(self, error: UpstreamError) -> None:
        if self.position - self._progress_from >= _PROGRESS:
            self._resumptions, self._progress_from = _RESUMPTIONS, self.position
        if self._resumptions == 0:
            self._note_error(error)
            raise error
        self._resumptions -= 1


async def verify(chunks: AsyncIterable[bytes], url: str, digest: str, hasher: Hasher) -> AsyncIterator[bytes]:
    """Yields the chunks; the last one only once all of them have the digest. Raises UpstreamMismatch.

    The hasher has the bytes before the first chunk. No reader gets a whole wrong blob (T16).
    """
    held = b""
    async for chunk in chunks:
        if held:
            yield held
        hasher.update(chunk)
        held = chunk
    found = format_digest(split_digest(digest)[0], hasher)
    if found != digest:
        raise UpstreamMismatch(url, f"the digest of the bytes is {found} instead of {digest}")
    if held:
        yield held


def _read_extent(response: UpstreamResponse, position: int) -> tuple[int, int | None]:
    """Returns how many bytes of the body are known, and the blob's size. Raises UpstreamMismatch."""
    if response.status == 200:
        return position, find_length(response)
    matched = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if matched is None or int(matched[1]) != position:
        raise UpstreamMismatch(response.url, f"the upstream's range does not begin at {position}")
    return 0, None if matched[3] == "*" else int(matched[3])
