"""Request messages, with every member that Google's references name.

https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
https://cloud.google.com/resource-manager/reference/rest/v3/projects
"""

from .message_schema import (
    COUNT,
    DURATION,
    FLAG,
    MISSING,
    OUTPUT,
    TEXT,
    VALUE,
    Enum,
    Field,
    Fixed,
    List,
    Map,
    Message,
)


def _message(fields: Message, **others: Field) -> Message:
    return {**fields, **others}


def _fields(names: str, field: Field = OUTPUT) -> Message:
    return dict.fromkeys(names.split(), field)


# cloudresourcemanager.googleapis.com
PROJECT_V1 = _message(
    _fields("projectNumber lifecycleState createTime configuredCapabilities"),
    projectId=Fixed(VALUE),
    name=VALUE,
    labels=Map(VALUE),
    parent={"type": VALUE, "id": VALUE},
    tags=MISSING,
)
PROJECT_V3 = _message(
    _fields("name state createTime updateTime deleteTime configuredCapabilities etag"),
    projectId=Fixed(VALUE),
    displayName=VALUE,
    labels=Map(VALUE),
    parent=Fixed(VALUE),
    tags=MISSING,
)
# https://cloud.google.com/iam/docs/reference/rest/v1/Policy
_CONDITION = _message(_fields("expression title description", VALUE), location=MISSING)
POLICY: Message = {
    "version": VALUE,
    "etag": VALUE,
    "bindings": List({"role": VALUE, "members": VALUE, "condition": _CONDITION, "bindingId": MISSING}),
    "auditConfigs": MISSING,
    "rules": MISSING,
    # Cloud Storage's members: gcloud sends them with any policy that it has read.
    **_fields("kind resourceId"),
}
GET_POLICY: Message = {"options": {"requestedPolicyVersion": VALUE}}
SET_POLICY: Message = {"policy": POLICY, "updateMask": VALUE}

# iam.googleapis.com
ACCOUNT = _message(
    _fields("name projectId uniqueId email etag oauth2ClientId disabled"),
    displayName=VALUE,
    description=VALUE,
)
POOL = _message(
    _fields("name state expireTime"),
    **_fields("displayName description disabled", VALUE),
    **_fields("mode inlineCertificateIssuanceConfig inlineTrustConfig attestationRules", MISSING),
)
PROVIDER = _message(
    _fields("name state expireTime"),
    **_fields("displayName description disabled attributeCondition saml x509", VALUE),
    attributeMapping=Map(VALUE),
    oidc=_fields("issuerUri allowedAudiences jwksJson", VALUE),
    aws={"accountId": VALUE, "stsUri": MISSING},
)

# artifactregistry.googleapis.com
_NAMES = List(TEXT)
_FORMATS = {
    0: "FORMAT_UNSPECIFIED",
    1: "DOCKER",
    2: "MAVEN",
    3: "NPM",
    5: "APT",
    6: "YUM",
    7: "GOOGET",
    8: "PYTHON",
    9: "KFP",
    10: "GO",
    11: "GENERIC",
    12: "RUBY",
}
_MODES = (
    *("MODE_UNSPECIFIED", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY"),
    *("AOSS_REPOSITORY", "ASSURED_OSS_REPOSITORY"),
)


def _enum(*names: str) -> Enum:
    return Enum(dict(enumerate(names)))


_CLEANUP_POLICY: Message = {
    "id": TEXT,
    "action": _enum("ACTION_UNSPECIFIED", "DELETE", "KEEP"),
    "condition": {
        "tagState": _enum("TAG_STATE_UNSPECIFIED", "TAGGED", "UNTAGGED", "ANY"),
        **_fields("tagPrefixes versionNamePrefixes packageNamePrefixes", _NAMES),
        **_fields("olderThan newerThan", DURATION),
    },
    "mostRecentVersions": {"packageNamePrefixes": _NAMES, "keepCount": COUNT},
}
_UPSTREAM_POLICY: Message = {"id": TEXT, "repository": TEXT, "priority": COUNT}
_SCANNING = _message(
    _fields("enablementState enablementStateReason lastEnableTime"),
    enablementConfig=_enum("ENABLEMENT_CONFIG_UNSPECIFIED", "INHERITED", "DISABLED"),
)
_LOGS: Message = {
    "loggingState": _enum("LOGGING_STATE_UNSPECIFIED", "ENABLED", "DISABLED"),
    "severityLevel": _enum(
        *("SEVERITY_LEVEL_UNSPECIFIED", "DEBUG", "INFO", "NOTICE", "WARNING"),
        *("ERROR", "CRITICAL", "ALERT", "EMERGENCY"),
    ),
}
REPOSITORY = _message(
    _fields("name createTime updateTime sizeBytes registryUri satisfiesPzs satisfiesPzi"),
    format=Fixed(Enum(_FORMATS)),
    mode=Fixed(_enum(*_MODES)),
    kmsKeyName=Fixed(TEXT),
    description=VALUE,
    labels=Map(VALUE),
    dockerConfig={"immutableTags": VALUE},
    cleanupPolicies=Map(_CLEANUP_POLICY),
    cleanupPolicyDryRun=FLAG,
    vulnerabilityScanningConfig=_SCANNING,
    platformLogsConfig=_LOGS,
    disallowUnspecifiedMode=FLAG,
    virtualRepositoryConfig={"upstreamPolicies": List(_UPSTREAM_POLICY)},
    **_fields("remoteRepositoryConfig mavenConfig aptConfig yumConfig", MISSING),
    **_fields("networkConfig sbomConfig", MISSING),
)
PROJECT_SETTINGS: Message = {
    "name": OUTPUT,
    "legacyRedirectionState": _enum(
        "REDIRECTION_STATE_UNSPECIFIED",
        *(
            f"REDIRECTION_FROM_GCR_IO_{state}"
            for state in (
                "DISABLED",
                "ENABLED",
                "FINALIZED",
                "PARTIAL",
                "ENABLED_AND_COPYING",
                "PARTIAL_AND_COPYING",
            )
        ),
    ),
    "pullPercent": COUNT,
}
PACKAGE = _message(_fields("name displayName createTime updateTime"), annotations=Map(TEXT))
VERSION = _message(
    _fields("name description createTime updateTime relatedTags metadata fingerprints"), annotations=Map(TEXT)
)
TAG: Message = {"name": OUTPUT, "version": VALUE}
