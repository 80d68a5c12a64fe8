"""Request that a proxy may forward: `requests` finds the proxy of a host, and speaks to it."""

import errno
import ssl
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import (
    InvalidHeader,
    InvalidSchema,
    InvalidURL,
    ProxyError,
    RequestException,
    Timeout,
)

from . import tls_context
from .connection_faults import HEADER_FAULT, MalformedProxy, MalformedVariable, ProxyFault
from .endpoint import Endpoint
from .tls_context import BUNDLE_FAULT

PROXY_FAULT = "it is not the URL of a proxy that can be asked"


def request(
    method: str,
    endpoint: Endpoint,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_s: float,
    max_size: int,
    authorities: str | None = None,
    certificate: tuple[str, str] | None = None,
) -> tuple[int, Mapping[str, str], bytes]:
    """Returns and raises the same as `direct_request.request`; raises ProxyFault when the proxy failed."""
    options: dict[str, Any] = {"verify": authorities, "cert": certificate, "timeout": timeout_s}
    try:
        with (
            _start_session() as session,
            session.request(
                method,
                endpoint.url,
                data=body,
                headers=headers,
                allow_redirects=False,  # the credential is for this endpoint and no other
                stream=True,
                **options,
            ) as response,
        ):
            return response.status_code, response.headers, _read_body(response, max_size)
    except (InvalidURL, InvalidSchema) as error:  # the latter for SOCKS, where PySocks is not installed
        raise MalformedProxy(PROXY_FAULT) from error
    except (InvalidHeader, UnicodeError) as error:
        raise ConnectionError(errno.EINVAL, HEADER_FAULT) from error
    except ProxyError as error:
        raise ProxyFault from error
    except Timeout as error:
        raise TimeoutError from error
    except RequestException:  # an OSError
        raise
    except ValueError as error:
        raise MalformedProxy(PROXY_FAULT) from error
    except OSError as error:
        raise MalformedVariable(BUNDLE_FAULT) from error


def _start_session() -> requests.Session:
    """Returns a session that sends no other credential."""
    session = requests.Session()
    session.auth = _add_nothing  # without it, the password of the host in ~/.netrc would be sent
    if context := tls_context.load_own():
        session.mount("https://", _Adapter(context))
    return session


class _Adapter(HTTPAdapter):
    """Adapter that also trusts the authorities of a context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)


def _add_nothing(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read_body(response: requests.Response, max_size: int) -> bytes:
    """Returns the body, not decompressed: that may be a thousand times as large."""
    encoding = response.raw.headers.pop("Content-Encoding", None)
    parts, size = [], 0
    for part in response.iter_content(max_size + 1):  # the server decides the size of a part
        parts.append(part)
        size += len(part)
        if size > max_size:
            break
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return b"".join(parts)
