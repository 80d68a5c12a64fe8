"""Token exchange: an external token for an access token; wrong requests have Google's errors."""

import json
from typing import Any

import pytest

Apis = Any
Federation = Any
NOW = 1_700_000_000
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
PROJECT = "/v1/projects/my-project"
GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.com"
CLUSTER = "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c"


def test_a_subject_token_is_good_for_an_access_token_of_its_subject(
    apis: Apis, federation: Federation
) -> None:
    federation.set_provider()
    apis.grant("roles/browser", federation.member())

    reply = federation.exchange(federation.mint())

    token = reply.body["access_token"]
    assert (reply.status, reply.body) == (
        200,
        {
            "access_token": token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 3599,
        },
    )
    assert reply.headers["cache-control"] == "no-store"
    assert apis.call("GET", PROJECT, token=token).status == 200
    other = federation.fetch_token(federation.mint(sub="bob"))
    assert apis.call("GET", PROJECT, token=other).status == 403
    apis.clock.set(NOW + 3600)
    assert apis.call("GET", PROJECT, token=token).status == 401


def test_an_access_token_ends_with_the_subject_token(apis: Apis, federation: Federation) -> None:
    federation.set_provider()
    apis.grant("roles/browser", federation.member())

    reply = federation.exchange(federation.mint(exp=NOW + 60))

    assert reply.body["expires_in"] == 59
    apis.clock.set(NOW + 60)
    assert apis.call("GET", PROJECT, token=reply.body["access_token"]).status == 401


def test_a_token_from_a_file_may_end_with_a_newline(federation: Federation) -> None:
    federation.set_provider()

    assert federation.exchange(f"{federation.mint()}\n").status == 200


def test_the_fields_may_come_as_json(apis: Apis, federation: Federation) -> None:
    federation.set_provider()
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{federation.provider}",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requestedTokenType": ACCESS_TOKEN,
        "subjectTokenType": ID_TOKEN,
        "subjectToken": federation.mint(),
        "options": '{"userProject": "my-project"}',
    }
    headers = {"content-type": "application/json"}

    reply = apis.send("POST", "/v1/token", json.dumps(body).encode(), headers)

    assert (reply.status, reply.body["expires_in"]) == (200, 3599)
    bad = apis.send("POST", "/v1/token", b"{", headers)
    assert (bad.status, bad.body) == federation.refused(
        "invalid_request",
        "Invalid JSON payload received. Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1)",
    )
    number = apis.send("POST", "/v1/token", b'{"scope": 1}', headers)
    description = "Every field must be a string."
    assert (number.status, number.body) == federation.refused("invalid_request", description)


def test_an_access_token_is_known_to_introspection_while_it_counts(
    apis: Apis, federation: Federation
) -> None:
    federation.set_provider()
    token = federation.fetch_token()
    fields = {"token": token, "token_type_hint": ACCESS_TOKEN}

    reply = apis.post_form("/v1/introspect", fields)

    assert (reply.status, reply.body) == (
        200,
        {
            "active": True,
            "client_id": "",
            "username": federation.member(),
            "sub": federation.member(),
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "token_type": "Bearer",
            "iat": NOW,
            "exp": NOW + 3600,
            "iss": "https://sts.googleapis.com/",
        },
    )
    assert apis.post_form("/v1/introspect", {"token": f"{token}x"}).body == {"active": False}
    apis.call("PATCH", f"/v1/{federation.pool}?updateMask=disabled", {"disabled": True})
    assert apis.post_form("/v1/introspect", fields).body == {"active": False}
    missing = apis.post_form("/v1/introspect", {"token_type_hint": ACCESS_TOKEN})
    description = 'Invalid value for "token". It is required.'
    assert (missing.status, missing.body) == federation.refused("invalid_request", description)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {
                "attributeCondition": 'assertion.a.split("a").join(assertion.a.split("a").join(assertion.y))'
                ".size() > 0"
            },
            id="B-Z05-a condition of joins",
        ),
        pytest.param(
            {
                "attributeMapping": {"google.subject": "assertion.sub"}
                | {
                    f"attribute.a{number}": 'string(assertion.a.split("a").join(assertion.y).size())'
                    for number in range(49)
                }
            },
            id="B-Z05-49 mappings of one join each",
        ),
        pytest.param(
            {"attributeCondition": "+".join(["1"] * 2040) + " > 0"},
            id="B-Z05-a row of two thousand operators",
        ),
    ],
)
def test_an_exchange_whose_expressions_compute_too_much_is_refused(
    federation: Federation, settings: dict[str, Any]
) -> None:
    federation.set_provider(**settings)

    reply = federation.exchange(federation.mint(a="a" * 999, y="y" * 90))

    assert (reply.status, reply.body) == federation.refused(
        "invalid_request",
        "The provider's attributeMapping and attributeCondition compute too much for this token: simplify "
        "them, or shorten the claims that they read.",
    )
    federation.set_provider(attributeCondition="true")
    assert federation.exchange(federation.mint()).status == 200


