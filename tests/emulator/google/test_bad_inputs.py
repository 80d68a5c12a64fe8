"""Wrong requests to the APIs, each with its whole response; for the token endpoint: test_bad_grants.py."""

import json
from typing import Any
from urllib.parse import quote

import pytest

Apis = Any
PROJECTS = "/v1/projects"
POLICY = f"{PROJECTS}/my-project:setIamPolicy"
ACCOUNTS = f"{PROJECTS}/my-project/serviceAccounts"
CI = "ci@my-project.iam.gserviceaccount.com"
PROJECT_ID = (
    "field [project_id] has issue [project_id contains invalid characters or has the wrong length: "
    "it must be 6 to 30 lower-case letters, digits or hyphens, beginning with a letter, "
    "not ending in a hyphen]"
)
ACCOUNT_ID = (
    "Invalid account ID: it must be 1 to 30 lower-case letters, digits or hyphens, "
    "beginning with a letter, not ending in a hyphen."
)
INVALID, MISSING, TAKEN = (400, "INVALID_ARGUMENT"), (404, "NOT_FOUND"), (409, "ALREADY_EXISTS")
EXISTS = "Requested entity already exists"


def bindings(role: str, *members: object) -> dict[str, Any]:
    return {"policy": {"bindings": [{"role": role, "members": list(members)}]}}


IAM, IAM_SET = "principal://iam.googleapis.com/", "principalSet://iam.googleapis.com/"
POOLS = "projects/1/locations/global/workloadIdentityPools"
SUBJECT = f"{IAM}{POOLS}/outside/subject/"
NO_POOL = (
    "Identity Pool does not exist ({}). Please check that you specified a valid resource name as "
    "returned in the `name` attribute in the configuration API."
)
NO_JSON = "Invalid JSON payload received."
EXPECTS_NAME = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"

