"""Changes of a repository: what a PATCH takes with a mask and without, and how many values Google allows."""

from typing import Any

import pytest

Apis = Any
LOCATIONS = "/v1/projects/my-project/locations"
REPOSITORIES = f"{LOCATIONS}/us/repositories"
IMAGES = f"{REPOSITORIES}/images"
DELETE = {"id": "d", "action": "DELETE", "condition": {"tagState": "TAGGED", "olderThan": "2592000s"}}
KEEP = {"id": "k", "action": "KEEP", "mostRecentVersions": {"packageNamePrefixes": ["a"], "keepCount": 5}}
POLICIES = {"d": DELETE, "k": KEEP}
LATER = "2023-11-14T22:14:20Z"


@pytest.fixture(autouse=True)
def _project(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})


def make(apis: Apis, **body: object) -> dict[str, Any]:
    """Creates a repository; returns it as it is read a minute later."""
    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER", **body})
    assert reply.status == 200, reply
    apis.clock.set(1_700_000_060)
    found: dict[str, Any] = apis.call("GET", IMAGES).body
    return found


def refusal(reply: Any) -> tuple[int, str]:
    return reply.status, reply.body["error"]["message"]


@pytest.mark.parametrize(
    ("name", "place"),
    [("gcr.io", "us"), ("us.gcr.io", "us"), ("eu.gcr.io", "europe"), ("asia.gcr.io", "asia")],
)
def test_a20_a_repository_of_a_gcr_host_is_created_at_its_location_alone(
    apis: Apis, name: str, place: str
) -> None:
    body = {"format": "DOCKER", "description": "Created by gcloud"}
    elsewhere = {"us", "europe", "asia", "us-central1"} - {place}

    made = apis.call("POST", f"{LOCATIONS}/{place}/repositories?repositoryId={name}", body)

    assert made.status == 200, made
    path = f"projects/my-project/locations/{place}/repositories/{name}"
    assert apis.call("GET", f"/v1/{path}").body == {
        "name": path,
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        "description": "Created by gcloud",
        "createTime": "2023-11-14T22:13:20Z",
        "updateTime": "2023-11-14T22:13:20Z",
        "registryUri": f"{place}-docker.pkg.dev/my-project/{name}",
        "sizeBytes": "0",
    }
    for location in elsewhere:
        reply = apis.call("POST", f"{LOCATIONS}/{location}/repositories?repositoryId={name}", body)
        text = f"GCR repository {name} can only be created in the {place} multi-region."
        assert refusal(reply) == (400, text)


@pytest.mark.parametrize("name", ["mirror.gcr.io", "a.b", "gcr-io.", "GCR.IO"])
def test_another_id_with_a_dot_is_refused(apis: Apis, name: str) -> None:
    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId={name}", {"format": "DOCKER"})

    assert refusal(reply)[0] == 400
    assert refusal(reply)[1].startswith(f"invalid repository id {name!r}: ")


def test_a59_a_mask_takes_one_member_of_a_repository_that_was_read(apis: Apis) -> None:
    found = make(apis, description="Ours", labels={"team": "x"})
    sent = {**found, "description": "ignored", "dockerConfig": {"immutableTags": True}}

    reply = apis.call("PATCH", f"{IMAGES}?updateMask=dockerConfig.immutableTags", sent)

    expected = {**found, "dockerConfig": {"immutableTags": True}, "updateTime": LATER}
    assert (reply.status, {**reply.body, "sizeBytes": "0"}) == (200, expected)
    sent = {**expected, "dockerConfig": {"immutableTags": False}}
    reply = apis.call("PATCH", f"{IMAGES}?updateMask=dockerConfig.immutableTags", sent)
    assert (reply.status, {**reply.body, "sizeBytes": "0"}) == (200, {**found, "updateTime": LATER})


def test_without_a_mask_an_empty_value_clears_and_null_is_absent(apis: Apis) -> None:
    found = make(apis, description="Ours", labels={"team": "x"}, cleanupPolicies=POLICIES)
    sent = {**found, "description": None, "labels": {}, "cleanupPolicies": {}, "cleanupPolicyDryRun": False}

    reply = apis.call("PATCH", IMAGES, sent)

    kept = {name: found[name] for name in found if name not in ("labels", "cleanupPolicies")}
    assert (reply.status, {**reply.body, "sizeBytes": "0"}) == (200, {**kept, "updateTime": LATER})


@pytest.mark.parametrize("query", ["", "?updateMask=*"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "NPM"),
        ("mode", "REMOTE_REPOSITORY"),
        ("kmsKeyName", "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
    ],
)
def test_what_is_fixed_cannot_be_changed_without_a_mask(
    apis: Apis, name: str, value: str, query: str
) -> None:
    found = make(apis)

    reply = apis.call("PATCH", f"{IMAGES}{query}", {"description": "New", name: value})

    assert refusal(reply) == (400, f"The field {name!r} cannot be changed.")
    assert apis.call("GET", IMAGES).body == found


