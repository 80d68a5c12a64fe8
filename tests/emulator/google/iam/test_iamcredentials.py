"""iamcredentials: only a caller that may act as a service account gets its tokens and signatures."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Apis = Any
NOW = 1_700_000_000
HOST = "my-project.iam.gserviceaccount.com"
PULLER = f"puller@{HOST}"
ACCOUNT = f"/v1/projects/-/serviceAccounts/{PULLER}"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
ADA = "user:ada@example.com"
CREATOR = "roles/iam.serviceAccountTokenCreator"
ASK = {"scope": [CLOUD_PLATFORM]}


def denied(permission: str, reason: str) -> dict[str, Any]:
    return {
        "error": {
            "code": 403,
            "message": f"Permission '{permission}' denied on resource (or it may not exist).",
            "status": "PERMISSION_DENIED",
            "details": [{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": reason}],
        }
    }


def invalid(message: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


@pytest.fixture
def ada(apis: Apis) -> str:
    """Returns the access token of a user who may act as the puller."""
    apis.make_account("puller", role="roles/viewer")
    apis.allow(CREATOR, ADA, PULLER)
    return apis.sign_in(ADA)


def test_check_55_an_access_token_is_the_accounts(apis: Apis, ada: str) -> None:
    reply = apis.call("POST", f"{ACCOUNT}:generateAccessToken", {"lifetime": "600s", **ASK}, ada)

    token = reply.body["accessToken"]
    assert (reply.status, reply.body) == (
        200,
        {"accessToken": token, "expireTime": "2023-11-14T22:23:20Z"},
    )
    assert reply.headers["cache-control"] == "no-store"
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 200
    assert apis.call("GET", "/v1/projects/my-project", token=ada).status == 403
    apis.clock.set(NOW + 600)
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 401


def test_an_access_token_has_the_scopes_alone_that_were_asked_for(apis: Apis, ada: str) -> None:
    body = {"scope": [READ_ONLY]}

    reply = apis.call(
        "POST", f"/v1/projects/my-project/serviceAccounts/{PULLER}:generateAccessToken", body, ada
    )

    assert reply.body["expireTime"] == "2023-11-14T23:13:20Z"
    refused = apis.call("GET", "/v1/projects/my-project", token=reply.body["accessToken"])
    assert refused.body == denied(
        "resourcemanager.projects.get",
        "no OAuth scope of the access token covers resourcemanager.projects.get",
    )


@pytest.mark.parametrize("verb", ["generateAccessToken", "generateIdToken", "signJwt", "signBlob"])
@pytest.mark.parametrize(
    "role", ["roles/owner", "roles/iam.serviceAccountUser", "roles/iam.serviceAccountAdmin"]
)
def test_a_role_that_does_not_let_act_as_the_account_gives_nothing(apis: Apis, verb: str, role: str) -> None:
    permissions = {"generateAccessToken": "getAccessToken", "generateIdToken": "getOpenIdToken"}
    permission = f"iam.serviceAccounts.{permissions.get(verb, verb)}"
    apis.make_account("puller")
    apis.grant(role, ADA)

    body = ASK if verb == "generateAccessToken" else {}
    reply = apis.call("POST", f"{ACCOUNT}:{verb}", body, apis.sign_in(ADA))

    assert (reply.status, reply.body) == (403, denied(permission, f"{ADA} has no role with {permission}"))


def test_a_role_on_the_project_is_one_on_its_accounts(apis: Apis) -> None:
    apis.make_account("puller")
    apis.grant(CREATOR, ADA)

    assert apis.call("POST", f"{ACCOUNT}:generateAccessToken", ASK, apis.sign_in(ADA)).status == 200


@pytest.mark.usefixtures("ada")
def test_an_access_token_with_a_scope_of_storage_does_not_let_act_as_anybody(apis: Apis) -> None:
    token = apis.sign_in(ADA, "devstorage.full_control")

    reply = apis.call("POST", f"{ACCOUNT}:generateAccessToken", ASK, token)

    permission = "iam.serviceAccounts.getAccessToken"
    reason = f"no OAuth scope of the access token covers {permission}"
    assert (reply.status, reply.body) == (403, denied(permission, reason))


def test_an_unknown_account_cannot_be_told_from_a_forbidden_one(apis: Apis, ada: str) -> None:
    path = f"/v1/projects/-/serviceAccounts/unknown@{HOST}:generateAccessToken"

    permission = "iam.serviceAccounts.getAccessToken"
    assert apis.call("POST", path, ASK, ada).body == denied(
        permission, f"{ADA} has no role with {permission}"
    )
    missing = apis.call("POST", path, ASK)
    assert (missing.status, missing.body["error"]["message"]) == (
        404,
        f"Gaia id not found for email unknown@{HOST}",
    )
    elsewhere = f"/v1/projects/other-project/serviceAccounts/{PULLER}:generateAccessToken"
    assert apis.call("POST", elsewhere, ASK, ada).status == 403


def test_a_disabled_account_gives_no_token_and_its_tokens_end(apis: Apis, ada: str) -> None:
    token = apis.call("POST", f"{ACCOUNT}:generateAccessToken", ASK, ada).body["accessToken"]
    apis.call("POST", f"{ACCOUNT}:disable", {})

    reply = apis.call("POST", f"{ACCOUNT}:generateAccessToken", ASK, ada)

    message = f"Service account {PULLER} is disabled."
    error = {"code": 400, "message": message, "status": "FAILED_PRECONDITION"}
    assert (reply.status, reply.body) == (400, {"error": error})
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 401


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Scope required."),
        ({"scope": []}, "Scope required."),
        ({"scope": CLOUD_PLATFORM}, "Scope required."),
        ({"scope": [1]}, "Invalid OAuth scope: '1'."),
        ({"scope": ["openid email"]}, "Invalid OAuth scope: 'openid email'."),
        ({"scope": ["cloud-platform"]}, "Invalid OAuth scope: 'cloud-platform'."),
        ({"scope": [CLOUD_PLATFORM] * 100}, "The scopes are longer than 4096 characters."),
        (
            {**ASK, "lifetime": "3601s"},
            "The access token lifetime cannot exceed 3,600 seconds; to override this limit, add the service "
            "account to the constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension, which "
            "gcr-emulator does not have.",
        ),
        *(
            ({**ASK, "lifetime": lifetime}, 'The lifetime must be a duration in seconds, such as "3600s".')
            for lifetime in ("1h", "0s", "-1s", 3600, "3600")
        ),
        ({**ASK, "delegates": PULLER}, "Invalid value at 'delegates': it must be a list."),
        ({**ASK, "delegates": ["x"] * 33}, "delegates must be a list of at most 32 service accounts."),
        (
            {**ASK, "delegates": [PULLER]},
            "A delegate must be of the form projects/-/serviceAccounts/{EMAIL}.",
        ),
    ],
)
def test_an_access_token_that_cannot_be_is_refused(
    apis: Apis, ada: str, body: dict[str, Any], message: str
) -> None:
    reply = apis.call("POST", f"{ACCOUNT}:generateAccessToken", body, ada)

    assert (reply.status, reply.body) == invalid(message)


CHAIN = [f"projects/-/serviceAccounts/{name}@{HOST}" for name in ("first", "second")]


def make_chain(apis: Apis) -> list[tuple[str, str]]:
    """Creates a delegation chain from Ada to the puller."""
    emails = [apis.make_account(name) for name in ("first", "second", "puller")]
    members = [ADA, *(f"serviceAccount:{email}" for email in emails[:2])]
    return list(zip(members, emails, strict=True))


def test_a_chain_of_delegates_leads_to_the_account(apis: Apis) -> None:
    for member, email in make_chain(apis):
        apis.allow(CREATOR, member, email)

    reply = apis.call(
        "POST", f"{ACCOUNT}:generateAccessToken", {**ASK, "delegates": CHAIN}, apis.sign_in(ADA)
    )

    assert reply.status == 200, reply
    direct = apis.call("POST", f"{ACCOUNT}:generateAccessToken", ASK, apis.sign_in(ADA))
    assert direct.status == 403


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_chain_of_delegates_that_is_broken_leads_nowhere(apis: Apis, broken: int) -> None:
    links = make_chain(apis)
    for number, (member, email) in enumerate(links):
        # workloadIdentityUser is enough for the last link of a chain only.
        role = "roles/iam.workloadIdentityUser" if number == broken < 2 else CREATOR
        if number != 2 or broken != 2:
            apis.allow(role, member, email)

    reply = apis.call(
        "POST", f"{ACCOUNT}:generateAccessToken", {**ASK, "delegates": CHAIN}, apis.sign_in(ADA)
    )

    permission = f"iam.serviceAccounts.{'getAccessToken' if broken == 2 else 'implicitDelegation'}"
    assert (reply.status, reply.body) == (
        403,
        denied(permission, f"{links[broken][0]} has no role with {permission}"),
    )


def find_public_key(apis: Apis, key_id: str) -> rsa.RSAPublicKey:
    """Returns the account's published key, and checks that both forms have the same."""
    (jwk,) = apis.call("GET", f"/service_accounts/v1/jwk/{PULLER}").body["keys"]
    certificates = apis.call("GET", f"/service_accounts/v1/metadata/x509/{PULLER}").body
    assert apis.call("GET", f"/robot/v1/metadata/x509/{PULLER}").body.keys() == {key_id}
    certified = x509.load_pem_x509_certificate(certificates[key_id].encode()).public_key()
    assert isinstance(certified, rsa.RSAPublicKey)
    key: rsa.RSAPublicKey = jwt.PyJWK(jwk).key
    assert (jwk["kid"], jwk["alg"], key) == (key_id, "RS256", certified)
    return key


