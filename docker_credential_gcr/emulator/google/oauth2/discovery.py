"""OpenID discovery: the keys that verify ID tokens, and the URLs of the endpoints.

GET /oauth2/v1/certs  {"1a2b…": "-----BEGIN CERTIFICATE-----…"}
GET /oauth2/v3/certs  {"keys": [{"kty": "RSA", "kid": "1a2b…", "n": …, "e": "AQAB", "alg": "RS256", …}]}
"""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.id_tokens import ALGORITHM, ISSUER
from docker_credential_gcr.emulator.identity.oauth.pkce import METHODS

from .token_endpoint import GRANTS

# A client may cache the keys for six hours; Google's responses say a few hours too.
_CACHED = {"Cache-Control": "public, max-age=21600, must-revalidate, no-transform"}
_ACCOUNTS = "accounts.google.com"
# name -> (Google's base URL, path there and here)
_ENDPOINTS = {
    "authorization_endpoint": ("https://accounts.google.com", "/o/oauth2/v2/auth"),
    "token_endpoint": ("https://oauth2.googleapis.com", "/token"),
    "userinfo_endpoint": ("https://openidconnect.googleapis.com", "/v1/userinfo"),
    "revocation_endpoint": ("https://oauth2.googleapis.com", "/revoke"),
    "jwks_uri": ("https://www.googleapis.com", "/oauth2/v3/certs"),
}
_CLAIMS = ("aud", "azp", "sub", "iss", "iat", "exp", "email", "email_verified", "name", "given_name")
_ABILITIES = {
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": [ALGORITHM],
    "scopes_supported": ["openid", "email", "profile"],
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "claims_supported": list(_CLAIMS),
    "code_challenge_methods_supported": list(METHODS),
    "grant_types_supported": list(GRANTS),
}


async def show_certificates(_request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the keys of ID tokens as certificates."""
    return JSONResponse(await asyncio.to_thread(services.id_tokens.format_certificates), headers=_CACHED)


async def show_keys(_request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the keys of ID tokens as JSON Web Keys."""
    return JSONResponse(await asyncio.to_thread(services.id_tokens.format_jwks), headers=_CACHED)


async def discover(request: Request, _services: GoogleServices) -> JSONResponse:
    """Returns OpenID's discovery document: on Google's host with Google's URLs, else with this server's.

    https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
    """
    host = request.headers["host"]
    own = "" if host == _ACCOUNTS else f"{request.scope['scheme']}://{host}"
    endpoints = {name: f"{own or base}{path}" for name, (base, path) in _ENDPOINTS.items()}
    return JSONResponse({"issuer": ISSUER, **endpoints, **_ABILITIES}, headers=_CACHED)
