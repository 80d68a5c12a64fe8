"""HTTP requests that may need a proxy or the machine's certificate authorities: `requests` finds both."""

from collections.abc import Mapping
from pathlib import Path

import requests

from .connection_fault import EmulatorError
from .response import PART_SIZE, Response, read_body
from .server_url import is_loopback


def request(
    method: str,
    url: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    ca: Path | None,
    connect_timeout_s: float,
    read_timeout_s: float,
) -> Response:
    """Returns and raises the same as `direct_request.request`."""
    with requests.Session() as session:
        # At a proxy, localhost is the proxy's machine.
        session.trust_env = not is_loopback(url)
        session.auth = _add_nothing  # without it requests sends the password of that host from ~/.netrc
        try:
            with session.request(
                method,
                url + path,
                data=body,
                headers=headers,
                timeout=(connect_timeout_s, read_timeout_s),
                allow_redirects=False,
                # requests wants a str; with True it reads REQUESTS_CA_BUNDLE.
                verify=True if ca is None else str(ca),
                stream=True,
            ) as response:
                # A small gzip body may expand beyond all memory.
                response.raw.headers.pop("Content-Encoding", None)
                data = read_body(response.iter_content(PART_SIZE), url)
        except (requests.ConnectionError, requests.Timeout):
            raise
        except requests.RequestException as error:
            raise EmulatorError(f"{url}: {error}") from error
    return Response(response.status_code, response.headers, data)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
