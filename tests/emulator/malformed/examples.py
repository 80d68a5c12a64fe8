"""Valid examples of each route's body: the walks put malformed values into their members."""

import json
from dataclasses import dataclass, field
from typing import Any

from docker_credential_gcr.emulator.identity.oauth.clients import APPLICATION_DEFAULT

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_V1, _V3 = "/v1/projects/{project}", "/v3/projects/{project}"
ACCOUNT_PATH = f"{_V1}/serviceAccounts/{{account}}"
_KEY = f"{ACCOUNT_PATH}/keys/{{key}}"
_POOLS = f"{_V1}/locations/global/workloadIdentityPools"
PROVIDERS_PATH = f"{_POOLS}/{{pool}}/providers"
_BUCKET = "/storage/v1/b/{bucket}"
_REPOSITORIES = f"{_V1}/locations/{{location}}/repositories"
_REPOSITORY = f"{_REPOSITORIES}/{{repository}}"
_PACKAGE = f"{_REPOSITORY}/packages/{{package}}"
_TOPIC, _SUBSCRIPTION = f"{_V1}/topics/{{topic}}", f"{_V1}/subscriptions/{{subscription}}"
_SECRET = f"{_V1}/secrets/{{secret}}"
_VERSION = f"{_PACKAGE}/versions/{{version}}".removeprefix("/v1/")


@dataclass(frozen=True)
class Example:
    """A body, as JSON or form fields, and its query."""

    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    is_form: bool = False


def _form(**fields: str) -> Example:
    return Example(fields, is_form=True)


_PROVIDER_NAME = "projects/1/locations/global/workloadIdentityPools/a/providers/b"
_CONDITION = {"title": "t", "description": "d", "expression": 'resource.name.startsWith("projects/")'}
_BINDINGS = [
    {"role": "roles/storage.objectViewer", "members": ["user:ada@example.com"], "condition": _CONDITION},
    {"role": "roles/storage.admin", "members": [f"serviceAccount:{ACCOUNT}"]},
]
_POLICY = {"version": 3, "bindings": _BINDINGS}
_OWN_BINDINGS = [{"role": "roles/iam.serviceAccountUser", "members": ["user:ada@example.com"]}]
_IMAGE_BINDINGS = [{"role": "roles/artifactregistry.reader", "members": ["user:ada@example.com"]}]
_TOPIC_BINDINGS = [{"role": "roles/pubsub.publisher", "members": ["user:ada@example.com"]}]
_SECRET_BINDINGS = [{"role": "roles/secretmanager.secretAccessor", "members": ["user:ada@example.com"]}]
_SUBSCRIPTION_BINDINGS = [{"role": "roles/pubsub.subscriber", "members": ["user:ada@example.com"]}]
_SUBSCRIPTION_SETTINGS = {
    "ackDeadlineSeconds": 10,
    "labels": {"a": "b"},
    "expirationPolicy": {"ttl": "2678400s"},
    "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
}
# https://www.rfc-editor.org/rfc/rfc7517#appendix-A.1
KEYS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "use": "sig",
            "alg": "ES256",
            "kid": "1",
        }
    ]
}
_GET_POLICY = Example({"options": {"requestedPolicyVersion": 3}})
_PROVIDER = {
    "displayName": "p",
    "description": "d",
    "disabled": False,
    "attributeMapping": {"google.subject": "assertion.sub", "attribute.a": "assertion.a"},
    "attributeCondition": "assertion.sub != ''",
    "oidc": {"issuerUri": "https://issuer.example", "allowedAudiences": ["a"], "jwksJson": json.dumps(KEYS)},
}
_BUCKET_SETTINGS = {
    "cors": [{"origin": ["*"], "maxAgeSeconds": 60}],
    "labels": {"a": "b"},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]},
    "softDeletePolicy": {"retentionDurationSeconds": "0"},
    "storageClass": "STANDARD",
    "versioning": {"enabled": True},
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False, "lockedTime": "x"}},
}
_TOKEN = _form(
    grant_type="refresh_token",
    refresh_token="1//x",
    client_id=APPLICATION_DEFAULT.client_id,
    client_secret=APPLICATION_DEFAULT.secret,
    assertion="eyJ.e30.x",
    code="4/x",
    redirect_uri="http://127.0.0.1:1/",
    code_verifier="v" * 43,
)
_INFORMATION = _form(access_token="ya29.x", id_token="eyJ.e30.x")
_ACT = {"delegates": [f"projects/-/serviceAccounts/{ACCOUNT}"]}

