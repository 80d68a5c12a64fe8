"""Request messages: each member is stored and can be read, or it is refused, for all requests."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from docker_credential_gcr.emulator.google.rest.message_schema import (
    MISSING,
    OUTPUT,
    Field,
    Fixed,
    List,
    Map,
    Message,
    to_camel,
    to_snake,
)
from docker_credential_gcr.emulator.google.rest.methods import Method
from docker_credential_gcr.emulator.google.rest.request_messages import (
    ACCOUNT,
    PACKAGE,
    POLICY,
    POOL,
    PROJECT_SETTINGS,
    PROJECT_V1,
    PROJECT_V3,
    PROVIDER,
    REPOSITORY,
    TAG,
    VERSION,
)
from docker_credential_gcr.emulator.google.routes import ROUTES

Apis = Any

PROJECT = "/v1/projects/my-project"
POOLS = f"{PROJECT}/locations/global/workloadIdentityPools"
REPOSITORIES = f"{PROJECT}/locations/us/repositories"
SUBJECT = {"google.subject": "assertion.sub", "attribute.some_name": "assertion.ref"}
TEXTS = {"displayName": "Shown", "description": "Ours"}
KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
CLEANUP = {
    "keep_some": {
        "id": "keep_some",
        "action": "KEEP",
        "mostRecentVersions": {"packageNamePrefixes": ["app"], "keepCount": 5},
    },
    "drop-old": {
        "id": "drop-old",
        "action": "DELETE",
        "condition": {
            "tagState": "UNTAGGED",
            "tagPrefixes": ["v"],
            "versionNamePrefixes": ["sha256:0"],
            "packageNamePrefixes": ["app"],
            "olderThan": "86400s",
            "newerThan": "3600s",
        },
    },
}
IMAGES: dict[str, Any] = {
    "format": "DOCKER",
    "mode": "STANDARD_REPOSITORY",
    "kmsKeyName": KEY,
    "description": "Ours",
    "labels": {"some_team": "x"},
    "dockerConfig": {"immutableTags": True},
    "cleanupPolicies": CLEANUP,
    "cleanupPolicyDryRun": True,
    "vulnerabilityScanningConfig": {"enablementConfig": "DISABLED"},
    "platformLogsConfig": {"loggingState": "ENABLED", "severityLevel": "WARNING"},
    "disallowUnspecifiedMode": True,
}
UPSTREAM = "projects/my-project/locations/us/repositories/upstream"
ALL: dict[str, Any] = {
    **IMAGES,
    "mode": "VIRTUAL_REPOSITORY",
    "virtualRepositoryConfig": {"upstreamPolicies": [{"id": "a", "repository": UPSTREAM, "priority": 1}]},
}
OIDC: dict[str, Any] = {
    **TEXTS,
    "disabled": True,
    "attributeMapping": SUBJECT,
    "attributeCondition": "assertion.ref == 'x'",
    "oidc": {"issuerUri": "https://issuer.example", "allowedAudiences": ["here"]},
}
NEW = "/v1/projects/new-project"
# resource: (message, path, body, path to read it, members that are not shown)
MADE: dict[str, tuple[Message, str, dict[str, Any], str]] = {
    "project of v1": (
        PROJECT_V1,
        "/v1/projects",
        {
            "projectId": "new-project",
            "name": "New",
            "labels": {"some_team": "x"},
            "parent": {"type": "folder", "id": "1"},
        },
        NEW,
    ),
    "project of v3": (
        PROJECT_V3,
        "/v3/projects",
        {
            "projectId": "new-project",
            "displayName": "New",
            "labels": {"some_team": "x"},
            "parent": "organizations/1",
        },
        NEW.replace("v1", "v3"),
    ),
    "pool": (POOL, f"{POOLS}?workloadIdentityPoolId=inside", {**TEXTS, "disabled": True}, f"{POOLS}/inside"),
    "provider": (
        PROVIDER,
        f"{POOLS}/outside/providers?workloadIdentityPoolProviderId=issuer",
        OIDC,
        f"{POOLS}/outside/providers/issuer",
    ),
    "repository": (REPOSITORY, f"{REPOSITORIES}?repositoryId=images", IMAGES, f"{REPOSITORIES}/images"),
    "virtual repository": (REPOSITORY, f"{REPOSITORIES}?repositoryId=all", ALL, f"{REPOSITORIES}/all"),
}
# Members that the bodies above do not have, and why.
ELSEWHERE = {
    "provider": {"aws.accountId", "oidc.jwksJson", "saml", "x509"},  # of other kinds of providers
    "repository": {
        f"virtualRepositoryConfig.upstreamPolicies.{name}" for name in ("id", "repository", "priority")
    },
}


@pytest.fixture(autouse=True)
def _made(apis: Apis) -> None:
    apis.make_account(account="ci")
    assert apis.call("POST", f"{POOLS}?workloadIdentityPoolId=outside", {}).status == 200
    upstream = f"{REPOSITORIES}?repositoryId=upstream"
    assert apis.call("POST", upstream, {"format": "DOCKER"}).status == 200


def walk(field: Field, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Yields the path and the field of each member that has no members."""
    if isinstance(field, Fixed):
        yield from walk(field.field, path)
    elif isinstance(field, Map):
        yield from walk(field.values, path)
    elif isinstance(field, List):
        yield from walk(field.items, path)
    elif isinstance(field, dict):
        for name, inner in field.items():
            yield from walk(inner, (*path, name))
    else:
        yield path, field


