"""Errors of the object store's client, obstore, as values; its texts may hold a token and are never shown.

Error performing PUT http://… in 1.1ms - Server returned non-2xx status code: 503 …: <Code>SlowDown</Code>…
"""

import re
from typing import NamedTuple

_STATUS = re.compile(r"status code: (\d{3})")
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
# Reasons without a status, by a word of obstore's text.
_REASONS = {
    "kind: Timeout": "no answer in time",
    "InvalidCertificate": "its certificate is not trusted",
    "kind: Connect": "no connection",
    "redirect without LOCATION": "the bucket is in another region",
}
_FULL_STATUS = 507
_FULL_CODES = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}
# Too many requests, and a request that arrived too slowly.
_BUSY = {408, 429}


class Failure(NamedTuple):
    """Why a request failed: the status and code of the store's answer, if it answered."""

    status: int | None
    code: str | None
    reason: str

    @property
    def is_full(self) -> bool:
        """Returns whether the store has no room for the bytes."""
        return self.status == _FULL_STATUS or self.code in _FULL_CODES

    @property
    def is_outage(self) -> bool:
        """Returns whether the store fails, and not this request alone."""
        return self.status is None or self.status >= 500 or self.status in _BUSY


def parse_failure(error: BaseException) -> Failure:
    """Returns why a request failed."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is not None:
        reason = f"status {status[1]} {code[1]}" if code else f"status {status[1]}"
        return Failure(int(status[1]), code and code[1], reason)
    reason = next((reason for word, reason in _REASONS.items() if word in text), "the request failed")
    return Failure(None, None, reason)