# Claims of well-known issuers, and attribute mappings of their users.
SHAPES: dict[str, tuple[str, dict[str, Any], dict[str, Any], list[str]]] = {
    "GitHub": (
        GITHUB,
        {
            "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
            "aud": "https://github.com/octo-org",
            "jti": "4f6c",
            "ref": "refs/heads/main",
            "repository": "octo-org/octo-repo",
            "repository_owner": "octo-org",
            "actor": "octocat",
            "workflow": "build",
            "run_id": "123",
        },
        {
            "oidc": {"issuerUri": GITHUB, "allowedAudiences": ["https://github.com/octo-org"]},
            "attributeMapping": {
                "google.subject": "assertion.sub",
                "attribute.actor": "assertion.actor",
                "attribute.repository": "assertion.repository",
                "attribute.environment": "assertion.environment",
            },
            "attributeCondition": "assertion.repository_owner == 'octo-org'",
        },
        [
            "principal:subject/repo:octo-org/octo-repo:ref:refs/heads/main",
            "principalSet:attribute.repository/octo-org/octo-repo",
            "principalSet:attribute.actor/octocat",
            "principalSet:*",
        ],
    ),
    "GitLab": (
        GITLAB,
        {
            "sub": "project_path:my-group/app:ref_type:branch:ref:main",
            "jti": "9a0b",
            "namespace_path": "my-group",
            "project_path": "my-group/app",
            "ref": "main",
            "ref_protected": "true",
        },
        {
            "oidc": {"issuerUri": GITLAB},
            "attributeMapping": {
                "google.subject": "assertion.sub",
                "google.groups": "[assertion.namespace_path, assertion.ref]",
                "attribute.project": "assertion.project_path.split('/')[1]",
            },
            "attributeCondition": (
                "assertion.namespace_path.startsWith('my-') && attribute.project in ['app']"
            ),
        },
        ["principalSet:group/my-group", "principalSet:group/main", "principalSet:attribute.project/app"],
    ),
    "Kubernetes": (
        CLUSTER,
        {
            "sub": "system:serviceaccount:build:pusher",
            "kubernetes.io": {"namespace": "build", "serviceaccount": {"name": "pusher", "uid": "1"}},
        },
        {
            "oidc": {"issuerUri": CLUSTER},
            "attributeMapping": {
                "google.subject": "assertion.sub",
                "attribute.namespace": "assertion['kubernetes.io']['namespace']",
            },
        },
        ["principal:subject/system:serviceaccount:build:pusher", "principalSet:attribute.namespace/build"],
    ),
}


@pytest.mark.parametrize(("issuer", "claims", "settings", "members"), SHAPES.values(), ids=SHAPES.keys())
def test_the_tokens_of_known_issuers_are_members_by_their_mapping(
    apis: Apis,
    federation: Federation,
    issuer: str,
    claims: dict[str, Any],
    settings: dict[str, Any],
    members: list[str],
) -> None:
    federation.set_provider(**settings)
    token = federation.fetch_token(federation.mint(iss=issuer, **claims))

    for member in members:
        kind, _, name = member.partition(":")
        binding = {
            "role": "roles/browser",
            "members": [f"{kind}://iam.googleapis.com/{federation.pool}/{name}"],
        }
        policy = {"bindings": [binding]}
        assert apis.call("POST", f"{PROJECT}:setIamPolicy", {"policy": policy}).status == 200
        assert apis.call("GET", PROJECT, token=token).status == 200, member
    others = federation.set_of("attribute.environment/prod")
    policy = {"bindings": [{"role": "roles/browser", "members": [others, "allAuthenticatedUsers"]}]}
    apis.call("POST", f"{PROJECT}:setIamPolicy", {"policy": policy})
    assert apis.call("GET", PROJECT, token=token).status == 403