def list_members(field: Field, value: Any, path: tuple[str, ...] = ()) -> set[str]:
    """Returns the members of a body, with the names that `walk` yields."""
    if isinstance(field, Fixed):
        return list_members(field.field, value, path)
    if isinstance(field, Map):
        return set().union(*(list_members(field.values, item, path) for item in value.values()))
    if isinstance(field, List):
        return set().union(*(list_members(field.items, item, path) for item in value))
    if isinstance(field, dict):
        return set().union(*(list_members(field[name], item, (*path, name)) for name, item in value.items()))
    return {".".join(path)}


def snake(field: Field, value: Any) -> Any:
    """Returns the body with protobuf's names; the keys of maps are not changed."""
    if isinstance(field, Fixed):
        return snake(field.field, value)
    if isinstance(field, Map):
        return {key: snake(field.values, item) for key, item in value.items()}
    if isinstance(field, List):
        return [snake(field.items, item) for item in value]
    if isinstance(field, dict):
        return {to_snake(name): snake(field[name], item) for name, item in value.items()}
    return value


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("spelling", ["G-Z38-lowerCamelCase", "G-Z39-proto_names"])
def test_each_member_is_kept_in_either_spelling(apis: Apis, kind: str, spelling: str) -> None:
    message, path, body, shown = MADE[kind]
    settable = {".".join(names) for names, field in walk(message) if field not in (OUTPUT, MISSING)}
    assert list_members(message, body) == settable - ELSEWHERE.get(kind, set())

    made = apis.call("POST", path, snake(message, body) if "proto" in spelling else body)

    assert made.status == 200, made.body
    found = apis.call("GET", shown).body
    assert {name: found.get(name) for name in body} == body
    answer = made.body.get("response", made.body)
    assert {name: answer.get(name) for name in body} == body


def test_g_z38_a_repository_is_listed_and_patched_with_all_that_it_keeps(apis: Apis) -> None:
    apis.call("POST", f"{REPOSITORIES}?repositoryId=images", IMAGES)
    found = apis.call("GET", f"{REPOSITORIES}/images").body

    assert apis.call("GET", REPOSITORIES).body["repositories"][0] == found
    patched = apis.call("PATCH", f"{REPOSITORIES}/images", found).body
    assert {**patched, "sizeBytes": "0"} == found


