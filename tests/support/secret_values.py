"""Secrets that a person puts where a path, a host, a name or a URL belongs; finds a piece of one."""

import base64
import json
from pathlib import Path

# Not random, so that a failure can be repeated; no piece of it is like a word of a message.
_BODY = "".join(
    base64.b64encode(bytes((n * 157 + i * 89) % 251 for i in range(48))).decode() for n in range(18)
)
PEM = f"-----BEGIN PRIVATE KEY-----\n{_BODY}\n-----END PRIVATE KEY-----\n"
KEY = json.dumps(
    {"type": "service_account", "private_key": PEM, "client_email": "ci@p.iam.gserviceaccount.com"}
)
SECRETS = {
    "a key": KEY,
    "a key in base64": base64.b64encode(KEY.encode()).decode(),
    "a PEM key": PEM,
    "a URL with a password": "https://robot:Correct.Horse-Battery@registry.example/",
    "a bearer token": "ya29.a0AfB_byDxQ7-kW3rTz9LmNvC2pXsE8u",
    "a name and a password": "robot:Correct.Horse-Battery@registry.example",
}
PIECE = 12


def find_pieces(secret: str, text: str) -> list[str]:
    """Returns the pieces of a secret in a text, also in lower case, as a host is written."""
    pieces = {secret[start : start + PIECE] for start in range(len(secret) - PIECE + 1)}
    return sorted(piece for piece in pieces if piece in text or piece.lower() in text)


def list_names(directory: Path) -> str:
    """Returns the paths of all files below a directory: a secret must not become the name of one."""
    return "\n".join(str(path.relative_to(directory)) for path in directory.rglob("*"))
