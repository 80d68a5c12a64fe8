"""Authorization request, in which a client asks a user for access: parses /o/oauth2/v2/auth's query.

    client_id=…&redirect_uri=http://127.0.0.1:8085/&response_type=code&scope=A%20B&state=…
    &code_challenge=…&code_challenge_method=S256&access_type=offline&prompt=consent&login_hint=ada@example.com

https://developers.google.com/identity/protocols/oauth2/native-app#step-2:-send-a-request-to-googles-oauth-2.0-server
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from docker_credential_gcr.emulator.database.accounts.authorization_codes import CodeGrant
from docker_credential_gcr.emulator.identity.id_tokens import ISSUER
from docker_credential_gcr.emulator.identity.oauth import pkce
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS, Client
from docker_credential_gcr.emulator.identity.oauth.scopes import is_scope, split_scope

NONE, CONSENT, SELECT_ACCOUNT = "none", "consent", "select_account"
# Parameters of a request; all others are dropped.
KNOWN = (
    *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce"),
    *("access_type", "prompt", "login_hint", "code_challenge", "code_challenge_method"),
)
_PROMPTS = [
    frozenset(prompts) for prompts in ((), (NONE,), (CONSENT,), (SELECT_ACCOUNT,), (CONSENT, SELECT_ACCOUNT))
]
_S256_SIZE = 43
_MAX_SIZE = 8 * 1024


class RequestRefused(Exception):
    """The request is refused on a page; `error` is Google's code.

    An error that is sent to a `redirect_uri` would make the server an open redirector. Google shows these
    errors too. https://www.rfc-editor.org/rfc/rfc9700#section-4.11
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class AuthorizationRequest:
    """Authorization request; `fields` are its parameters, which the pages' forms send back."""

    client: Client
    grant: CodeGrant
    state: str
    prompts: frozenset[str]
    login_hint: str
    fields: dict[str, str]

    @property
    def shows_code(self) -> bool:
        """Returns whether the user copies the code from a page to the client."""
        return self.grant.redirect_uri in self.client.pages

    def format_redirect(self, **answer: str) -> str:
        """Returns the redirect URI with the response to the client. https://www.rfc-editor.org/rfc/rfc9207"""
        uri = self.grant.redirect_uri
        state = {"state": self.state} if self.state else {}
        return f"{uri}{'&' if '?' in uri else '?'}{urlencode({**state, **answer, 'iss': ISSUER})}"


def parse_request(pairs: Iterable[tuple[str, str]]) -> AuthorizationRequest:
    """Parses the parameters of a query or a form. Raises RequestRefused."""
    known = [(name, value) for name, value in pairs if name in KNOWN and value]
    fields = dict(known)
    if len(fields) != len(known):
        raise RequestRefused("invalid_request", "A parameter is given more than once")
    if sum(map(len, fields.values())) > _MAX_SIZE:
        raise RequestRefused("invalid_request", "The request is too long")
    client = CLIENTS.get(_get(fields, "client_id"))
    if client is None:
        raise RequestRefused("invalid_client", "The OAuth client was not found.", 401)
    redirect_uri = _get(fields, "redirect_uri")
    if not client.accepts(redirect_uri):
        raise RequestRefused("redirect_uri_mismatch", "The redirect_uri is not one of the client's.")
    if _get(fields, "response_type") != "code":
        raise RequestRefused("unsupported_response_type", "response_type must be code")
    if fields.get("access_type", "online") not in ("online", "offline"):
        raise RequestRefused("invalid_request", "Invalid parameter value for access_type")
    challenge, method = _parse_challenge(fields)
    grant = CodeGrant(
        client.client_id, redirect_uri, _parse_scope(fields), challenge, method, fields.get("nonce", "")
    )
    login_hint = fields.get("login_hint", "")
    return AuthorizationRequest(
        client, grant, fields.get("state", ""), _parse_prompts(fields), login_hint, fields
    )


def _get(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise RequestRefused("invalid_request", f"Missing required parameter: {name}")
    return fields[name]


def _parse_scope(fields: dict[str, str]) -> frozenset[str]:
    text = _get(fields, "scope")
    if not is_scope(text) or not split_scope(text):
        raise RequestRefused("invalid_scope", "Some requested scopes were invalid.")
    return split_scope(text)


def _parse_prompts(fields: dict[str, str]) -> frozenset[str]:
    prompts = frozenset(fields.get("prompt", "").split(" ")) - {""}
    if prompts not in _PROMPTS:
        raise RequestRefused("invalid_request", "Invalid parameter value for prompt")
    return prompts


def _parse_challenge(fields: dict[str, str]) -> tuple[str, str]:
    challenge, method = fields.get("code_challenge", ""), fields.get("code_challenge_method", "plain")
    if not challenge and "code_challenge_method" not in fields:
        return "", method
    if method not in pkce.METHODS:
        raise RequestRefused("invalid_request", "Invalid parameter value for code_challenge_method")
    if not pkce.is_value(challenge) or (method == "S256" and len(challenge) != _S256_SIZE):
        raise RequestRefused("invalid_request", "Invalid parameter value for code_challenge")
    return challenge, method
