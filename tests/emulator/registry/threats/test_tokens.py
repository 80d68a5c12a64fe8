"""Threat T07, forged tokens: faults of other registries."""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

APP = "my-project/app"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:push,pull"
MANIFEST, UPLOADS = f"/v2/{APP}/manifests/v1", f"/v2/{APP}/blobs/uploads/"
UNAUTHORIZED = (401, "UNAUTHORIZED", "Unauthorized access.")
STRANGER = ec.generate_private_key(ec.SECP256R1())


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_json(document):
    return encode(json.dumps(document).encode())


def to_pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Forge:
    """Forges registry tokens from a valid one, with the available keys."""

    def __init__(self, token, signing_key):
        self.jws = base64.b64decode(token).decode()
        self.header, self.claims = jwt.get_unverified_header(self.jws), self.read_claims()
        self.signing_key = signing_key

    def read_claims(self):
        return jwt.decode(self.jws, options={"verify_signature": False})

    def wrap(self, jws):
        return base64.b64encode(jws.encode()).decode()

    def sign(self, key=None, *, header=None, algorithm="ES256", **claims):
        """Returns a token with changed claims, by default signed with the server's key."""
        changed = self.header | (header or {})
        signed = jwt.PyJWS().encode(
            json.dumps(self.claims | claims).encode(), key or self.signing_key, algorithm, headers=changed
        )
        return self.wrap(signed)

    def unsigned(self, algorithm):
        return self.wrap(f"{as_json(self.header | {'alg': algorithm})}.{as_json(self.claims)}.")

    def with_mac(self):
        """Returns a token signed by HMAC with the public key as secret, which the library refuses to do."""
        text = f"{as_json(self.header | {'alg': 'HS256'})}.{as_json(self.claims)}"
        secret = to_pem(self.signing_key.public_key())
        return self.wrap(f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())}")

    def with_claims(self, **claims):
        """Returns a token with other claims and the valid signature."""
        header, _, signature = self.jws.split(".")
        return self.wrap(f"{header}.{as_json(self.claims | claims)}.{signature}")


def embed(forge, **hint):
    return forge.sign(STRANGER, header=hint)


ALL = [[APP, ["delete", "pull", "push"]]]
FORGED = {
    "none": lambda forge: forge.unsigned("none"),
    "None": lambda forge: forge.unsigned("nOnE"),
    "no algorithm": lambda forge: forge.unsigned(None),
    "HMAC with the public key": lambda forge: forge.with_mac(),
    "another key": lambda forge: forge.sign(STRANGER),
    "embedded jwk": lambda forge: embed(forge, jwk=json.loads(ECAlgorithm.to_jwk(STRANGER.public_key()))),
    "jku": lambda forge: embed(forge, jku="https://evil.example/jwks"),
    "x5u": lambda forge: embed(forge, x5u="https://evil.example/certificate"),
    "kid of a file": lambda forge: embed(forge, kid="../../../dev/null"),
    "own key with a hint": lambda forge: forge.sign(header={"jku": "https://evil.example/jwks"}),
    "own key, critical extension": lambda forge: forge.sign(header={"crit": ["x"], "x": 1}),
    "for the APIs": lambda forge: forge.sign(aud="gcr-emulator/apis"),
    "for several": lambda forge: forge.sign(aud=["gcr-emulator/registry", "gcr-emulator/apis"]),
    "of another kind": lambda forge: forge.sign(header={"typ": "access+jwt"}),
    "of no kind": lambda forge: forge.sign(header={"typ": None}),
    "ended a second ago": lambda forge: forge.sign(exp=int(time.time()) - 1),
    "ends now": lambda forge: forge.sign(exp=int(time.time())),
    "wider, under the old signature": lambda forge: forge.with_claims(access=ALL),
    "longer, under the old signature": lambda forge: forge.with_claims(exp=forge.claims["exp"] + 3600),
    "another's, under the old signature": lambda forge: forge.with_claims(sub="user:boss@example.com"),
    "without its signature": lambda forge: forge.wrap(forge.jws.rpartition(".")[0] + "."),
    "with half its signature": lambda forge: forge.wrap(forge.jws[:-40]),
    "not wrapped": lambda forge: forge.jws,
    "wrapped twice": lambda forge: forge.wrap(forge.wrap(forge.jws)),
    "with something behind": lambda forge: forge.wrap(f"{forge.jws}.x"),
    "of 40 KiB": lambda forge: forge.wrap("a." * 15_000),
}


