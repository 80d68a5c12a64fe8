"""iamcredentials.googleapis.com: short-lived credentials of service accounts, for impersonation.

POST /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken
     {"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s", "delegates": []}
200  {"accessToken": "ya29.…", "expireTime": "2026-01-01T00:00:00Z"}

https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
"""

import asyncio
import base64
import re
from typing import Any

from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.message_schema import MISSING, VALUE, List, Message
from docker_credential_gcr.emulator.google.rest.methods import Result, method
from docker_credential_gcr.emulator.identity.keys.base64_text import decode_base64
from docker_credential_gcr.emulator.identity.keys.service_account_keys import sign_blob, sign_jwt
from docker_credential_gcr.emulator.identity.oauth.scopes import KNOWN, MAX_SCOPE_SIZE
from docker_credential_gcr.emulator.identity.principal import format_service_account
from docker_credential_gcr.emulator.identity.tokens import AccessGrant
from docker_credential_gcr.emulator.runtime import strict_json
from docker_credential_gcr.emulator.runtime.timestamps import format_instant

from .delegation import get_account_to_act_as
from .system_managed_keys import get_or_create_key

_ACT_AS: Message = {"delegates": List(VALUE)}
_NO_STORE = {"Cache-Control": "no-store"}
_MAX_LIFETIME_S = 3600
_MAX_JWT_LIFETIME_S = 12 * 3600
# https://protobuf.dev/reference/protobuf/google.protobuf/#duration
_DURATION = re.compile(r"(\d{1,9})(?:\.\d{1,9})?s", re.ASCII)


@method(body={**_ACT_AS, "scope": VALUE, "lifetime": VALUE})
async def generate_access_token(call: Call) -> Result:
    """Returns an access token of the account, with the scopes and the lifetime that the caller asks for."""
    account = await get_account_to_act_as(call, "iam.serviceAccounts.getAccessToken")
    scopes, lifetime_s = _parse_scopes(call.body.get("scope")), _parse_lifetime(call.body.get("lifetime"))
    key = await get_or_create_key(call.services, account)
    now = call.now
    expires_at = int(now) + lifetime_s
    # The token names the key: it ends with the key, when the account is disabled or deleted.
    grant = AccessGrant(format_service_account(account.email), key.key_id, scopes, expires_at, int(now))
    return JSONResponse(
        {
            "accessToken": call.services.signer.sign_access(grant, now),
            "expireTime": format_instant(expires_at),
        },
        headers=_NO_STORE,
    )


@method(body={**_ACT_AS, "audience": VALUE, "includeEmail": VALUE, "organizationNumberIncluded": MISSING})
async def generate_id_token(call: Call) -> Result:
    """Returns an ID token of the account for the audience, valid for one hour."""
    account = await get_account_to_act_as(call, "iam.serviceAccounts.getOpenIdToken")
    audience = call.body.get("audience")
    if not isinstance(audience, str) or not audience:
        raise InvalidArgument("Audience required.")
    claims: dict[str, object] = {"aud": audience, "azp": account.unique_id, "sub": account.unique_id}
    if call.body.get("includeEmail") is True:
        claims |= {"email": account.email, "email_verified": True}
    # On a thread: the first call creates the key, which takes time.
    token = await asyncio.to_thread(call.services.id_tokens.sign, claims, call.now)
    return JSONResponse({"token": token}, headers=_NO_STORE)


@method(body={**_ACT_AS, "payload": VALUE})
async def sign_account_jwt(call: Call) -> Result:
    """Returns a JWT with the caller's claims, signed with the account's system-managed key."""
    account = await get_account_to_act_as(call, "iam.serviceAccounts.signJwt")
    claims = _parse_claims(call.body.get("payload"), call.now)
    key = await get_or_create_key(call.services, account)
    signed = sign_jwt(claims, key.key_id, key.private_key)
    return JSONResponse({"keyId": key.key_id, "signedJwt": signed}, headers=_NO_STORE)


@method(body={**_ACT_AS, "payload": VALUE, "bytesToSign": VALUE})
async def sign_account_blob(call: Call) -> Result:
    """Returns a signature of the caller's bytes by the account's system-managed key."""
    account = await get_account_to_act_as(call, "iam.serviceAccounts.signBlob")
    # IAM's older API has the same method with other names.
    is_older = "bytesToSign" in call.body and "payload" not in call.body
    blob = _parse_blob(call.body.get("bytesToSign" if is_older else "payload"))
    key = await get_or_create_key(call.services, account)
    signature = base64.b64encode(sign_blob(blob, key.private_key)).decode()
    answer = {"keyId": key.key_id, "signature" if is_older else "signedBlob": signature}
    return JSONResponse(answer, headers=_NO_STORE)


@method()
async def list_allowed_locations(_call: Call) -> Result:
    """Returns that the identity may be used anywhere: google-auth asks when it gets a token."""
    return {"locations": [], "encodedLocations": "0x0"}


def _parse_scopes(scopes: object) -> frozenset[str]:
    if not isinstance(scopes, list) or not scopes:
        raise InvalidArgument("Scope required.")
    for scope in scopes:
        if not isinstance(scope, str) or scope not in KNOWN:
            raise InvalidArgument(f"Invalid OAuth scope: {str(scope)[:100]!r}.")
    if sum(map(len, scopes)) > MAX_SCOPE_SIZE:
        raise InvalidArgument(f"The scopes are longer than {MAX_SCOPE_SIZE} characters.")
    return frozenset(scopes)


def _parse_lifetime(lifetime: object) -> int:
    if lifetime is None or lifetime == "":
        return _MAX_LIFETIME_S
    match = _DURATION.fullmatch(lifetime) if isinstance(lifetime, str) else None
    if match is None or int(match[1]) == 0:
        raise InvalidArgument('The lifetime must be a duration in seconds, such as "3600s".')
    if int(match[1]) > _MAX_LIFETIME_S:
        raise InvalidArgument(
            "The access token lifetime cannot exceed 3,600 seconds; to override this limit, add the service "
            "account to the constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension, which "
            "gcr-emulator does not have."
        )
    return int(match[1])


def _parse_claims(payload: object, now: float) -> dict[str, Any]:
    try:
        claims = strict_json.decode(payload) if isinstance(payload, str) else None
    except strict_json.InvalidJson:
        claims = None
    if not isinstance(claims, dict):
        raise InvalidArgument("The payload must be a JSON object, as a string.")
    expires_at = claims.get("exp", int(now))
    if not isinstance(expires_at, int) or isinstance(expires_at, bool):
        raise InvalidArgument("The exp of the payload must be an integer.")
    if not int(now) <= expires_at <= now + _MAX_JWT_LIFETIME_S:
        raise InvalidArgument("The exp of the payload must be in the future, and at most 12 hours from now.")
    return claims


def _parse_blob(payload: object) -> bytes:
    try:
        if not isinstance(payload, str):
            raise InvalidArgument("The payload must be bytes in base64.")
        return decode_base64(payload)
    except ValueError as error:
        raise InvalidArgument("The payload must be bytes in base64.") from error
