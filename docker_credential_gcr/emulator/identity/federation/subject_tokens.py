"""Subject tokens: verifies an external identity's token, and maps it to an identity of a pool.

https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from docker_credential_gcr.emulator.identity.assertions import is_instant
from docker_credential_gcr.emulator.identity.cel.budget import Budget, CostExceeded
from docker_credential_gcr.emulator.identity.cel.evaluator import Activation
from docker_credential_gcr.emulator.identity.cel.expressions import compile_expression
from docker_credential_gcr.emulator.identity.cel.values import EvaluationError
from docker_credential_gcr.emulator.identity.keys import jws

from .issuer import Issuer
from .principals import FederatedIdentity, is_nameable

# https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers#oidc_1
MAX_LIFETIME_S = 24 * 3600
MAX_SUBJECT_SIZE = 127
# Google's limit is 8 KiB; here all attributes are in access tokens, which are sent in a header.
MAX_ATTRIBUTES_SIZE = 4096
_MAX_SKEW_S = 60

# Google's texts, which users search for.
MALFORMED = "Unable to parse the ID Token."
WRONG_SIGNATURE = "Invalid ID Token signature."
CONDITION = "The given credential is rejected by the attribute condition."
# Google has no text for this.
TOO_COSTLY = (
    "The provider's attributeMapping and attributeCondition compute too much for this token: simplify them, "
    "or shorten the claims that they read."
)


class ExchangeRefused(Exception):
    """The subject token is refused; `error` is the code of RFC 6749 §5.2, the message is Google's."""

    def __init__(self, description: str, error: str = "invalid_grant") -> None:
        super().__init__(description)
        self.error = error


def verify_id_token(
    token: str, *, oidc: Mapping[str, Any], audiences: Sequence[str], issuer: Issuer, now: float
) -> dict[str, Any]:
    """Returns the claims of a JWT for a provider with the settings `oidc`. Raises ExchangeRefused.

    The keys are those of jwksJson, or without it that of `issuer`, which stands in for all issuers: keys are
    never fetched. `audiences` are the provider's own, used if the settings have none.
    """
    try:
        header, claims = jws.parse_unverified(token)
    except jws.InvalidJws as error:
        raise ExchangeRefused(MALFORMED) from error
    if claims.get("iss") != oidc["issuerUri"]:
        raise ExchangeRefused(
            f"The issuer in ID Token {_show(claims.get('iss'))} does not match the expected ones: "
            f"[{oidc['issuerUri']}]."
        )
    key = _find_key(header, oidc, issuer)
    try:
        jws.verify(token, key.key, key.algorithm)
    except jws.InvalidJws as error:
        raise ExchangeRefused(WRONG_SIGNATURE) from error
    _check_audience(claims.get("aud"), oidc.get("allowedAudiences") or audiences)
    _check_times(claims, now)
    return claims


def map_attributes(settings: Mapping[str, Any], assertion: Mapping[str, Any]) -> FederatedIdentity:
    """Returns the identity of an assertion, by the mapping and the condition of its provider.

    An attribute is left out if its expression has no value, such as for a missing claim. Raises
    ExchangeRefused, also if all expressions together compute more than one exchange may.
    """
    budget = Budget()
    try:
        identity = _build_identity(_evaluate(settings["attributeMapping"], assertion, budget))
        if not _meets(settings.get("attributeCondition", "true"), assertion, identity, budget):
            raise ExchangeRefused(CONDITION, "unauthorized_client")
    # RecursionError: a thousand operators in a row are a tree of that depth.
    except (CostExceeded, RecursionError) as error:
        raise ExchangeRefused(TOO_COSTLY, "invalid_request") from error
    return identity