# method, path, body (bytes, or a value to encode as JSON), status, message
BAD_CALLS: dict[str, tuple[str, str, object, tuple[int, str], str]] = {
    "no JSON": ("POST", PROJECTS, b"{", INVALID, f"{NO_JSON} {EXPECTS_NAME}"),
    "not UTF-8": ("POST", PROJECTS, b"\xff", INVALID, f"{NO_JSON} It is not UTF-8"),
    "deep JSON": (
        "POST",
        PROJECTS,
        b"[" * 100_000,
        INVALID,
        f"{NO_JSON} It is nested more than 100 levels deep",
    ),
    "D-Z22-a member of two lines": (
        "POST",
        f"{PROJECTS}/my-project:setIamPolicy",
        {"policy": {"bindings": [{"role": "roles/viewer", "members": [f"{SUBJECT}a\x85b"]}]}},
        INVALID,
        f"member {SUBJECT + 'a' + chr(0x85) + 'b'!r} must not hold control characters.",
    ),
    "E-Z23-a lone surrogate": (
        "POST",
        PROJECTS,
        rb'{"projectId": "\ud800"}',
        INVALID,
        f"{NO_JSON} A string holds a lone surrogate or NUL",
    ),
    "E-Z24-400 digits": (
        "POST",
        PROJECTS,
        b'{"projectId": ' + b"9" * 400 + b"}",
        INVALID,
        f"{NO_JSON} A number is too large",
    ),
    "a list": (
        "POST",
        PROJECTS,
        [],
        INVALID,
        "Invalid JSON payload received. The body is not an object.",
    ),
    "2 MiB": (
        "POST",
        PROJECTS,
        b"x" * 2_000_000,
        (413, "INVALID_ARGUMENT"),
        "Request payload size exceeds the limit: 1048576 bytes.",
    ),
    "no project ID": ("POST", PROJECTS, {}, INVALID, PROJECT_ID),
    "project ID that climbs": ("POST", PROJECTS, {"projectId": "../../etc"}, INVALID, PROJECT_ID),
    "project ID in a list": ("POST", PROJECTS, {"projectId": ["my-project"]}, INVALID, PROJECT_ID),
    "name that is a number": (
        "POST",
        PROJECTS,
        {"projectId": "your-project", "name": 1},
        INVALID,
        "field [name] has issue [it must be a string of at most 100 characters]",
    ),
    "project that exists": ("POST", PROJECTS, {"projectId": "my-project"}, TAKEN, EXISTS),
    "filter": (
        "GET",
        f"{PROJECTS}?filter=owner.id:1",
        None,
        INVALID,
        "unknown field 'owner.id' in the filter: use lifecycleState, state, id, projectId, "
        "projectNumber, name, displayName, parent, parent.type, parent.id or labels.KEY",
    ),
    "unknown project": ("GET", f"{PROJECTS}/no-project", None, MISSING, "Project not found: no-project"),
    "unknown verb": (
        "POST",
        f"{PROJECTS}/my-project:move",
        {},
        MISSING,
        "The requested URL /v1/projects/my-project:move was not found on this server.",
    ),
    "another method": (
        "PATCH",
        f"{PROJECTS}/my-project",
        {},
        MISSING,
        "The requested URL /v1/projects/my-project was not found on this server.",
    ),
    "no token by GET": (
        "GET",
        "/token",
        None,
        MISSING,
        "The requested URL /token was not found on this server.",
    ),
    "unknown service": (
        "GET",
        "/compute/v1/projects",
        None,
        MISSING,
        "The requested URL /compute/v1/projects was not found on this server.",
    ),
    "no policy": ("POST", POLICY, {}, INVALID, "policy must be an object"),
    "bare role": (
        "POST",
        POLICY,
        bindings("editor"),
        INVALID,
        "role 'editor' is not of the form roles/NAME",
    ),
    "role of buckets": (
        "POST",
        POLICY,
        bindings("roles/storage.legacyBucketWriter", "allUsers"),
        INVALID,
        "Role roles/storage.legacyBucketWriter is not supported for this resource.",
    ),
    "bare member": (
        "POST",
        POLICY,
        bindings("roles/viewer", "a@example.com"),
        INVALID,
        "member 'a@example.com' is not of a known form, such as user:EMAIL",
    ),
    "member that is a number": (
        "POST",
        POLICY,
        bindings("roles/viewer", 1),
        INVALID,
        "member 1 is not of a known form, such as user:EMAIL",
    ),
    "unknown account as member": (
        "POST",
        POLICY,
        bindings("roles/viewer", "serviceAccount:no@my-project.iam.gserviceaccount.com"),
        INVALID,
        "Service account no@my-project.iam.gserviceaccount.com does not exist.",
    ),
    **{
        f"F-Z30-{name}": ("POST", POLICY, bindings("roles/viewer", member), INVALID, text)
        for name, member, text in (
            (
                "account of an unknown project",
                "serviceAccount:nope@nowhere.iam.gserviceaccount.com",
                "Service account nope@nowhere.iam.gserviceaccount.com does not exist.",
            ),
            (
                "agent's name in a project of this server",
                "serviceAccount:service-1@my-project.iam.gserviceaccount.com",
                "Service account service-1@my-project.iam.gserviceaccount.com does not exist.",
            ),
            ("one of an unknown pool", f"{SUBJECT}a", NO_POOL.format(f"{POOLS}/outside")),
            ("one of a pool with a short name", f"{IAM}{POOLS}/x/subject/y", NO_POOL.format(f"{POOLS}/x")),
            ("set of an unknown pool", f"{IAM_SET}{POOLS}/outside/*", NO_POOL.format(f"{POOLS}/outside")),
            (
                "account of GKE in an unknown project",
                "serviceAccount:nowhere.svc.id.goog[ns/ksa]",
                NO_POOL.format("nowhere.svc.id.goog"),
            ),
            (
                "one of GKE's pool of an unknown project",
                f"{IAM}{POOLS}/nowhere.svc.id.goog/subject/ns/n/sa/a",
                NO_POOL.format("nowhere.svc.id.goog"),
            ),
            *(
                ("deleted " + name, member, f"member {member!r} is not of a known form, such as user:EMAIL")
                for name, member in (
                    ("user without a number", "deleted:user:a@example.com"),
                    ("user with a word", "deleted:user:a@example.com?uid=x"),
                    ("domain", "deleted:domain:example.com?uid=1"),
                )
            ),
        )
    },
    "etag that is a number": (
        "POST",
        POLICY,
        {"policy": {"etag": 1}},
        INVALID,
        "the etag of a policy must be a string",
    ),
    "old etag": (
        "POST",
        POLICY,
        {"policy": {"etag": "BwXhqDVwtOY="}},
        (409, "ABORTED"),
        "There were concurrent policy changes. Please retry the whole read-modify-write with "
        "exponential backoff.",
    ),
    "no account ID": ("POST", ACCOUNTS, {}, INVALID, ACCOUNT_ID),
    "account ID in capitals": ("POST", ACCOUNTS, {"accountId": "CI"}, INVALID, ACCOUNT_ID),
    "display name in a list": (
        "POST",
        ACCOUNTS,
        {"accountId": "cd", "serviceAccount": []},
        INVALID,
        "Invalid value at 'service_account': it must be an object.",
    ),
    "account that exists": ("POST", ACCOUNTS, {"accountId": "ci"}, TAKEN, EXISTS),
    "unknown account": (
        "GET",
        f"{ACCOUNTS}/no@example.com",
        None,
        MISSING,
        "Unknown service account: projects/my-project/serviceAccounts/no@example.com",
    ),
    "unknown account anywhere": (
        "DELETE",
        f"{PROJECTS}/-/serviceAccounts/no@example.com",
        None,
        MISSING,
        "Unknown service account: projects/-/serviceAccounts/no@example.com",
    ),
    "account of another project": (
        "GET",
        f"{PROJECTS}/other-project/serviceAccounts/{CI}",
        None,
        MISSING,
        f"Unknown service account: projects/other-project/serviceAccounts/{CI}",
    ),
    "PKCS 12": (
        "POST",
        f"{ACCOUNTS}/{CI}/keys",
        {"privateKeyType": "TYPE_PKCS12_FILE"},
        INVALID,
        "gcr-emulator can only create keys with the privateKeyType TYPE_GOOGLE_CREDENTIALS_FILE.",
    ),
    "RSA 1024": (
        "POST",
        f"{ACCOUNTS}/{CI}/keys",
        {"keyAlgorithm": "KEY_ALG_RSA_1024"},
        INVALID,
        "gcr-emulator can only create keys with the keyAlgorithm KEY_ALG_RSA_2048.",
    ),
    "algorithm in a list": (
        "POST",
        f"{ACCOUNTS}/{CI}/keys",
        {"keyAlgorithm": []},
        INVALID,
        "gcr-emulator can only create keys with the keyAlgorithm KEY_ALG_RSA_2048.",
    ),
    "unknown key": (
        "DELETE",
        f"{ACCOUNTS}/{CI}/keys/{'0' * 40}",
        None,
        MISSING,
        "Service account key not found.",
    ),
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"), BAD_CALLS.values(), ids=BAD_CALLS.keys()
)
def test_a_bad_call(
    apis: Apis, method: str, path: str, body: object, status: tuple[int, str], text: str
) -> None:
    apis.make_account(role="roles/viewer")
    apis.call("POST", PROJECTS, {"projectId": "other-project"})
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    reply = apis.send(method, quote(path, safe="/:?=@"), content)

    code, word = status
    assert (reply.status, reply.body) == (code, {"error": {"code": code, "message": text, "status": word}})