def test_an_id_token_is_for_its_audience_and_checked_with_published_keys(apis: Apis, ada: str) -> None:
    body = {"audience": "https://service.example", "includeEmail": True}

    reply = apis.call("POST", f"{ACCOUNT}:generateIdToken", body, ada)

    token = reply.body["token"]
    assert (reply.status, reply.body) == (200, {"token": token})
    unique_id = apis.call("GET", ACCOUNT).body["uniqueId"]
    keys = jwt.PyJWKSet.from_dict(apis.call("GET", "/oauth2/v3/certs").body)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options = {"verify_exp": False}
    assert jwt.decode(token, key, ["RS256"], options, audience="https://service.example") == {
        "aud": "https://service.example",
        "azp": unique_id,
        "email": PULLER,
        "email_verified": True,
        "exp": NOW + 3600,
        "iat": NOW,
        "iss": "https://accounts.google.com",
        "sub": unique_id,
    }


def test_an_id_token_without_an_audience_is_refused(apis: Apis, ada: str) -> None:
    reply = apis.call("POST", f"{ACCOUNT}:generateIdToken", {"includeEmail": True}, ada)

    assert (reply.status, reply.body) == invalid("Audience required.")


def test_a_signed_jwt_is_an_assertion_of_the_account(apis: Apis, ada: str) -> None:
    claims = {
        "iss": PULLER,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": NOW,
        "exp": NOW + 3600,
        "scope": CLOUD_PLATFORM,
    }

    reply = apis.call("POST", f"{ACCOUNT}:signJwt", {"payload": json.dumps(claims)}, ada)

    signed, key_id = reply.body["signedJwt"], reply.body["keyId"]
    assert (reply.status, reply.body) == (200, {"keyId": key_id, "signedJwt": signed})
    assert jwt.get_unverified_header(signed) == {"alg": "RS256", "typ": "JWT", "kid": key_id}
    options = {"verify_exp": False, "verify_aud": False}
    assert jwt.decode(signed, find_public_key(apis, key_id), ["RS256"], options) == claims
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert apis.post_form("/token", {"grant_type": grant_type, "assertion": signed}).status == 200
    # APIs accept a self-signed JWT as an access token, but not an assertion for the token endpoint.
    assert apis.call("GET", "/v1/projects/my-project", token=signed).status == 401
    self_signed = {**claims, "aud": "", "sub": PULLER}
    token = apis.call("POST", f"{ACCOUNT}:signJwt", {"payload": json.dumps(self_signed)}, ada).body[
        "signedJwt"
    ]
    assert apis.call("GET", "/v1/projects/my-project", token=token).status == 200


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (None, "The payload must be a JSON object, as a string."),
        ({"iss": "x"}, "The payload must be a JSON object, as a string."),
        ("[]", "The payload must be a JSON object, as a string."),
        ("{", "The payload must be a JSON object, as a string."),
        ('{"exp": "soon"}', "The exp of the payload must be an integer."),
        ('{"exp": true}', "The exp of the payload must be an integer."),
        (
            f'{{"exp": {NOW + 12 * 3600 + 1}}}',
            "The exp of the payload must be in the future, and at most 12 hours from now.",
        ),
        (
            f'{{"exp": {NOW - 1}}}',
            "The exp of the payload must be in the future, and at most 12 hours from now.",
        ),
    ],
)
def test_claims_that_google_does_not_sign(apis: Apis, ada: str, payload: object, message: str) -> None:
    reply = apis.call("POST", f"{ACCOUNT}:signJwt", {"payload": payload}, ada)

    assert (reply.status, reply.body) == invalid(message)