def test_an_unspecified_format_or_mode_is_no_change(apis: Apis) -> None:
    found = make(apis)
    sent = {"format": "FORMAT_UNSPECIFIED", "mode": 0, "kmsKeyName": "", "description": "New"}

    reply = apis.call("PATCH", IMAGES, sent)

    expected = {**found, "description": "New", "updateTime": LATER}
    assert (reply.status, {**reply.body, "sizeBytes": "0"}) == (200, expected)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("cleanupPolicies.k.mostRecentVersions.keepCount",
         {"d": DELETE, "k": {**KEEP, "mostRecentVersions": {"packageNamePrefixes": ["a"], "keepCount": 7}}}),
        ("cleanup_policies.k.most_recent_versions.keep_count",
         {"d": DELETE, "k": {**KEEP, "mostRecentVersions": {"packageNamePrefixes": ["a"], "keepCount": 7}}}),
        ("cleanupPolicies.`k`.mostRecentVersions",
         {"d": DELETE, "k": {**KEEP, "mostRecentVersions": {"keepCount": 7}}}),
        ("cleanupPolicies.d", {"k": KEEP}),
        ("cleanupPolicies.d.condition.olderThan",
         {"d": {**DELETE, "condition": {"tagState": "TAGGED"}}, "k": KEEP}),
    ],
)  # fmt: skip
def test_a_mask_goes_four_components_deep(apis: Apis, mask: str, expected: object) -> None:
    make(apis, cleanupPolicies=POLICIES)
    sent = {"cleanupPolicies": {"k": {**KEEP, "mostRecentVersions": {"keepCount": 7}}}}

    reply = apis.call("PATCH", f"{IMAGES}?updateMask={mask}", sent)

    assert (reply.status, reply.body.get("cleanupPolicies")) == (200, expected)
    assert apis.call("GET", IMAGES).body["cleanupPolicies"] == expected


@pytest.mark.parametrize("mask", ["`labels`", "cleanupPolicies.d.nothing", "description.text", "a..b"])
def test_a_mask_is_a_path_of_the_repository(apis: Apis, mask: str) -> None:
    make(apis, labels={"team": "x"}, cleanupPolicies=POLICIES)

    reply = apis.call("PATCH", f"{IMAGES}?updateMask={mask}", {"cleanupPolicies": POLICIES})

    assert refusal(reply) == (400, f"Invalid update mask: the field {mask!r} is unknown.")


@pytest.mark.parametrize("mask", ["labels.team", "labels.`team`", "labels.team,labels.a.b"])
def test_a_mask_removes_one_label(apis: Apis, mask: str) -> None:
    make(apis, labels={"team": "x", "env": "test"})

    reply = apis.call("PATCH", f"{IMAGES}?updateMask={mask}", {"labels": {"env": "ignored"}})

    assert (reply.status, reply.body["labels"]) == (200, {"env": "test"})


def test_cleanup_policies_are_taken_as_gcloud_sends_them(apis: Apis) -> None:
    make(apis)
    condition = {"olderThan": "2592000.0s", "tagPrefixes": ["t"], "tagState": "tagged"}
    sent = {
        "cleanupPolicies": {"d": {"id": "d", "action": "Delete", "condition": condition}, "k": KEEP},
        "cleanupPolicyDryRun": True,
    }

    reply = apis.call("PATCH", f"{IMAGES}?updateMask=cleanupPolicies,cleanupPolicyDryRun", sent)

    stored = {"olderThan": "2592000s", "tagPrefixes": ["t"], "tagState": "TAGGED"}
    assert reply.status == 200
    assert reply.body["cleanupPolicies"] == {
        "d": {"id": "d", "action": "DELETE", "condition": stored},
        "k": KEEP,
    }
    assert reply.body["cleanupPolicyDryRun"] is True
    off = apis.call("PATCH", f"{IMAGES}?updateMask=cleanupPolicyDryRun", {"cleanupPolicyDryRun": False})
    assert "cleanupPolicyDryRun" not in off.body
    assert off.body["cleanupPolicies"] == reply.body["cleanupPolicies"]


def count_policies(count: int) -> dict[str, Any]:
    return {f"p{number}": {**KEEP, "id": f"p{number}"} for number in range(count)}


LONG = "p" * 128
LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "11 policies": (
        {"cleanupPolicies": count_policies(11)},
        "cleanupPolicies may hold at most 10 policies",
    ),
    "an id of 128 characters": (
        {"cleanupPolicies": {LONG: {**KEEP, "id": LONG}}},
        f"the id of the cleanup policy {LONG[:100]!r} must have at most 127 characters",
    ),
    "a deletion without a condition": (
        {"cleanupPolicies": {"d": {"id": "d", "action": "DELETE", "condition": {"tagState": 0}}}},
        "the cleanup policy 'd' must have a condition: its action is DELETE",
    ),
    "a deletion of recent versions": (
        {"cleanupPolicies": {"k": {**KEEP, "action": "DELETE"}}},
        "the cleanup policy 'k' must have a condition: its action is DELETE",
    ),
    "65 labels": (
        {"labels": {f"l{number}": "" for number in range(65)}},
        "labels must be an object of at most 64 strings",
    ),
    "1025 characters": (
        {"description": "a" * 1025},
        "description must be a string of at most 1024 characters",
    ),
    "no mode where it is demanded": (
        {"disallowUnspecifiedMode": True, "mode": "MODE_UNSPECIFIED"},
        "the mode of the repository must be given: disallowUnspecifiedMode is true",
    ),
    "members of another format": (
        {"mavenConfig": {"a": 1}},
        "gcr-emulator has no mavenConfig: leave it out.",
    ),
    "members of another mode": (
        {"remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "DOCKER_HUB"}}},
        "gcr-emulator has no remoteRepositoryConfig: leave it out.",
    ),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_repository_holds_no_more_than_google_allows(apis: Apis, case: str) -> None:
    body, text = LIMITS[case]

    reply = apis.call("POST", f"{REPOSITORIES}?repositoryId=images", {"format": "DOCKER", **body})

    assert refusal(reply) == (400, text)


def test_a_repository_holds_what_google_allows(apis: Apis) -> None:
    body = {
        "cleanupPolicies": count_policies(9) | {LONG[1:]: {**KEEP, "id": LONG[1:]}},
        "labels": {f"l{number}": "a" * 63 for number in range(64)},
        "description": "a" * 1024,
    }

    found = make(apis, **body)

    assert {name: found[name] for name in body} == body
