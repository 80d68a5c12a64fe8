"""A bucket of S3 in memory, which fails as a test wants: for what no real store does when it is asked.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from support.servers.loopback import LoopbackHandler, LoopbackServer


class Asked(NamedTuple):
    """One request: its method, its path with the query, and its headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class S3Stub(LoopbackServer):
    """Server of the bucket /bucket; `intercept` may answer a request itself, and then returns True."""

    def __init__(self) -> None:
        super().__init__(S3Handler)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[Asked] = []
        self.intercept: Callable[[S3Handler], bool] = lambda _: False

    def handle_error(self, *_: object) -> None:
        """Ignores a client that closes its connection before the answer."""

    def list_methods(self) -> list[str]:
        """Returns the methods of all requests so far."""
        return [asked.method for asked in self.requests]


class S3Handler(LoopbackHandler):
    """One connection: a request is in `command`, `key`, `query` and `body`."""

    server: S3Stub
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.body = self.read_body()
        parts = urlsplit(self.path)
        self.key = unquote(parts.path).removeprefix("/bucket").strip("/")
        self.query = {
            name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Asked(self.command, self.path, headers))
        if not self.server.intercept(self):
            getattr(self, f"_{self.command.lower()}")()

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _answer

    def refuse(self, status: int, code: str) -> bool:
        """Answers with an error, as S3 does; returns True, for `intercept`."""
        body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
        self.end(status, b"" if self.command == "HEAD" else body)
        return True

    def _put(self) -> None:
        if "uploadId" in self.query:
            parts = self.server.parts.get(self.query["uploadId"])
            if parts is None:  # aborted meanwhile
                self.refuse(404, "NoSuchUpload")
                return
            parts[int(self.query["partNumber"])] = self.body
        elif self.headers.get("If-None-Match") == "*" and self.key in self.server.objects:
            self.refuse(412, "PreconditionFailed")
            return
        else:
            self.server.objects[self.key] = self.body
        self.end(200, ETag='"1"')

    def _post(self) -> None:
        upload_id = self.query.get("uploadId")
        if upload_id is None:
            upload_id = str(len(self.server.requests))
            self.server.parts[upload_id] = {}
            self.end(
                200, _xml("InitiateMultipartUploadResult", UploadId=upload_id, Bucket="bucket", Key=self.key)
            )
            return
        parts = self.server.parts.pop(upload_id)
        self.server.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        self.end(200, _xml("CompleteMultipartUploadResult", ETag='"2"'))

    def _delete(self) -> None:
        if "uploadId" in self.query:
            self.server.parts.pop(self.query["uploadId"], None)
        else:
            self.server.objects.pop(self.key, None)
        self.end(204)

    def _get(self) -> None:
        if "list-type" in self.query:
            self._list()
        elif self.key not in self.server.objects:
            self.refuse(404, "NoSuchKey")
        else:
            self._send_object(self.server.objects[self.key])

    _head = _get

    def _list(self) -> None:
        keys = sorted(key for key in self.server.objects if key.startswith(self.query.get("prefix", "")))
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            "</Contents>"
            for key in keys
        )
        self.end(
            200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
        )

    def _send_object(self, data: bytes) -> None:
        status, start, stop = self.find_range(len(data))
        self.send_head(status, start, stop, len(data))
        if self.command == "GET":
            self.wfile.write(data[start:stop])

    def find_range(self, size: int) -> tuple[int, int, int]:
        """Returns the status, start and stop of the response."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        return (206, int(match[1]), min(int(match[2]) + 1, size)) if match else (200, 0, size)

    def send_head(self, status: int, start: int, stop: int, size: int) -> None:
        """Sends the head of a response with these bytes of an object."""
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()


def _xml(root: str, **members: str) -> bytes:
    return (
        f"<{root}>{''.join(f'<{name}>{text}</{name}>' for name, text in members.items())}</{root}>".encode()
    )
