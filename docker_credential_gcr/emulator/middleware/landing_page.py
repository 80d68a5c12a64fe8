"""Landing page for a browser at the server's root: what the server is, and which commands come next.

HTML without scripts, links to other hosts or secrets, because a web page whose host name resolves to this
server (DNS rebinding) can read it.
"""

from html import escape

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.next_steps import ServerAccess, list_next_steps
from docker_credential_gcr.emulator.runtime.asgi import Message, Send

_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"vary", b"Accept"),
    (b"x-content-type-options", b"nosniff"),
]
_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>gcr-emulator</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 46rem; padding: 0 1rem }}
pre {{ background: #8882; overflow-x: auto; padding: 1rem }}
:root {{ color-scheme: light dark }}
</style>
<h1>gcr-emulator {version}</h1>
<p>An emulator of Container Registry and Artifact Registry for development and tests. It is not Google&#x27;s.
<p>Images are <code>{registry}/PROJECT/IMAGE</code> and
<code>{registry}/LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE</code>.
Google&#x27;s APIs have Google&#x27;s paths.
<h2>Next</h2>
<pre>{commands}</pre>
<p><code>gcr-emulator project list</code> prints the projects, <code>gcr-emulator --help</code> all commands.
The documentation is in <code>docs/</code> of the repository.
"""


def is_asked_for(scope: Message) -> bool:
    """Returns whether a browser asks for the root."""
    if scope["raw_path"] != b"/" or scope["method"] not in ("GET", "HEAD"):
        return False
    return any(name == b"accept" and b"text/html" in value.lower() for name, value in scope["headers"])


async def send_page(scope: Message, send: Send, *, is_open: bool) -> None:
    """Sends the page to a request whose Host header is checked."""
    host = dict(scope["headers"])[b"host"].decode("latin-1")
    commands = "\n".join(list_next_steps(ServerAccess(f"{scope['scheme']}://{host}", is_open=is_open)))
    page = _PAGE.format(version=__version__, registry=escape(host), commands=escape(commands)).encode()
    headers = [*_HEADERS, (b"content-length", str(len(page)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page})
