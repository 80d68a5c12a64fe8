"""The real gcloud creates a pool, signs in with another issuer's token, and acts as a service account."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from clients.command import Client

from docker_credential_gcr.pytest_plugin import GcrEmulator

pytestmark = pytest.mark.in_turn

Gcloud = Callable[..., str]
ISSUER = "https://issuer.example"
WHERE = ("--location=global", "--workload-identity-pool=outside")


@pytest.fixture
def gcloud(gcloud: Client) -> Gcloud:
    """Runs gcloud as the user who signed in, or with `token`; returns its output."""

    def run(*arguments: str, token: Path | None = None) -> str:
        own = {} if token is None else {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token)}
        return gcloud.succeed(*arguments, CLOUDSDK_AUTH_DISABLE_CREDENTIALS="false", **own).strip()

    return run


def make_token(gcr_emulator: GcrEmulator, path: Path) -> Path:
    """Writes the access token of an owner to a file."""
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    key = gcr_emulator.key("roles/owner", account="owner")
    credentials = Credentials.from_service_account_file(str(key), scopes=scopes)
    credentials.refresh(Request())
    path.write_text(credentials.token)
    return path


def test_gcloud_makes_a_pool_and_signs_in_through_it(
    gcr_emulator: GcrEmulator, gcloud: Gcloud, tmp_path: Path
) -> None:
    owner = make_token(gcr_emulator, tmp_path / "owner")
    pools = ("iam", "workload-identity-pools")
    gcloud(*pools, "create", "outside", WHERE[0], token=owner)
    mapping = "--attribute-mapping=google.subject=assertion.sub"
    provider = (f"--issuer-uri={ISSUER}", "--allowed-audiences=here", mapping)
    gcloud(*pools, "providers", "create-oidc", "issuer", *WHERE, *provider, token=owner)
    shown = json.loads(gcloud(*pools, "describe", "outside", WHERE[0], "--format=json", token=owner))
    pool = shown["name"]
    member = f"principal://iam.googleapis.com/{pool}/subject/ada"
    gcr_emulator.grant("roles/browser", member)
    subject, configuration = tmp_path / "subject", tmp_path / "configuration.json"
    source = (f"--credential-source-file={subject}", f"--output-file={configuration}")
    gcloud(*pools, "create-cred-config", f"{pool}/providers/issuer", *source)

    query = urlencode({"subject": "ada", "audience": "here", "claims": json.dumps({"iss": ISSUER})})
    minted = requests.get(f"{gcr_emulator.url}/_emulator/issuer/tokens?{query}", timeout=30).json()
    subject.write_text(f"{minted['token']}\n")
    # gcloud writes Google's endpoints: it has no setting for them.
    text = configuration.read_text().replace("https://sts.googleapis.com", gcr_emulator.url)
    configuration.write_text(text)
    gcloud("auth", "login", f"--cred-file={configuration}")

    assert gcloud("config", "get-value", "account") == member
    assert gcloud("projects", "describe", "my-project", "--format=value(projectId)") == "my-project"


def test_gcloud_signs_and_gets_tokens_as_another_account(
    gcr_emulator: GcrEmulator, gcloud: Gcloud, tmp_path: Path
) -> None:
    owner = make_token(gcr_emulator, tmp_path / "owner")
    gcloud("iam", "service-accounts", "create", "puller", token=owner)
    account = "puller@my-project.iam.gserviceaccount.com"
    caller = "owner@my-project.iam.gserviceaccount.com"
    binding = (f"--member=serviceAccount:{caller}", "--role=roles/iam.serviceAccountTokenCreator")
    gcloud("iam", "service-accounts", "add-iam-policy-binding", account, *binding, token=owner)
    (tmp_path / "claims.json").write_text('{"sub": "ada"}')

    names = (str(tmp_path / "claims.json"), str(tmp_path / "signed.jwt"))
    gcloud("iam", "service-accounts", "sign-jwt", *names, f"--iam-account={account}", token=owner)
    token = gcloud("auth", "print-access-token", f"--impersonate-service-account={account}", token=owner)

    assert (tmp_path / "signed.jwt").read_text().count(".") == 2
    assert token.startswith("ya29.")