EXAMPLES: dict[tuple[str, str], Example] = {
    ("POST", "/token"): _TOKEN,
    ("POST", "/oauth2/v4/token"): _TOKEN,
    ("POST", "/o/oauth2/token"): _TOKEN,
    ("POST", "/revoke"): _form(token="1//x"),
    ("POST", "/o/oauth2/revoke"): _form(token="1//x"),
    ("POST", "/tokeninfo"): _INFORMATION,
    ("POST", "/oauth2/v1/tokeninfo"): _INFORMATION,
    ("POST", "/oauth2/v3/tokeninfo"): _INFORMATION,
    ("POST", "/v1/userinfo"): _form(access_token="ya29.x"),
    ("POST", "/v1/introspect"): _form(token="ya29.x", token_type_hint="t"),
    ("POST", "/signin/oauth/consent"): _form(
        client_id=APPLICATION_DEFAULT.client_id,
        redirect_uri="http://127.0.0.1:1/",
        response_type="code",
        scope="openid",
        state="s",
        nonce="n",
        access_type="offline",
        prompt="consent",
        login_hint="ada@example.com",
        account="ada@example.com",
        csrf_token="p",
        decision="allow",
        operator_token="t",
    ),
    ("POST", "/v1/token"): Example(
        {
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": f"//iam.googleapis.com/{_PROVIDER_NAME}",
            "scope": CLOUD_PLATFORM,
            "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
            "subjectToken": "eyJ.e30.x",
            "options": '{"userProject": "p"}',
        }
    ),
    ("POST", "/v1/projects"): Example({"projectId": "other-project", "name": "n", "labels": {"a": "b"}}),
    ("POST", "/v3/projects"): Example({"projectId": "third-project", "displayName": "n", "labels": {}}),
    ("PUT", _V1): Example({"name": "n", "labels": {"a": "b"}}),
    ("PATCH", _V3): Example({"displayName": "n", "labels": {"a": "b"}}),
    ("POST", f"{_V1}:undelete"): Example(),
    ("POST", f"{_V3}:undelete"): Example(),
    ("POST", f"{_V1}:getAncestry"): Example(),
    ("POST", f"{_V3}:move"): Example({"destinationParent": "folders/1"}),
    ("POST", f"{_V1}:getIamPolicy"): _GET_POLICY,
    ("POST", "/v1/organizations/{organization}:getIamPolicy"): _GET_POLICY,
    ("POST", "/v2/folders/{folder}:getIamPolicy"): _GET_POLICY,
    ("POST", f"{_V3}:getIamPolicy"): _GET_POLICY,
    ("POST", f"{_V1}:setIamPolicy"): Example({"policy": _POLICY}),
    ("POST", f"{_V3}:setIamPolicy"): Example({"policy": _POLICY}),
    ("POST", f"{_V1}:testIamPermissions"): Example({"permissions": ["storage.buckets.get"]}),
    ("POST", f"{_V3}:testIamPermissions"): Example({"permissions": ["storage.buckets.get"]}),
    ("POST", f"{_V1}/services:batchEnable"): Example({"serviceIds": ["storage.googleapis.com"]}),
    ("POST", f"{_V1}/services/{{service}}:enable"): Example(),
    ("POST", f"{_V1}/services/{{service}}:disable"): Example({"disableDependentServices": True}),
    ("POST", f"{_V1}/serviceAccounts"): Example(
        {"accountId": "other", "serviceAccount": {"displayName": "n", "description": "d"}}
    ),
    ("POST", f"{ACCOUNT_PATH}:getIamPolicy"): Example(),
    ("POST", f"{ACCOUNT_PATH}:setIamPolicy"): Example({"policy": {"version": 1, "bindings": _OWN_BINDINGS}}),
    ("POST", f"{ACCOUNT_PATH}:undelete"): Example(),
    ("POST", f"{ACCOUNT_PATH}:testIamPermissions"): Example({"permissions": ["iam.serviceAccounts.get"]}),
    ("POST", f"{ACCOUNT_PATH}:disable"): Example(),
    ("POST", f"{ACCOUNT_PATH}:enable"): Example(),
    ("PATCH", ACCOUNT_PATH): Example(
        {"serviceAccount": {"displayName": "n", "description": "d"}, "updateMask": "displayName"}
    ),
    ("PUT", ACCOUNT_PATH): Example({"displayName": "n", "description": "d"}),
    ("POST", f"{ACCOUNT_PATH}/keys:upload"): Example({"publicKeyData": "eA=="}),
    ("POST", f"{_KEY}:disable"): Example(),
    ("POST", f"{_KEY}:enable"): Example(),
    ("POST", f"{ACCOUNT_PATH}:generateAccessToken"): Example(
        {**_ACT, "scope": [CLOUD_PLATFORM], "lifetime": "300s"}
    ),
    ("POST", f"{ACCOUNT_PATH}:generateIdToken"): Example({**_ACT, "audience": "a", "includeEmail": True}),
    ("POST", f"{ACCOUNT_PATH}:signJwt"): Example({**_ACT, "payload": '{"a": 1}'}),
    ("POST", f"{ACCOUNT_PATH}:signBlob"): Example({**_ACT, "payload": "eA=="}),
    ("POST", _POOLS): Example(
        {"displayName": "n", "description": "d", "disabled": False}, "workloadIdentityPoolId=other"
    ),
    ("POST", f"{_POOLS}/{{pool}}:undelete"): Example(),
    ("PATCH", f"{_POOLS}/{{pool}}"): Example({"displayName": "n", "description": "d", "disabled": False}),
    ("POST", PROVIDERS_PATH): Example(_PROVIDER, "workloadIdentityPoolProviderId=other"),
    ("POST", f"{PROVIDERS_PATH}/{{provider}}:undelete"): Example(),
    ("PATCH", f"{PROVIDERS_PATH}/{{provider}}"): Example(_PROVIDER),
    ("POST", "/storage/v1/b"): Example(
        {"name": "bucket-bb", "location": "US", **_BUCKET_SETTINGS}, "project=my-project"
    ),
    ("PATCH", _BUCKET): Example(_BUCKET_SETTINGS),
    ("PUT", _BUCKET): Example(_BUCKET_SETTINGS),
    ("PUT", f"{_BUCKET}/iam"): Example(_POLICY),
    ("PATCH", f"{_V1}/projectSettings"): Example(
        {"legacyRedirectionState": "REDIRECTION_FROM_GCR_IO_PARTIAL_AND_COPYING", "pullPercent": 5}
    ),
    ("POST", _REPOSITORIES): Example(
        {
            "format": "DOCKER",
            "mode": "STANDARD_REPOSITORY",
            "description": "d",
            "labels": {"a": "b"},
            "dockerConfig": {"immutableTags": False},
        },
        "repositoryId=other",
    ),
    ("PATCH", _REPOSITORY): Example(
        {"description": "d", "labels": {"a": "b"}, "dockerConfig": {"immutableTags": False}}
    ),
    ("POST", f"{_REPOSITORY}:setIamPolicy"): Example({"policy": {"version": 1, "bindings": _IMAGE_BINDINGS}}),
    ("POST", f"{_REPOSITORY}:testIamPermissions"): Example(
        {"permissions": ["artifactregistry.repositories.get"]}
    ),
    ("POST", f"{_PACKAGE}/versions:batchDelete"): Example(
        # A missing version, because with some values of validateOnly the request would delete it.
        {"names": [_VERSION.replace("{version}", f"sha256:{'0' * 64}")], "validateOnly": True}
    ),
    ("POST", f"{_V1}/locations/{{location}}/operations/{{operation}}:cancel"): Example(),
    ("PATCH", _PACKAGE): Example({"annotations": {"a": "b"}}),
    ("PATCH", f"/v1/{_VERSION}"): Example({"annotations": {"a": "b"}}),
    ("POST", f"{_PACKAGE}/tags"): Example({"version": _VERSION}, "tagId=v2"),
    ("PATCH", f"{_PACKAGE}/tags/{{tag}}"): Example({"version": _VERSION}),
    ("PUT", _TOPIC): Example({"labels": {"a": "b"}, "messageRetentionDuration": "600s"}),
    ("PATCH", _TOPIC): Example({"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}),
    ("POST", f"{_TOPIC}:publish"): Example(
        {"messages": [{"data": "YQ==", "attributes": {"a": "b"}, "orderingKey": "k"}]}
    ),
    ("POST", f"{_TOPIC}:setIamPolicy"): Example({"policy": {"version": 1, "bindings": _TOPIC_BINDINGS}}),
    ("POST", f"{_TOPIC}:testIamPermissions"): Example({"permissions": ["pubsub.topics.get"]}),
    ("PUT", _SUBSCRIPTION): Example({"topic": "projects/my-project/topics/news", **_SUBSCRIPTION_SETTINGS}),
    ("PATCH", _SUBSCRIPTION): Example(
        {
            "subscription": _SUBSCRIPTION_SETTINGS,
            "updateMask": "ackDeadlineSeconds,labels,expirationPolicy,retryPolicy",
        }
    ),
    ("POST", f"{_SUBSCRIPTION}:pull"): Example({"maxMessages": 1, "returnImmediately": True}),
    ("POST", f"{_SUBSCRIPTION}:acknowledge"): Example({"ackIds": ["MTox"]}),
    ("POST", f"{_SUBSCRIPTION}:modifyAckDeadline"): Example({"ackIds": ["MTox"], "ackDeadlineSeconds": 10}),
    ("POST", f"{_SUBSCRIPTION}:modifyPushConfig"): Example({"pushConfig": {}}),
    ("POST", f"{_SUBSCRIPTION}:seek"): Example({"time": "2026-01-01T00:00:00Z"}),
    ("POST", f"{_SUBSCRIPTION}:setIamPolicy"): Example(
        {"policy": {"version": 1, "bindings": _SUBSCRIPTION_BINDINGS}}
    ),
    ("POST", f"{_SUBSCRIPTION}:testIamPermissions"): Example({"permissions": ["pubsub.subscriptions.get"]}),
    ("POST", f"{_V1}/secrets"): Example(
        {"replication": {"automatic": {}}, "labels": {"a": "b"}, "annotations": {"a": "b"}}, "secretId=other"
    ),
    ("PATCH", _SECRET): Example({"labels": {"a": "b"}, "annotations": {"a": "b"}}),
    ("POST", f"{_SECRET}:addVersion"): Example({"payload": {"data": "YQ==", "dataCrc32c": "3251651376"}}),
    ("POST", f"{_SECRET}:setIamPolicy"): Example({"policy": {"version": 1, "bindings": _SECRET_BINDINGS}}),
    ("POST", f"{_SECRET}:testIamPermissions"): Example({"permissions": ["secretmanager.secrets.get"]}),
    ("POST", f"{_SECRET}/versions/{{number}}:enable"): Example({"etag": ""}),
    ("POST", f"{_SECRET}/versions/{{number}}:disable"): Example({"etag": ""}),
    ("POST", "/_emulator/webhooks"): Example(
        {
            "url": "http://127.0.0.1:1/",
            "project": "my-project",
            "events": ["insert"],
            "format": "docker",
            "secret": "s",
        }
    ),
    ("POST", "/_emulator/webhooks/{webhook}:redeliver"): Example({"deliveries": ["none"]}),
    ("PUT", "/_emulator/faults"): Example(
        {
            "faults": [
                {
                    "method": "TRACE",
                    "path": "/nowhere",
                    "status": 503,
                    "body": "b",
                    "headers": {"a": "b"},
                    "delay_s": 0,
                    "times": 1,
                }
            ]
        }
    ),
    ("PUT", "/_emulator/clock"): Example({"offset_s": 0}),
    ("PUT", "/_emulator/metadata"): Example(
        {
            "account": ACCOUNT,
            "project": "my-project",
            "scopes": [CLOUD_PLATFORM],
            "attributes": {"a": "b"},
            "project_attributes": {"a": "b"},
            "name": "vm",
            "zone": "us-central1-a",
            "delay_s": 0,
        }
    ),
    ("PATCH", "/_emulator/projects/{project}"): Example({"registry": "container-registry"}),
    ("POST", "/_emulator/gc"): Example({"older_than_s": 9e9, "untagged": False, "dry_run": True}),
    ("POST", "/_emulator/issuer/tokens"): Example(
        {"subject": "ada", "audience": "a", "lifetime_s": 60, "claims": {"iss": "https://issuer.example"}}
    ),
    ("POST", "/_emulator/issuer/awsKeys"): Example(
        {
            "access_key_id": "AKIA",
            "secret_access_key": "s",
            "session_token": "t",
            "arn": "arn:aws:iam::123456789012:user/ada",
            "user_id": "u",
        }
    ),
    ("POST", "/_emulator/users"): Example({"email": "ada@example.com", "name": "Ada"}),
    ("POST", "/_emulator/refreshTokens"): Example({"email": "ada@example.com", "scopes": ["openid"]}),
}
# Routes without a body, and those that a walk cannot call repeatedly.
WITHOUT_BODY = {
    ("POST", f"{ACCOUNT_PATH}/keys"): "makes an RSA key each time, and reads two words of a fixed list",
    ("POST", f"{_SUBSCRIPTION}:detach"): "takes none, and detaches for ever",
    (
        "POST",
        f"{_SECRET}/versions/{{number}}:destroy",
    ): "takes what the others take, and is for ever",
    ("POST", "/_emulator/webhooks/{webhook}:test"): "takes none, and sends a request",
    ("POST", "/_emulator/reset"): "takes none, and forgets everything",
    ("POST", "/_emulator/accessTokens"): "takes none",
}
CREATING = {("PUT", _TOPIC), ("PUT", _SUBSCRIPTION)}