CHANGED: dict[str, Any] = {
    "description": "New",
    "labels": {"b": "c"},
    "dockerConfig": {"immutableTags": True},
    "cleanupPolicies": {"all": {"id": "all", "action": "DELETE", "condition": {"tagState": "ANY"}}},
    "cleanupPolicyDryRun": True,
    "vulnerabilityScanningConfig": {"enablementConfig": "INHERITED"},
}
# mask -> members of CHANGED that it changes
MASKS = {
    **{name: {name} for name in CHANGED},
    "*": set(CHANGED),
    "name,cleanupPolicies,cleanupPolicyDryRun,labels": {"cleanupPolicies", "cleanupPolicyDryRun", "labels"},
    "cleanup_policies,cleanup_policy_dry_run": {"cleanupPolicies", "cleanupPolicyDryRun"},
    "dockerConfig.immutableTags": {"dockerConfig"},
    "docker_config.immutable_tags": {"dockerConfig"},
    "vulnerabilityScanningConfig.enablementConfig": {"vulnerabilityScanningConfig"},
    "cleanupPolicies.all": {"cleanupPolicies"},
    "createTime": set(),
    "": set(CHANGED),
}


@pytest.mark.parametrize("mask", MASKS, ids=[f"G-Z38-{mask or 'none'}" for mask in MASKS])
@pytest.mark.parametrize("parameter", ["updateMask", "update_mask"])
def test_a_mask_changes_what_it_names(apis: Apis, mask: str, parameter: str) -> None:
    apis.call("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER"})
    before = apis.call("GET", f"{REPOSITORIES}/images").body

    reply = apis.call("PATCH", f"{REPOSITORIES}/images?{parameter}={mask}", CHANGED)

    expected = {**before, **{name: CHANGED[name] for name in MASKS[mask]}}
    assert (reply.status, {**reply.body, "sizeBytes": "0"}) == (200, expected)
    assert apis.call("GET", f"{REPOSITORIES}/images").body == expected


@pytest.mark.parametrize("mask", ["format", "mode", "kmsKeyName"], ids=lambda mask: f"G-Z38-{mask}")
def test_a_mask_of_what_cannot_be_changed_needs_the_present_value(apis: Apis, mask: str) -> None:
    apis.call("POST", f"{REPOSITORIES}?repositoryId=images", IMAGES)
    other = {"format": "NPM", "mode": "REMOTE_REPOSITORY", "kmsKeyName": f"{KEY}2"}[mask]

    kept = apis.call("PATCH", f"{REPOSITORIES}/images?updateMask={mask}", {mask: IMAGES[mask]})
    refused = apis.call("PATCH", f"{REPOSITORIES}/images?updateMask={mask}", {mask: other})

    assert (kept.status, kept.body[mask]) == (200, IMAGES[mask])
    text = f"Invalid update mask: the field {mask!r} cannot be changed."
    assert (refused.status, refused.body["error"]["message"]) == (400, text)


def list_messages() -> list[tuple[str, str, Message]]:
    return [
        (method, path, endpoint.body)
        for method, path, endpoint in ROUTES
        if method in ("POST", "PUT", "PATCH") and isinstance(endpoint, Method) and endpoint.body is not None
    ]


def fill(path: str) -> str:
    names = {
        "project": "my-project",
        "account": "ci@my-project.iam.gserviceaccount.com",
        "location": "us",
    }
    return path.format_map(
        {
            **dict.fromkeys(("key", "pool", "provider", "service", "repository"), "x"),
            **dict.fromkeys(("package", "tag", "version", "operation", "image"), "x"),
            **dict.fromkeys(("topic", "subscription", "secret", "number"), "x"),
            **dict.fromkeys(("folder", "organization"), "1"),
            **names,
        }
    )


@pytest.mark.parametrize(
    ("method", "path", "message"), list_messages(), ids=[f"G-Z38-{m}-{p}" for m, p, _ in list_messages()]
)
def test_a_member_that_is_unknown_or_not_kept_is_refused(
    apis: Apis, method: str, path: str, message: Message
) -> None:
    # Each message, and each message in it.
    for names, field in [(("nothing",), None), *walk(message)]:
        if field is None or field == MISSING:
            body: Any = {"some": "thing"}
            for name in reversed(names):
                body = {name: body}
            if isinstance(message.get("policy"), dict) and "bindings" in names:
                body["policy"]["bindings"] = [body["policy"]["bindings"]]
            reply = apis.call(method, fill(path), body)
            text = 'Unknown name "nothing"' if field is None else f"gcr-emulator has no {'.'.join(names)}"
            assert reply.status == 400, (names, reply.body)
            assert text in reply.body["error"]["message"], names


