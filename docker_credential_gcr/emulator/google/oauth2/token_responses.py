"""Token responses: an access token for a user or a service account, and an ID token if requested."""

import asyncio
from dataclasses import dataclass

from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.identity.id_tokens import hash_access_token
from docker_credential_gcr.emulator.identity.tokens import AccessGrant

LIFETIME_S = 3600
# Scopes that let a client read facts about a user: https://developers.google.com/identity/scopes
OPENID = "openid"
EMAIL_SCOPES = frozenset({"email", "https://www.googleapis.com/auth/userinfo.email"})
PROFILE_SCOPES = frozenset({"profile", "https://www.googleapis.com/auth/userinfo.profile"})


@dataclass(frozen=True)
class Subject:
    """Principal that a token is for: `unique_id` is the claim `sub`, `key_id` a key or a login."""

    member: str
    unique_id: str
    key_id: str
    client_id: str
    name: str = ""

    @property
    def email(self) -> str:
        """Returns the e-mail address in the member."""
        return self.member.partition(":")[2]


async def issue_access_token(
    services: GoogleServices, subject: Subject, oauth_scopes: frozenset[str], *, nonce: str = ""
) -> dict[str, object]:
    """Returns the response with an access token, and with an ID token if `openid` is in the scopes."""
    now = services.clock.now()
    grant = AccessGrant(subject.member, subject.key_id, oauth_scopes, int(now) + LIFETIME_S, int(now))
    token = services.signer.sign_access(grant, now)
    # One second less than the lifetime, as Google says.
    answer: dict[str, object] = {
        "access_token": token,
        "expires_in": LIFETIME_S - 1,
        "token_type": "Bearer",
    }
    if OPENID not in oauth_scopes:
        return answer
    claims: dict[str, object] = {
        "aud": subject.client_id,
        "azp": subject.client_id,
        "sub": subject.unique_id,
        "at_hash": hash_access_token(token),
        **describe_subject(subject, oauth_scopes),
        **({"nonce": nonce} if nonce else {}),
    }
    return {**answer, "id_token": await _sign(services, claims)}


async def issue_id_token(services: GoogleServices, subject: Subject, audience: str) -> str:
    """Returns an ID token of a service account for the audience."""
    claims: dict[str, object] = {
        "aud": audience,
        "azp": subject.email,
        "sub": subject.unique_id,
        "email": subject.email,
        "email_verified": True,
    }
    return await _sign(services, claims)


def describe_subject(subject: Subject, oauth_scopes: frozenset[str]) -> dict[str, object]:
    """Returns the e-mail and profile claims that the scopes give access to."""
    facts: dict[str, object] = {}
    if oauth_scopes & EMAIL_SCOPES:
        facts |= {"email": subject.email, "email_verified": True}
    if oauth_scopes & PROFILE_SCOPES and subject.name:
        given_name, _, family_name = subject.name.partition(" ")
        facts |= {"name": subject.name, "given_name": given_name}
        facts |= {"family_name": family_name} if family_name else {}
    return facts


async def _sign(services: GoogleServices, claims: dict[str, object]) -> str:
    # On a thread: the first ID token of a data directory creates the key, which takes time.
    return await asyncio.to_thread(services.id_tokens.sign, claims, services.clock.now())