def test_an_identity_of_elsewhere_acts_as_a_service_account_that_lets_it(
    apis: Apis, federation: Federation
) -> None:
    email = apis.make_account("puller", role="roles/browser")
    federation.set_provider()
    token = federation.fetch_token()
    path = f"/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
    body = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    permission = "iam.serviceAccounts.getAccessToken"
    denied = apis.call("POST", path, body, token)
    assert (denied.status, denied.body["error"]["message"]) == (
        403,
        f"Permission '{permission}' denied on resource (or it may not exist).",
    )

    apis.allow("roles/iam.workloadIdentityUser", federation.set_of("*"), email)

    reply = apis.call("POST", path, body, token)
    assert apis.call("GET", PROJECT, token=reply.body["accessToken"]).status == 200


@pytest.mark.parametrize("where", ["pool", "provider"])
@pytest.mark.parametrize("change", ["disabled", "deleted"])
def test_nothing_is_exchanged_at_what_is_disabled_or_deleted(
    apis: Apis, federation: Federation, where: str, change: str
) -> None:
    federation.set_provider()
    apis.grant("roles/browser", federation.member())
    token = federation.fetch_token()
    path = f"/v1/{getattr(federation, where)}"

    if change == "disabled":
        apis.call("PATCH", f"{path}?updateMask=disabled", {"disabled": True})
    else:
        apis.call("DELETE", path)

    reply = federation.exchange(federation.mint())
    assert (reply.status, reply.body) == federation.refused(
        "invalid_target",
        'The target service indicated by the "audience" parameters is invalid. This might either be because '
        "the pool or provider is disabled or deleted or because it doesn't exist.",
    )
    # A deleted pool ends the tokens that it gave; a deleted provider does not.
    assert apis.call("GET", PROJECT, token=token).status == (401 if where == "pool" else 200)


FULL_NAME = (
    'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See '
    "https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats."
)
NO_SCOPE = 'Invalid value for "scope". It must hold Google OAuth scopes.'
NO_KIND = 'Invalid value for "subject_token_type". The provider does not accept this type.'


@pytest.mark.parametrize(
    ("fields", "error", "description"),
    [
        ({"grant_type": None}, "invalid_request", 'Invalid value for "grant_type". It is required.'),
        (
            {"grant_type": "password"},
            "unsupported_grant_type",
            'Invalid value for "grant_type". It must be urn:ietf:params:oauth:grant-type:token-exchange.',
        ),
        ({"audience": None}, "invalid_request", 'Invalid value for "audience". It is required.'),
        ({"audience": "projects/1/pools/x"}, "invalid_request", FULL_NAME),
        ({"scope": None}, "invalid_scope", NO_SCOPE),
        ({"scope": " "}, "invalid_scope", NO_SCOPE),
        ({"scope": "a" * 4097}, "invalid_scope", NO_SCOPE),
        ({"scope": "ü"}, "invalid_scope", NO_SCOPE),
        (
            {"requested_token_type": ID_TOKEN},
            "invalid_request",
            f'Invalid value for "requested_token_type". It must be {ACCESS_TOKEN}.',
        ),
        ({"subject_token": None}, "invalid_request", 'Invalid value for "subject_token". It is required.'),
        ({"subject_token_type": ACCESS_TOKEN}, "invalid_request", NO_KIND),
        (
            {"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"},
            "invalid_request",
            NO_KIND,
        ),
        ({"options": "{"}, "invalid_request", 'Invalid value for "options": it must be JSON.'),
        (
            {"options": '{"accessBoundary": {}}'},
            "invalid_request",
            'Invalid value for "options": gcr-emulator has no accessBoundary.',
        ),
    ],
)
def test_an_exchange_that_asks_wrongly_is_refused(
    federation: Federation, fields: dict[str, Any], error: str, description: str
) -> None:
    federation.set_provider()

    reply = federation.exchange(federation.mint(), **fields)

    assert (reply.status, reply.body) == federation.refused(error, description)


def test_a_provider_that_is_not_there_cannot_be_told_from_a_disabled_one(federation: Federation) -> None:
    reply = federation.exchange(federation.mint())

    assert reply.body["error"] == "invalid_target"
    audience = f"//iam.googleapis.com/{federation.pool}x/providers/p"
    elsewhere = federation.exchange(federation.mint(), audience=audience)
    assert elsewhere.body == reply.body