# APIs defined by protobuf; Cloud Storage and OAuth ignore unknown members.
PROTOBUF = ("/v1/projects", "/v1/operations/", "/v1beta2/", "/v3/")
PARAMETERS = [(method, path) for method, path, _ in ROUTES if path.startswith(PROTOBUF)]


@pytest.mark.parametrize(("method", "path"), PARAMETERS, ids=[f"G-Z38-{m}-{p}" for m, p in PARAMETERS])
def test_a_parameter_that_is_unknown_is_refused(apis: Apis, method: str, path: str) -> None:
    reply = apis.call(method, f"{fill(path)}?no_thing=x", {})

    text = (
        'Invalid JSON payload received. Unknown name "no_thing": Cannot bind query parameter. '
        "Field 'noThing' could not be found in request message."
    )
    assert (reply.status, reply.body["error"]["message"]) == (400, text)


@pytest.mark.parametrize("query", ["alt=json&key=k", "$alt=json;enum-encoding=int", "fields=name"])
def test_parameters_of_every_method_are_taken(apis: Apis, query: str) -> None:
    assert apis.call("GET", f"/v1/projects/my-project?{query}").status == 200


def test_g_z39_parameters_are_understood_in_either_spelling(apis: Apis) -> None:
    for name in ("aa", "bb"):
        apis.call("POST", f"{REPOSITORIES}?repository_id={name}", {"format": "DOCKER"})

    first = apis.call("GET", f"{REPOSITORIES}?page_size=1").body
    token = first["nextPageToken"]

    assert len(first["repositories"]) == 1
    assert (
        apis.call("GET", f"{REPOSITORIES}?page_size=1&page_token={token}").body
        == apis.call("GET", f"{REPOSITORIES}?pageSize=1&pageToken={token}").body
    )
    policy = f"{REPOSITORIES}/aa:getIamPolicy"
    assert apis.call("GET", f"{policy}?options.requested_policy_version=2").status == 400


def test_g_z39_a_field_that_is_given_in_both_spellings_is_refused(apis: Apis) -> None:
    body = {"format": "DOCKER", "docker_config": {}, "dockerConfig": {}}
    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId=images", body)

    text = "Invalid JSON payload received. The field dockerConfig is given twice."
    assert (reply.status, reply.body["error"]["message"]) == (400, text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"cleanupPolicies": []}, "Invalid value at 'cleanup_policies': it must be an object."),
        ({"cleanupPolicyDryRun": "yes"}, "Invalid value at 'cleanup_policy_dry_run': it must be a boolean."),
        ({"kmsKeyName": "key"}, "kmsKeyName must be projects/P/locations/L/keyRings/R/cryptoKeys/K"),
        ({"cleanupPolicies": {"a": {"id": "b"}}}, "the id of the cleanup policy 'a' must be its key"),
        ({"cleanupPolicies": {"a": {"id": "a"}}},
         "the action of the cleanup policy 'a' must be DELETE or KEEP"),
        (
            {"cleanupPolicies": {"a": {"id": "a", "action": 1}}},
            "the cleanup policy 'a' must have either a condition or mostRecentVersions",
        ),
        (
            {"cleanupPolicies": {"a": {"condition": {"olderThan": "30d"}}}},
            "Invalid value at 'cleanup_policies.a.condition.older_than': it must be a duration.",
        ),
        (
            {"cleanupPolicies": {"a": {"mostRecentVersions": {"keepCount": -1}}}},
            "Invalid value at 'cleanup_policies.a.most_recent_versions.keep_count': it must be a count.",
        ),
        (
            {"vulnerabilityScanningConfig": {"enablementConfig": "ON"}},
            "Invalid value at 'vulnerability_scanning_config.enablement_config': it must be one of "
            "ENABLEMENT_CONFIG_UNSPECIFIED, INHERITED, DISABLED.",
        ),
    ],
)  # fmt: skip
def test_a_repository_that_cannot_be_is_refused(apis: Apis, body: dict[str, Any], text: str) -> None:
    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER", **body})

    assert (reply.status, reply.body["error"]["message"]) == (400, text)


