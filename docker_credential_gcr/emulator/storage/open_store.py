"""Opens the object store of serve --storage: s3://BUCKET, gs://BUCKET, or either with /FOLDER.

Credentials, the region and an endpoint are read from the environment, as Amazon's and Google's programs do.
The metadata server of a cloud's instance is asked only if a variable names it: a server that was started
without credentials fails at once, and no request leaves for a link-local address.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import GCSStore, S3Store

from docker_credential_gcr import __version__

from .base import UnusableStore
from .client_errors import Failure, parse_failure
from .object_store import ObjectStore

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSConfig, RetryConfig

_URL = re.compile(r"(s3|gs)://([A-Za-z0-9][A-Za-z0-9._-]{2,254})((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?")
# The variables of obstore with an endpoint of S3; the first that is set counts.
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# One of these groups of variables must be set: without any, obstore asks 169.254.169.254.
_S3_CREDENTIALS = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    ("AWS_METADATA_ENDPOINT",),
    ("AWS_SKIP_SIGNATURE",),
)
_GS_CREDENTIALS = (
    ("GOOGLE_APPLICATION_CREDENTIALS",),
    ("GOOGLE_SERVICE_ACCOUNT",),
    ("GOOGLE_SERVICE_ACCOUNT_PATH",),
    ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    ("GCE_METADATA_HOST",),
)
# Where gcloud auth application-default login leaves its credential, below the home directory.
_GCLOUD_LOGIN = ".config/gcloud/application_default_credentials.json"
_NO_S3_CREDENTIALS = (
    "no credentials for the object store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or, for the role "
    "of an instance, AWS_METADATA_ENDPOINT=http://169.254.169.254"
)
_NO_GS_CREDENTIALS = (
    "no credentials for the object store: set GOOGLE_APPLICATION_CREDENTIALS, or, for the service account of "
    "an instance, GCE_METADATA_HOST=metadata.google.internal"
)
_RETRIES: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=8),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=2),
        "base": 3,
    },
}
# Until the first byte of a response, and between two. A request that sends nothing is repeated once after it.
_READ_SILENCE_S = 4
# Includes the time in which the store receives 5 MiB.
_WRITE_SILENCE_S = 30
# obstore's own limit, of a whole response, would end slow pulls.
_WHOLE_RESPONSE_S = 10**6


class _Location(NamedTuple):
    is_s3: bool
    bucket: str
    folder: str | None
    endpoint: str | None
    public_endpoint: str | None


def open_store(
    url: str,
    *,
    endpoint: str | None = None,
    public_endpoint: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ObjectStore:
    """Opens the store of that URL; one request proves the bucket and the credentials.

    `endpoint` is of a store that is not Amazon's or Google's, `public_endpoint` that of links. Blocks. Raises
    UnusableStore.
    """
    location = _parse(url, endpoint, public_endpoint, environ)
    _check_credentials(location, environ)
    try:
        reads = _open_bucket(location, location.endpoint, _READ_SILENCE_S)
        writes = _open_bucket(location, location.endpoint, _WRITE_SILENCE_S)
        links = _open_bucket(location, location.public_endpoint or location.endpoint, _READ_SILENCE_S)
    except (BaseError, OSError, ValueError):
        # Without the error's text, which may quote a key.
        raise UnusableStore(
            "the credentials of the object store cannot be read: check the files and variables that hold them"
        ) from None
    try:
        next(iter(obstore.list(reads, "probe")), None)
    except BaseError as error:
        raise UnusableStore(_explain(parse_failure(error), location)) from None
    return ObjectStore(reads=reads, writes=writes, links=links)


def find_link_warning(
    url: str,
    *,
    endpoint: str | None = None,
    public_endpoint: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> str | None:
    """Returns why clients cannot use the links of --redirect-blobs, if the endpoint is a private address.

    Raises UnusableStore.
    """
    location = _parse(url, endpoint, public_endpoint, environ)
    host = urlsplit(location.endpoint or "").hostname
    if location.public_endpoint is not None or host is None or not _is_private(host):
        return None
    return (
        f"the links of --redirect-blobs name {host}, which clients may not reach: "
        "name the address that they use with --storage-public-endpoint"
    )


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".internal", ".local", ".localhost", ".svc"))


def _parse(
    url: str, endpoint: str | None, public_endpoint: str | None, environ: Mapping[str, str]
) -> _Location:
    match = _URL.fullmatch(url)
    if match is None:
        # Without the URL, which may hold a password.
        raise UnusableStore(
            "--storage is not the URL of a bucket: give s3://BUCKET, gs://BUCKET, or either with /FOLDER"
        )
    is_s3 = match[1] == "s3"
    if endpoint is None and is_s3:
        endpoint = next((environ[name] for name in _ENDPOINTS if environ.get(name)), None)
    _check_endpoint(endpoint, "--storage-endpoint")
    _check_endpoint(public_endpoint, "--storage-public-endpoint")
    return _Location(is_s3, match[2], match[3].strip("/") or None, endpoint, public_endpoint)


def _check_endpoint(endpoint: str | None, option: str) -> None:
    if endpoint is None:
        return
    try:
        parts = urlsplit(endpoint)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid or parts.query or parts.fragment or "@" in parts.netloc:
        raise UnusableStore(f"{option} is not an address: give https://HOST or http://HOST:PORT")


def _check_credentials(location: _Location, environ: Mapping[str, str]) -> None:
    groups = _S3_CREDENTIALS if location.is_s3 else _GS_CREDENTIALS
    if any(all(environ.get(name) for name in group) for group in groups):
        return
    if location.is_s3:
        raise UnusableStore(_NO_S3_CREDENTIALS)
    if not Path(environ.get("HOME", "/"), _GCLOUD_LOGIN).is_file():
        raise UnusableStore(_NO_GS_CREDENTIALS)


def _open_bucket(location: _Location, endpoint: str | None, silence_s: int) -> S3Store | GCSStore:
    options: ClientConfig = {
        "allow_http": endpoint is not None and endpoint.startswith("http:"),
        "connect_timeout": "2s",
        "read_timeout": f"{silence_s}s",
        "timeout": f"{_WHOLE_RESPONSE_S}s",
        "user_agent": f"gcr-emulator/{__version__}",
    }
    common: Any = {"prefix": location.folder, "client_options": options, "retry_config": _RETRIES}
    if not location.is_s3:
        config: GCSConfig = {} if endpoint is None else {"base_url": endpoint.rstrip("/")}
        return GCSStore(location.bucket, config=config, **common)
    # Deletions one by one: several stores have no others, or want other checksums, and only so does each key
    # have an outcome of its own.
    settings: Any = {"disable_bulk_delete": True}
    if endpoint is not None:
        settings |= {"endpoint": endpoint, "aws_endpoint_url_s3": endpoint}
    return S3Store(location.bucket, config=settings, **common)


def _explain(failure: Failure, location: _Location) -> str:
    bucket = f"{'s3' if location.is_s3 else 'gs'}://{location.bucket}"
    if failure.status == 404:
        return f"there is no bucket {bucket}: create it, or correct --storage"
    if failure.status in (400, 401, 403):
        name = (
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" if location.is_s3 else "GOOGLE_APPLICATION_CREDENTIALS"
        )
        return (
            f"the object store refuses the credentials for {bucket} ({failure.reason}): check {name}, and "
            "the rights to list, read, write and delete its objects"
        )
    if failure.status is None and "region" in failure.reason:
        return f"the bucket {bucket} is in another region: set AWS_REGION"
    host = urlsplit(location.endpoint or "").netloc
    if host:
        return f"the object store at {host} fails ({failure.reason}): start it, or correct --storage-endpoint"
    return f"the object store of {bucket} fails ({failure.reason}): check the network, and try again"
