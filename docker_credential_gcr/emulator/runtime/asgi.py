"""ASGI types, and the address of a request's client. https://asgi.readthedocs.io/en/latest/specs/www.html"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# The key, in the scope of a request that a trusted proxy may have forwarded, of the client's address.
CLIENT_ADDRESS = "gcr_emulator.client_address"


def find_client_address(scope: Message) -> str:
    """Returns the address of the client: of the connection's other end, or what a trusted proxy says."""
    address: str = scope.get(CLIENT_ADDRESS) or scope["client"][0]
    return address