def test_numbers_of_enumerations_are_kept_as_names(apis: Apis) -> None:
    policies = copy.deepcopy(CLEANUP)
    policies["keep_some"]["action"], policies["keep_some"]["mostRecentVersions"]["keepCount"] = 2, "5"  # type: ignore[index]
    body = {"format": 1, "cleanupPolicies": policies}

    made = apis.call("POST", f"{REPOSITORIES}?repositoryId=images", body)

    assert made.body["response"]["cleanupPolicies"] == CLEANUP


def test_names_of_messages_are_lower_camel_case() -> None:
    settings = (PACKAGE, PROJECT_SETTINGS, REPOSITORY, TAG, VERSION)
    for message in (ACCOUNT, POLICY, POOL, PROJECT_V1, PROJECT_V3, PROVIDER, *settings):
        for names, _ in walk(message):
            assert [to_camel(to_snake(name)) for name in names] == list(names)


BUCKET: dict[str, Any] = {
    "autoclass": {"enabled": True},
    "billing": {"requesterPays": True},
    "cors": [{"method": ["GET"]}],
    "customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]},
    "defaultEventBasedHold": True,
    "encryption": {"defaultKmsKeyName": KEY},
    "labels": {"some_team": "x"},
    "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]},
    "logging": {"logBucket": "logs"},
    "retentionPolicy": {"retentionPeriod": "1"},
    "rpo": "DEFAULT",
    "softDeletePolicy": {"retentionDurationSeconds": "0"},
    "storageClass": "COLDLINE",
    "versioning": {"enabled": True},
    "website": {"mainPageSuffix": "index.html"},
}
BUCKETS = "/storage/v1/b?project=my-project"


@pytest.mark.parametrize("member", BUCKET, ids=[f"G-Z38-{member}" for member in BUCKET])
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_each_member_of_a_bucket_is_kept(apis: Apis, member: str, method: str) -> None:
    body = {member: BUCKET[member]}
    if method == "POST":
        made = apis.call("POST", BUCKETS, {"name": "my-bucket", **body})
    else:
        apis.call("POST", BUCKETS, {"name": "my-bucket"})
        made = apis.call(method, "/storage/v1/b/my-bucket", body)

    assert (made.status, made.body.get(member)) == (200, BUCKET[member])
    assert apis.call("GET", "/storage/v1/b/my-bucket").body[member] == BUCKET[member]
    assert apis.call("GET", BUCKETS).body["items"] == [made.body]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"acl": [{"entity": "allUsers"}]}, "gcr-emulator's buckets have no acl: leave it out."),
        ({"nothing": 1}, "gcr-emulator's buckets have no nothing: leave it out."),
        (
            {"hierarchicalNamespace": {"enabled": True}},
            "gcr-emulator's buckets have no hierarchicalNamespace: leave it out.",
        ),
        ({"location": "EU"}, "The location of a bucket cannot be changed."),
        ({"name": "other"}, "The name of a bucket cannot be changed."),
    ],
)
def test_g_z38_a_bucket_is_not_changed_in_what_it_does_not_keep(
    apis: Apis, body: dict[str, Any], text: str
) -> None:
    made = apis.call("POST", BUCKETS, {"name": "my-bucket"}).body

    for method in ("PATCH", "PUT"):
        assert apis.call(method, "/storage/v1/b/my-bucket", made).status == 200
        reply = apis.call(method, "/storage/v1/b/my-bucket", body)
        assert (reply.status, reply.body["error"]["message"]) == (400, text)