class TestT07ForgedTokens:
    @pytest.fixture
    def registry(self, settled):
        return settled.registry

    @pytest.fixture
    def forge(self, settled):
        path = settled.data / "keys" / "signing-key.pem"
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        return Forge(settled.registry.token(PULL, auth=settled.account.basic), key)

    def test_what_is_forged_from_is_good_itself(self, registry, forge):
        for token in (forge.wrap(forge.jws), forge.sign()):
            assert registry.call("GET", MANIFEST, token=token).status_code == 200

    @pytest.mark.parametrize("make", FORGED.values(), ids=FORGED)
    def test_it_opens_nothing(self, registry, forge, make):
        token = make(forge)
        for method, path in (("GET", MANIFEST), ("GET", "/v2/"), ("POST", UPLOADS)):
            answer = registry.call(method, path, token=token)
            assert refusal(answer) == UNAUTHORIZED
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="http://gcr.io/v2/token"')
        assert registry.ask_token(PULL, token=token).status_code == 401

    def test_a_registry_token_buys_no_other_and_no_access_to_the_apis(self, registry, forge):
        token = forge.wrap(forge.jws)
        assert registry.ask_token(PULL, token=token).status_code == 401
        assert registry.ask_token(PULL, auth=("_token", token)).status_code == 401
        answer = registry.at("localhost").call("GET", "/v1/projects/my-project", token=token)
        assert answer.status_code == 401


# Wrong claims of a self-signed JWT; instants are relative to now, in seconds.
WRONG_CLAIMS = {
    "another service": lambda _: {"aud": "https://evil.example/"},
    "the token endpoint": lambda _: {"aud": "https://oauth2.googleapis.com/token"},
    "another issuer": lambda _: {"iss": "boss@my-project.iam.gserviceaccount.com"},
    "no issuer": lambda _: {"iss": None},
    "another subject": lambda _: {"sub": "boss@my-project.iam.gserviceaccount.com"},
    "ended": lambda now: {"exp": now - 1},
    "never ends": lambda now: {"exp": now + 9000},
    "ten minutes early": lambda now: {"iat": now + 600, "exp": now + 900},
    "not before": lambda now: {"nbf": now + 600},
    "end in a string": lambda now: {"exp": str(now + 600)},
    "end is true": lambda _: {"exp": True},
    "no scope": lambda _: {"scope": None},
    "scope in a list": lambda _: {"scope": ["https://www.googleapis.com/auth/cloud-platform"]},
}


class TestT07SelfSignedTokens:
    @pytest.mark.parametrize(
        ("audience", "status"),
        [
            ("https://artifactregistry.googleapis.com/", 200),
            ("https://storage.googleapis.com/google.storage.v2.Storage", 200),
            ("https://iam.googleapis.com/", 401),
        ],
        ids=lambda value: f"F-Z36-{value}",
    )
    def test_one_for_an_api_of_images_opens_the_registry(self, settled, audience, status):
        registry, account = settled.registry, settled.account
        for scope in (None, "https://www.googleapis.com/auth/cloud-platform"):
            token = account.sign(aud=audience, scope=scope)
            assert registry.ask_token(PULL, auth=("oauth2accesstoken", token)).status_code == status

    @pytest.mark.parametrize("change", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
    def test_one_with_a_wrong_claim_opens_nothing(self, settled, change):
        registry, account = settled.registry, settled.account
        assert registry.call("GET", MANIFEST, token=account.sign()).status_code == 200
        token = account.sign(**change(int(time.time())))
        assert refusal(registry.call("GET", MANIFEST, token=token)) == UNAUTHORIZED
        assert registry.ask_token(PULL, auth=("_dcgcr_0_0_0_token", token)).status_code == 401

    def test_none_and_a_mac_with_the_public_key_open_nothing(self, settled):
        registry, account = settled.registry, settled.account
        _, claims, _ = account.sign().split(".")
        key = serialization.load_pem_private_key(account.document["private_key"].encode(), password=None)
        for algorithm, secret in (("none", b""), ("HS256", to_pem(key.public_key()))):
            text = f"{as_json({'alg': algorithm, 'kid': account.document['private_key_id']})}.{claims}"
            mac = encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()) if secret else ""
            assert refusal(registry.call("GET", "/v2/", token=f"{text}.{mac}")) == UNAUTHORIZED


class TestT07Replay:
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_nothing_of_a_key_is_good_once_it_is_taken_back(self, registry, account, editor, method):
        editor.push_image(APP, "v1", b"layer")
        credentials = [registry.token(PULL, auth=account.basic), account.access_token(), account.sign()]
        for token in credentials:
            assert registry.call("GET", MANIFEST, token=token).status_code == 200
        key = f"{account.document['client_email']}/keys/{account.document['private_key_id']}"
        path = f"/v1/projects/my-project/serviceAccounts/{key}{':disable' if method == 'POST' else ''}"
        registry.at("localhost").call(method, path, json={}).raise_for_status()
        for token in credentials:
            assert refusal(registry.call("GET", MANIFEST, token=token)) == UNAUTHORIZED
        for auth in (account.basic, ("_token", credentials[1]), ("_token", credentials[2])):
            assert registry.ask_token(PULL, auth=auth).status_code == 401
