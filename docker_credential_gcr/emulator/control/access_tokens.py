"""Access tokens of the operator, for the registry, which takes Google's credentials alone.

POST /_emulator/accessTokens
200  {"access_token": "ya29.…", "expires_in": 300, "token_type": "Bearer"}
"""

from collections.abc import Callable

from docker_credential_gcr.emulator.identity.principal import OPERATOR
from docker_credential_gcr.emulator.identity.tokens import AccessGrant

# Long enough for one command.
_LIFETIME_S = 300

Sign = Callable[[AccessGrant, float], str]


def issue_access_token(sign: Sign, now: float) -> dict[str, object]:
    """The document that holds a new access token."""
    ends_at = int(now) + _LIFETIME_S
    grant = AccessGrant(OPERATOR.member or "", None, OPERATOR.oauth_scopes, ends_at, int(now))
    return {"access_token": sign(grant, now), "expires_in": _LIFETIME_S, "token_type": "Bearer"}