def test_signed_bytes_are_checked_with_the_published_key(apis: Apis, ada: str) -> None:
    blob = b"\xff\xfebytes"

    reply = apis.call("POST", f"{ACCOUNT}:signBlob", {"payload": base64.b64encode(blob).decode()}, ada)

    signature, key_id = reply.body["signedBlob"], reply.body["keyId"]
    assert (reply.status, reply.body) == (200, {"keyId": key_id, "signedBlob": signature})
    key = find_public_key(apis, key_id)
    key.verify(base64.b64decode(signature), blob, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("payload", [None, "*", 1, "AAA"])
def test_bytes_that_are_no_base64_are_not_signed(apis: Apis, ada: str, payload: object) -> None:
    reply = apis.call("POST", f"{ACCOUNT}:signBlob", {"payload": payload}, ada)

    assert (reply.status, reply.body) == invalid("The payload must be bytes in base64.")


def test_the_key_that_google_manages_is_listed_and_cannot_be_changed(apis: Apis, ada: str) -> None:
    key_id = apis.call("POST", f"{ACCOUNT}:signBlob", {"payload": ""}, ada).body["keyId"]

    listed = apis.call("GET", f"{ACCOUNT}/keys?keyTypes=SYSTEM_MANAGED").body

    assert listed == {
        "keys": [
            {
                "name": f"projects/my-project/serviceAccounts/{PULLER}/keys/{key_id}",
                "validAfterTime": "2023-11-14T22:13:20Z",
                "validBeforeTime": "9999-12-31T23:59:59Z",
                "keyAlgorithm": "KEY_ALG_RSA_2048",
                "keyOrigin": "GOOGLE_PROVIDED",
                "keyType": "SYSTEM_MANAGED",
            }
        ]
    }
    assert apis.call("GET", f"{ACCOUNT}/keys?keyTypes=USER_MANAGED").body == {}
    for method, path in (("DELETE", ""), ("POST", ":disable"), ("POST", ":enable")):
        reply = apis.call(method, f"{ACCOUNT}/keys/{key_id}{path}")
        assert (reply.status, reply.body["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert apis.call("POST", f"{ACCOUNT}:signBlob", {"payload": ""}, ada).body["keyId"] == key_id


def test_keys_that_do_not_count_are_not_published(apis: Apis) -> None:
    kept, disabled = (apis.make_key("puller")["private_key_id"] for _ in range(2))
    apis.call("POST", f"{ACCOUNT}/keys/{disabled}:disable")

    assert list(apis.call("GET", f"/robot/v1/metadata/x509/{PULLER}").body) == [kept]
    apis.call("POST", f"{ACCOUNT}:disable")
    for form in ("service_accounts/v1/jwk", "robot/v1/metadata/x509"):
        reply = apis.call("GET", f"/{form}/{PULLER}")
        assert (reply.status, reply.body["error"]["message"]) == (404, f"Service account {PULLER} not found.")


def test_any_caller_may_ask_where_an_account_may_be_used_from(apis: Apis, ada: str) -> None:
    apis.peer = "192.0.2.1"

    reply = apis.call("GET", f"{ACCOUNT}/allowedLocations", token=ada)

    assert (reply.status, reply.body) == (200, {"locations": [], "encodedLocations": "0x0"})
    assert apis.call("GET", f"{ACCOUNT}/allowedLocations").status == 401


def test_g_z43_the_older_method_of_iam_signs_the_same(apis: Apis, ada: str) -> None:
    payload = base64.b64encode(b"hi").decode()

    new = apis.call("POST", f"{ACCOUNT}:signBlob", {"payload": payload}, ada).body
    old = apis.call("POST", f"{ACCOUNT}:signBlob", {"bytesToSign": payload}, ada).body

    assert old == {"keyId": new["keyId"], "signature": new["signedBlob"]}