def _evaluate(mapping: Mapping[str, str], assertion: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Returns the value of each target whose expression has one."""
    activation = Activation({"assertion": assertion}, budget)
    values: dict[str, Any] = {}
    for target, expression in mapping.items():
        try:
            values[target] = compile_expression(expression)(activation)
        except EvaluationError:
            continue
    return values


def _build_identity(values: Mapping[str, Any]) -> FederatedIdentity:
    identity = FederatedIdentity(
        _check_subject(values.get("google.subject")),
        _check_groups(values.get("google.groups", [])),
        {
            target.removeprefix("attribute."): _check_text(target, value)
            for target, value in values.items()
            if target.startswith("attribute.")
        },
    )
    _check_size(identity)
    return identity


def _find_key(header: Mapping[str, Any], oidc: Mapping[str, Any], issuer: Issuer) -> jws.VerificationKey:
    try:
        keys = jws.parse_keys(oidc["jwksJson"]) if "jwksJson" in oidc else [issuer.public_key]
    # An earlier version accepted the set.
    except jws.InvalidKeys as error:
        raise ExchangeRefused(WRONG_SIGNATURE) from error
    # By kid alone: a key, or the URL of a key, in the token is ignored.
    for key in keys:
        if key.key_id == header.get("kid"):
            return key
    if "jwksJson" in oidc:
        raise ExchangeRefused(WRONG_SIGNATURE)
    raise ExchangeRefused(
        "Error connecting to the given credential's issuer. gcr-emulator fetches no keys: give the provider "
        "the issuer's jwksJson, or let the emulator's own issuer mint the token."
    )


def _check_audience(audience: object, expected: Sequence[str]) -> None:
    found: Collection[object] = audience if isinstance(audience, list) else [audience]
    if not any(isinstance(each, str) and each in expected for each in found):
        shown = ", ".join(map(_show, found))
        raise ExchangeRefused(
            f"The audience in ID Token [{shown}] does not match the expected audience "
            f"{' or '.join(expected)}."
        )


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if not is_instant(issued_at) or not is_instant(expires_at):
        raise ExchangeRefused("The ID Token must have the claims iat and exp.")
    if now >= expires_at or issued_at > now + _MAX_SKEW_S:
        raise ExchangeRefused(f"ID Token issued at {int(issued_at)} is stale to sign-in.")
    if expires_at - issued_at > MAX_LIFETIME_S:
        raise ExchangeRefused("The lifetime of the ID Token must be at most 24 hours.")
    not_before = claims.get("nbf", issued_at)
    if not is_instant(not_before) or not_before > now + _MAX_SKEW_S:
        raise ExchangeRefused("The ID Token is not valid yet.")


def _meets(condition: str, assertion: Mapping[str, Any], identity: FederatedIdentity, budget: Budget) -> bool:
    google = {"subject": identity.subject, "groups": list(identity.groups)}
    values = {"assertion": assertion, "google": google, "attribute": identity.attributes}
    try:
        return compile_expression(condition)(Activation(values, budget)) is True
    except EvaluationError:
        return False


def _check_subject(value: object) -> str:
    if value is None:
        raise ExchangeRefused("Could not obtain a value for google.subject from the given credential.")
    subject = _check_text("google.subject", value)
    if not 0 < len(subject.encode()) <= MAX_SUBJECT_SIZE:
        raise ExchangeRefused(
            f"The size of mapped attribute google.subject exceeds the {MAX_SUBJECT_SIZE} bytes limit. Either "
            "modify your attribute mapping or the incoming assertion to produce a mapped attribute that is "
            f"less than {MAX_SUBJECT_SIZE} bytes.",
            "invalid_request",
        )
    return subject


def _check_text(target: str, value: object) -> str:
    if not isinstance(value, str):
        raise ExchangeRefused(
            f"The mapped attribute '{target}' must be of type STRING.", "unauthorized_client"
        )
    if not is_nameable(value):
        raise ExchangeRefused(
            f"The mapped attribute '{target}' must not contain control characters.", "invalid_request"
        )
    return value


def _check_groups(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(group, str) for group in value):
        raise ExchangeRefused(
            "The mapped attribute 'google.groups' must be of type LIST of STRING.", "unauthorized_client"
        )
    return tuple(_check_text("google.groups", group) for group in value)


def _check_size(identity: FederatedIdentity) -> None:
    if len(json.dumps([identity.groups, identity.attributes])) > MAX_ATTRIBUTES_SIZE:
        raise ExchangeRefused(
            f"The total size of the mapped attributes exceeds the {MAX_ATTRIBUTES_SIZE} bytes limit.",
            "invalid_request",
        )


def _show(value: object) -> str:
    return str(value)[:200]
