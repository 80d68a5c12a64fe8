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


def _describe(fields: Message, **others: Field) -> Message:
    return {**fields, **others}


def _tell(names: str, field: Field = OUTPUT) -> Message:
    return dict.fromkeys(names.split(), field)


# cloudresourcemanager.googleapis.com
PROJECT_V1 = _describe(
    _tell("projectNumber lifecycleState createTime configuredCapabilities"),
    projectId=Fixed(VALUE),
    name=VALUE,
    labels=Map(VALUE),
    parent={"type": VALUE, "id": VALUE},
    tags=MISSING,
)
PROJECT_V3 = _describe(
    _tell("name state createTime updateTime deleteTime configuredCapabilities etag"),
    projectId=Fixed(VALUE),
    displayName=VALUE,
    labels=Map(VALUE),
    parent=Fixed(VALUE),
    tags=MISSING,
)
# https://cloud.google.com/iam/docs/reference/rest/v1/Policy
_CONDITION = _describe(_tell("expression title description", VALUE), location=MISSING)
POLICY: Message = {
    "version": VALUE,
    "etag": VALUE,
    "bindings": List({"role": VALUE, "members": VALUE, "condition": _CONDITION, "bindingId": MISSING}),
    "auditConfigs": MISSING,
    "rules": MISSING,
    # Cloud Storage's members: gcloud sends them with any policy that it has read.
    **_tell("kind resourceId"),
}
GET_POLICY: Message = {"options": {"requestedPolicyVersion": VALUE}}
SET_POLICY: Message = {"policy": POLICY, "updateMask": VALUE}

# iam.googleapis.com
ACCOUNT = _describe(
    _tell("name projectId uniqueId email etag oauth2ClientId disabled"), displayName=VALUE, description=VALUE
)
POOL = _describe(
    _tell("name state expireTime"),
    **_tell("displayName description disabled", VALUE),
    **_tell("mode inlineCertificateIssuanceConfig inlineTrustConfig attestationRules", MISSING),
)
PROVIDER = _describe(
    _tell("name state expireTime"),
    **_tell("displayName description disabled attributeCondition saml x509", VALUE),
    attributeMapping=Map(VALUE),
    oidc=_tell("issuerUri allowedAudiences jwksJson", VALUE),
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


def _number(*names: str) -> Enum:
    return Enum(dict(enumerate(names)))


_CLEANUP_POLICY: Message = {
    "id": TEXT,
    "action": _number("ACTION_UNSPECIFIED", "DELETE", "KEEP"),
    "condition": {
        "tagState": _number("TAG_STATE_UNSPECIFIED", "TAGGED", "UNTAGGED", "ANY"),
        **_tell("tagPrefixes versionNamePrefixes packageNamePrefixes", _NAMES),
        **_tell("olderThan newerThan", DURATION),
    },
    "mostRecentVersions": {"packageNamePrefixes": _NAMES, "keepCount": COUNT},
}
_SCANNING = _describe(
    _tell("enablementState enablementStateReason lastEnableTime"),
    enablementConfig=_number("ENABLEMENT_CONFIG_UNSPECIFIED", "INHERITED", "DISABLED"),
)
REPOSITORY = _describe(
    _tell("name createTime updateTime sizeBytes registryUri satisfiesPzs satisfiesPzi"),
    format=Fixed(Enum(_FORMATS)),
    mode=Fixed(_number(*_MODES)),
    kmsKeyName=Fixed(TEXT),
    description=VALUE,
    labels=Map(VALUE),
    dockerConfig={"immutableTags": VALUE},
    cleanupPolicies=Map(_CLEANUP_POLICY),
    cleanupPolicyDryRun=FLAG,
    vulnerabilityScanningConfig=_SCANNING,
    **_tell("remoteRepositoryConfig virtualRepositoryConfig mavenConfig aptConfig yumConfig", MISSING),
    **_tell("platformLogsConfig disallowUnspecifiedMode", MISSING),
)
TAG: Message = {"name": OUTPUT, "version": VALUE}
