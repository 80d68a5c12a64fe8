"""Sends a request where a proxy or the authorities of this machine may be needed: `requests` knows both."""

from collections.abc import Mapping
from pathlib import Path

import requests

from .answer import PART_SIZE, Answer, read_body
from .connection_fault import EmulatorError
from .server_url import is_loopback


def request(
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    ca: Path | None,
    connect_s: float,
    patience_s: float,
) -> Answer:
    """Returns and raises what `direct_request.request` does."""
    with requests.Session() as session:
        # A proxy knows another localhost than this one.
        session.trust_env = not is_loopback(url)
        session.auth = _add_nothing  # else the password of that host in ~/.netrc would be sent
        try:
            with session.request(
                method,
                url + path,
                data=body,
                headers=headers,
                timeout=(connect_s, patience_s),
                allow_redirects=False,
                # requests asks for text, and with True for REQUESTS_CA_BUNDLE.
                verify=True if ca is None else str(ca),
                stream=True,
            ) as response:
                # A little of gzip may be a lot of memory.
                response.raw.headers.pop("Content-Encoding", None)
                data = read_body(response.iter_content(PART_SIZE), url)
        except (requests.ConnectionError, requests.Timeout):
            raise
        except requests.RequestException as error:
            raise EmulatorError(f"{url}: {error}") from error
    return Answer(response.status_code, response.headers, data)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
