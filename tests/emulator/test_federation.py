"""Workload identity federation from end to end, with the unmodified google-auth and kubelet plugin."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from google.auth import aws, crypt, exceptions, iam, identity_pool, impersonated_credentials
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from requests.adapters import HTTPAdapter

PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
POOLS = "/v1/projects/my-project/locations/global/workloadIdentityPools"
IMAGE = "my-project/app"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
GITHUB = "https://token.actions.githubusercontent.com"
IDENTITY = "arn:aws:sts::123456789012:assumed-role/builder/i-0123"


# The class of google-auth that reads each kind of file.
LOADERS = {
    "external_account": identity_pool.Credentials.from_info,
    "aws": aws.Credentials.from_info,
    "impersonated_service_account": (
        impersonated_credentials.Credentials.from_impersonated_service_account_info
    ),
}


class Emulated(HTTPAdapter):
    """Adapter that sends requests for a Google host to the emulator, unknown to google-auth."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = urlsplit(url)

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        url = urlsplit(request.url)
        request.headers["Host"] = url.netloc
        request.url = url._replace(scheme=self._url.scheme, netloc=self._url.netloc).geturl()
        return super().send(request, *arguments, **options)


class Outside:
    """A pool with a provider for GitHub's tokens, in a project with an image."""

    def __init__(self, emulator: Any, push: Any, session: requests.Session) -> None:
        self.emulator = emulator
        self.session = session
        self.digest = push.push_image(IMAGE, "v1", b"layer")
        project = self.call("GET", f"/v1/projects/{emulator.project()}")
        self.pool = f"projects/{project['projectNumber']}/locations/global/workloadIdentityPools/outside"
        self.call("POST", f"{POOLS}?workloadIdentityPoolId=outside", {})

    def call(self, method: str, path: str, document: object = None) -> Any:
        answer = self.session.request(method, f"{self.emulator.url}{path}", json=document, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def make_provider(self, provider: str, **settings: object) -> str:
        """Creates a provider; returns the audience that names it."""
        path = f"{POOLS}/outside/providers?workloadIdentityPoolProviderId={provider}"
        self.call("POST", path, settings)
        return f"//iam.googleapis.com/{self.pool}/providers/{provider}"

    def make_github(self) -> str:
        return self.make_provider(
            "github",
            oidc={"issuerUri": GITHUB},
            attributeMapping={
                "google.subject": "assertion.sub",
                "attribute.repository": "assertion.repository",
            },
            attributeCondition="assertion.repository_owner == 'octo-org'",
        )

    def format_query(self, audience: str, **more: str) -> str:
        """Returns GitHub's claims about a run, as the issuer's query."""
        claims = {"iss": GITHUB, "repository": "octo-org/app", "repository_owner": "octo-org", **more}
        named = {"subject": "repo:octo-org/app:ref:refs/heads/main", "audience": f"https:{audience}"}
        return urlencode({**named, "claims": json.dumps(claims)})

    def describe(self, audience: str, source: dict[str, Any], account: str | None = None) -> dict[str, Any]:
        """Returns the credential configuration that gcloud would write."""
        document: dict[str, Any] = {
            "type": "external_account",
            "audience": audience,
            "subject_token_type": JWT_TYPE,
            "token_url": f"{self.emulator.url}/v1/token",
            "credential_source": source,
        }
        if account is not None:
            path = f"/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
            document["service_account_impersonation_url"] = f"{self.emulator.url}{path}"
        return document

    def sign_in(self, document: dict[str, Any]) -> Any:
        """Returns google-auth's credentials of the document, refreshed."""
        kind = "aws" if "environment_id" in document.get("credential_source", {}) else document["type"]
        credentials = LOADERS[kind](document, scopes=[PLATFORM])
        credentials.refresh(Request(self.session))
        return credentials

    def pull(self, token: str, action: str = "pull") -> tuple[int, str | None]:
        """Returns the status and the digest that docker gets with the token."""
        return pull(self.emulator.url, self.session, token, action)

    def grant(self, role: str, kind: str, name: str) -> None:
        self.emulator.grant(role, f"{kind}://iam.googleapis.com/{self.pool}/{name}")

    def make_account(self, account: str, role: str) -> str:
        email = f"{account}@my-project.iam.gserviceaccount.com"
        self.call("POST", "/v1/projects/my-project/serviceAccounts", {"accountId": account})
        self.emulator.grant(role, f"serviceAccount:{email}")
        return email

    def let_act(self, member: str, account: str, role: str) -> None:
        policy = {"bindings": [{"role": role, "members": [member]}]}
        path = f"/v1/projects/-/serviceAccounts/{account}:setIamPolicy"
        self.call("POST", path, {"policy": policy})


def pull(url: str, session: requests.Session, token: str, action: str = "pull") -> tuple[int, str | None]:
    scope = {"scope": f"repository:{IMAGE}:{action}"}
    credential = ("oauth2accesstoken", token)
    asked = session.get(f"{url}/v2/token", params=scope, auth=credential, timeout=30)
    if not asked.ok:
        return asked.status_code, None
    headers = {"Authorization": f"Bearer {asked.json()['token']}"}
    found = session.head(f"{url}/v2/{IMAGE}/manifests/v1", headers=headers, timeout=30)
    return found.status_code, found.headers.get("Docker-Content-Digest")


@pytest.fixture
def outside(gcr_emulator: Any, connect: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://iamcredentials.googleapis.com", Emulated(gcr_emulator.url))
        yield Outside(gcr_emulator, connect(), session)


def test_a_token_in_a_file_opens_the_registry_for_its_repository(outside: Any, tmp_path: Path) -> None:
    audience = outside.make_github()
    outside.grant("roles/storage.objectViewer", "principalSet", "attribute.repository/octo-org/app")
    query = outside.format_query(audience, jti="4f6c")
    token = outside.call("GET", f"/_emulator/issuer/tokens?{query}")["token"]
    path = tmp_path / "token"
    path.write_text(token)

    credentials = outside.sign_in(outside.describe(audience, {"file": str(path)}))

    assert outside.pull(credentials.token) == (200, outside.digest)
    assert outside.pull(credentials.token, "pull,push") == (403, None)
    with pytest.raises(exceptions.OAuthError, match="has been exchanged before"):
        credentials.refresh(Request(outside.session))


def test_a_registry_token_ends_with_the_pool_of_its_identity(outside: Any) -> None:
    audience = outside.make_github()
    outside.grant("roles/storage.objectViewer", "principalSet", "*")
    source = {
        "url": f"{outside.emulator.url}/_emulator/issuer/tokens?{outside.format_query(audience)}",
        "format": {"type": "json", "subject_token_field_name": "token"},
    }
    token = outside.sign_in(outside.describe(audience, source)).token
    scope = {"scope": f"repository:{IMAGE}:pull"}
    url = outside.emulator.url
    asked = outside.session.get(
        f"{url}/v2/token", params=scope, auth=("oauth2accesstoken", token), timeout=30
    )
    headers = {"Authorization": f"Bearer {asked.json()['token']}"}

    def show() -> int:
        return outside.session.head(f"{url}/v2/{IMAGE}/manifests/v1", headers=headers, timeout=30).status_code

    assert show() == 200
    outside.call("PATCH", f"{POOLS}/outside?updateMask=disabled", {"disabled": True})
    assert (show(), outside.pull(token)) == (401, (401, None))
    outside.call("PATCH", f"{POOLS}/outside?updateMask=disabled", {"disabled": False})
    assert (show(), outside.pull(token)) == (200, (200, outside.digest))


def test_check_55_a_token_from_a_url_acts_as_a_service_account(outside: Any) -> None:
    audience = outside.make_github()
    account = outside.make_account("puller", "roles/storage.objectViewer")
    member = f"principal://iam.googleapis.com/{outside.pool}/subject/repo:octo-org/app:ref:refs/heads/main"
    source = {
        "url": f"{outside.emulator.url}/_emulator/issuer/tokens?{outside.format_query(audience)}",
        "format": {"type": "json", "subject_token_field_name": "token"},
    }
    document = outside.describe(audience, source, account)
    with pytest.raises(exceptions.RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        outside.sign_in(document)

    outside.let_act(member, account, "roles/iam.workloadIdentityUser")

    assert outside.pull(outside.sign_in(document).token) == (200, outside.digest)


def test_credentials_of_aws_open_the_registry(outside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = outside.make_provider("amazon", aws={"accountId": "123456789012"})
    role = IDENTITY.rpartition("/")[0]
    outside.grant("roles/storage.objectViewer", "principalSet", f"attribute.aws_role/{role}")
    key = {"access_key_id": "ASIAEXAMPLE", "secret_access_key": "secret", "session_token": "session"}
    outside.call("POST", "/_emulator/issuer/awsKeys", {**key, "arn": IDENTITY, "user_id": "AROA:i-0123"})
    for name, value in {**key, "region": "us-east-2"}.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    verification = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    document = outside.describe(
        audience, {"environment_id": "aws1", "regional_cred_verification_url": verification}
    )
    document["subject_token_type"] = "urn:ietf:params:aws:token-type:aws4_request"

    assert outside.pull(outside.sign_in(document).token) == (200, outside.digest)


def test_an_impersonated_account_is_reached_through_delegates(outside: Any) -> None:
    key = json.loads(outside.emulator.key(None, account="builder").read_text())
    builder = f"serviceAccount:{key['client_email']}"
    middle = outside.make_account("middle", "roles/browser")
    account = outside.make_account("puller", "roles/storage.objectViewer")
    document = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/"
        f"serviceAccounts/{account}:generateAccessToken",
        "delegates": [f"projects/-/serviceAccounts/{middle}"],
        "source_credentials": key,
    }
    outside.let_act(builder, middle, "roles/iam.serviceAccountTokenCreator")
    with pytest.raises(exceptions.RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        outside.sign_in(document)

    outside.let_act(f"serviceAccount:{middle}", account, "roles/iam.serviceAccountTokenCreator")

    assert outside.pull(outside.sign_in(document).token) == (200, outside.digest)


def test_bytes_are_signed_for_who_may_act_as_the_account(outside: Any) -> None:
    key = outside.emulator.key(None, account="builder")
    account = outside.make_account("signer", "roles/browser")
    caller = service_account.Credentials.from_service_account_file(str(key), scopes=[PLATFORM])
    member = f"serviceAccount:{caller.service_account_email}"
    outside.let_act(member, account, "roles/iam.serviceAccountTokenCreator")

    signature = iam.Signer(Request(outside.session), caller, account).sign(b"bytes")

    certificates = outside.call("GET", f"/service_accounts/v1/metadata/x509/{account}")
    assert crypt.verify_signature(b"bytes", signature, list(certificates.values()))


@pytest.mark.parametrize("always", [True, False])
def test_a_self_signed_jwt_is_an_access_token(outside: Any, always: bool) -> None:
    key = outside.emulator.key("roles/storage.objectViewer", account="puller")
    credentials = service_account.Credentials.from_service_account_file(str(key), always_use_jwt_access=True)
    audience = "https://storage.googleapis.com/"
    if always:
        credentials = credentials.with_scopes([PLATFORM])
    before = len(outside.emulator.journal())

    credentials._create_self_signed_jwt(None if always else audience)
    credentials.refresh(Request(outside.session))

    assert [entry["path"] for entry in outside.emulator.journal()[before:-1]] == []
    if always:
        assert outside.pull(credentials.token) == (200, outside.digest)
    else:
        headers = {"Authorization": f"Bearer {credentials.token}"}
        path = "/storage/v1/b/artifacts.my-project.appspot.com/o?maxResults=1"
        answer = outside.session.get(f"{outside.emulator.url}{path}", headers=headers, timeout=30)
        assert answer.status_code == 200


def test_a_pods_token_is_exchanged_by_the_kubelets_plugin(outside: Any, tmp_path: Path) -> None:
    issuer = f"{outside.emulator.url}/_emulator/issuer"
    audience = outside.make_provider(
        "cluster",
        oidc={"issuerUri": issuer, "allowedAudiences": ["registry"]},
        attributeMapping={"google.subject": "assertion.sub"},
    )
    outside.grant("roles/storage.objectViewer", "principal", "subject/system:serviceaccount:build:pusher")
    claims = {"kubernetes.io": {"namespace": "build", "serviceaccount": {"name": "pusher"}}}
    asked = {"subject": "system:serviceaccount:build:pusher", "audience": ["registry"], "claims": claims}
    pod = outside.call("POST", "/_emulator/issuer/tokens", asked)["token"]
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"Registries": {outside.emulator.registry: {}}}))
    question = {
        "kind": "CredentialProviderRequest",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "image": f"{outside.emulator.registry}/{IMAGE}",
        "serviceAccountToken": pod,
    }
    environ = {
        "HOME": str(tmp_path),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(config),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": f"{outside.emulator.url}/",
    }
    program = Path(sysconfig.get_path("scripts"), "gcr-credential-provider")

    for _ in range(2):
        done = subprocess.run(
            [program, f"--sts-audience={audience}"],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            env=environ,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        auth = json.loads(done.stdout)["auth"][outside.emulator.registry]
        assert outside.pull(auth["password"]) == (200, outside.digest)
