"""Client authentication at the token endpoint: by client_id and client_secret, or by HTTP Basic."""

import base64
import binascii
from urllib.parse import unquote_plus

from starlette.requests import Request

from docker_credential_gcr.emulator.google.rest.errors import GrantRefused
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS, Client

# Google's messages.
NO_CLIENT = "Could not determine client ID from request."
UNKNOWN_CLIENT = "The OAuth client was not found."
WRONG_SECRET = "The provided client secret is invalid."
_BASIC = "Basic"


def authenticate_client(request: Request, form: dict[str, str]) -> Client:
    """Returns the client that sends the request, by its ID and secret. Raises GrantRefused.

    https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    """
    client_id, secret, scheme = form.get("client_id", ""), form.get("client_secret", ""), ""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        basic_id, basic_secret = _parse_basic(authorization)
        if secret or client_id not in ("", basic_id):
            raise GrantRefused(
                "invalid_request", "The client is named twice: use either HTTP Basic or the form"
            )
        client_id, secret, scheme = basic_id, basic_secret, _BASIC
    if not client_id:
        raise GrantRefused("invalid_request", NO_CLIENT)
    client = CLIENTS.get(client_id)
    if client is None:
        raise GrantRefused("invalid_client", UNKNOWN_CLIENT, scheme)
    if not secret:
        raise GrantRefused("invalid_request", "client_secret is missing.")
    if not client.has_secret(secret):
        raise GrantRefused("invalid_client", WRONG_SECRET, scheme)
    return client


def _parse_basic(authorization: str) -> tuple[str, str]:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise GrantRefused("invalid_client", "The Authorization header must be HTTP Basic", _BASIC)
    try:
        text = base64.b64decode(rest.strip().encode("ascii"), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise GrantRefused("invalid_client", "Malformed HTTP Basic", _BASIC) from error
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
