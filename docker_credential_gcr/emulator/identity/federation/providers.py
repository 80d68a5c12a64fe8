"""Providers of workload identity pools: the tokens that are accepted, and their attribute mapping.

    {"oidc": {"issuerUri": "https://token.actions.githubusercontent.com", "allowedAudiences": [],
              "jwksJson": "{\\"keys\\": […]}"},
     "attributeMapping": {"google.subject": "assertion.sub", "attribute.ref": "assertion.ref"},
     "attributeCondition": "assertion.repository_owner == 'octo-org'"}

or {"aws": {"accountId": "123456789012"}} in place of "oidc".
https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from docker_credential_gcr.emulator.identity.cel.expressions import InvalidExpression, compile_expression
from docker_credential_gcr.emulator.identity.keys.jws import InvalidKeys, parse_keys

AWS_MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": (
        "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
        "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
    ),
}
# Anyone can have a repository there: a provider without a condition would accept everyone's tokens.
_SHARED_ISSUERS = (
    "https://token.actions.githubusercontent.com",
    "https://gitlab.com",
    "https://app.terraform.io",
)
_MAX_ATTRIBUTES = 50
_MAX_KEYS_SIZE = 64 * 1024
_MAX_MAPPING_SIZE = 2048
_TARGET = re.compile(r"google\.(?:subject|groups)|attribute\.[a-z0-9_]{1,100}", re.ASCII)
_AWS_ACCOUNT = re.compile(r"[0-9]{12}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class InvalidSettings(Exception):
    """The document does not describe a pool or a provider."""


def parse_texts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Parses the settings of both pools and providers: displayName, description, disabled.

    Raises InvalidSettings.
    """
    settings: dict[str, Any] = {}
    for name, maximum in (("displayName", 32), ("description", 256)):
        text = document.get(name, "")
        if not isinstance(text, str) or len(text) > maximum:
            raise InvalidSettings(f"{name} must be a string of at most {maximum} characters")
        settings |= {name: text} if text else {}
    disabled = document.get("disabled", False)
    if not isinstance(disabled, bool):
        raise InvalidSettings("disabled must be true or false")
    return settings | ({"disabled": True} if disabled else {})


def parse_provider(document: Mapping[str, Any]) -> dict[str, Any]:
    """Parses the settings of a provider, without unknown members. Raises InvalidSettings."""
    kinds = [kind for kind in ("oidc", "aws", "saml", "x509") if document.get(kind) is not None]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        raise InvalidSettings("a provider must have one of oidc and aws; gcr-emulator knows no others")
    (kind,) = kinds
    settings = parse_texts(document) | {kind: _KINDS[kind](document[kind])}
    mapping = document.get("attributeMapping") or (AWS_MAPPING if kind == "aws" else {})
    settings["attributeMapping"] = _parse_mapping(mapping)
    condition = document.get("attributeCondition") or ""
    if condition:
        settings["attributeCondition"] = _check_expression("attributeCondition", condition)
    elif settings.get("oidc", {}).get("issuerUri") in _SHARED_ISSUERS:
        raise InvalidSettings("the attribute condition must reference one of the provider's claims")
    return settings


def _parse_oidc(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidSettings("oidc must be an object")
    issuer = document.get("issuerUri")
    if not isinstance(issuer, str) or len(issuer) > 2000 or not _is_issuer(issuer):
        raise InvalidSettings("the issuerUri must be a URL that begins with https://, or a loopback one")
    settings: dict[str, Any] = {"issuerUri": issuer}
    audiences = document.get("allowedAudiences") or []
    if not isinstance(audiences, list) or len(audiences) > 10:
        raise InvalidSettings("allowedAudiences must be a list of at most 10")
    if not all(isinstance(audience, str) and 0 < len(audience) <= 256 for audience in audiences):
        raise InvalidSettings("an allowed audience must be a string of 1 to 256 characters")
    settings |= {"allowedAudiences": audiences} if audiences else {}
    keys = "" if document.get("jwksJson") is None else document["jwksJson"]
    if not isinstance(keys, str) or len(keys) > _MAX_KEYS_SIZE:
        raise InvalidSettings(f"jwksJson must be a string of at most {_MAX_KEYS_SIZE} characters")
    try:
        return settings | ({"jwksJson": keys} if keys and parse_keys(keys) else {})
    except InvalidKeys as error:
        raise InvalidSettings(f"jwksJson cannot be used: {error}") from error


def _is_issuer(text: str) -> bool:
    """Returns whether Google accepts the issuer, or it is on loopback, as the emulator's own without TLS."""
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    host = url.hostname or ""
    is_loopback = host in _LOOPBACK or host.endswith(".localhost")
    return bool(host) and (url.scheme == "https" or (url.scheme == "http" and is_loopback))


def _parse_aws(document: object) -> dict[str, Any]:
    account = document.get("accountId") if isinstance(document, dict) else None
    if not isinstance(account, str) or not _AWS_ACCOUNT.fullmatch(account):
        raise InvalidSettings("the accountId of AWS must have 12 digits")
    return {"accountId": account}


def _parse_mapping(mapping: object) -> dict[str, str]:
    if not isinstance(mapping, dict) or "google.subject" not in mapping:
        raise InvalidSettings("the attributeMapping must map google.subject")
    if len(mapping) > _MAX_ATTRIBUTES:
        raise InvalidSettings(f"the attributeMapping may have at most {_MAX_ATTRIBUTES} attributes")
    for target, expression in mapping.items():
        if not _TARGET.fullmatch(target):
            raise InvalidSettings(
                f"{target[:110]!r} cannot be mapped: known are google.subject, google.groups, attribute.NAME"
            )
        _check_expression(target, expression, _MAX_MAPPING_SIZE)
    return mapping


def _check_expression(name: str, expression: object, maximum: int = 4096) -> str:
    if not isinstance(expression, str) or len(expression) > maximum:
        raise InvalidSettings(f"{name} must be an expression of at most {maximum} characters")
    try:
        compile_expression(expression)
    except InvalidExpression as error:
        raise InvalidSettings(f"the expression of {name} cannot be evaluated: {error}") from error
    return expression


_KINDS: dict[str, Callable[[object], dict[str, Any]]] = {"oidc": _parse_oidc, "aws": _parse_aws}
