"""Each failure that the helper knows has a name and a command; and a new one has `status`."""

import re

import pytest

from docker_credential_gcr.helper import remedies
from docker_credential_gcr.helper.remedies import Case

GOOGLE = Case("gcr.io", "my-project/app", "ci@my-project.iam.gserviceaccount.com", "/keys/k.json")
NEW_KEY = (
    "gcloud iam service-accounts keys create /keys/k.json --iam-account=ci@my-project.iam.gserviceaccount.com"
)
SOURCE = "docker-credential-gcr config --registry gcr.io --token-source file:KEY.json"
DEFAULT = "docker-credential-gcr config --registry gcr.io --token-source store,env"
MORE_TIME = "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60"
CLOCK = "sudo timedatectl set-ntp true"
LOGIN = "docker-credential-gcr login"
HEAD = "no access token for gcr.io: "

# What the helper says, one for each row of the table in its order; and what to do.
TEXTS = [
    ("file: h answered 400: invalid_grant: Invalid JWT: … in a reasonable timeframe.", "clock", CLOCK),
    ("gcloud: gcloud answered an expired access token", "clock", CLOCK),
    ("store: h answered 400: invalid_grant: invalid_rapt", "login ended", LOGIN),
    ("store: the login in 'p' has expired and holds no refresh token", "login ended", LOGIN),
    ("store: h answered 400: invalid_grant: Bad Request", "login ended", LOGIN),
    ("env: h answered 400: invalid_grant: Invalid JWT Signature.", "key refused", NEW_KEY),
    (
        "env: GOOGLE_APPLICATION_CREDENTIALS: cannot read key file 'p': No such file or directory",
        "variable",
        "unset GOOGLE_APPLICATION_CREDENTIALS",
    ),
    (
        "metadata: GCE_METADATA_HOST holds text of the form NAME:PASSWORD@HOST, not a host",
        "variable",
        "unset GCE_METADATA_HOST",
    ),
    (
        "env: CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: cannot read key file 'p': No such file or directory",
        "variable",
        "unset CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    ),
    (
        "file: cannot read key file '/a key.json': Permission denied",
        "key file",
        "sudo chown \"$(id -un)\" '/a key.json'",
    ),
    ("file: cannot read key file '/k': No such file or directory", "key file", SOURCE),
    ("file: key file 'k' is Google's: no token of it goes to localhost:5000", "key of another world", SOURCE),
    (
        "file: key file 'k': token endpoint http://sts.example:80 is not encrypted",
        "token endpoint",
        "export DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS=sts.example:80",
    ),
    ("file: key file 'k' is not JSON: line 1", "key file", NEW_KEY),
    ("store: '/s.json' is malformed: x", "store", "mv /s.json /s.json.broken"),
    ("gcloud: gcloud is not on PATH", "gcloud missing", DEFAULT),
    ("gcloud: gcloud is not logged in", "gcloud login", "gcloud auth login"),
    ("gcloud: gcloud did not answer in time", "gcloud", MORE_TIME),
    ("gcloud: gcloud failed: crashed", "gcloud", "gcloud auth login"),
    ("token-file: token file '/t' is empty", "token file", SOURCE),
    (
        "env: h answered 403: PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied",
        "impersonation",
        "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
        "--role=roles/iam.serviceAccountTokenCreator",
    ),
    ("metadata: the machine has no service account", "metadata server", DEFAULT),
    ("login: the keyring is locked", "keyring", "export DOCKER_CREDENTIAL_GCR_KEYRING=file"),
    (
        "file: cannot reach localhost:5000: Connection refused",
        "token endpoint",
        "gcr-emulator serve --port 5000",
    ),
    ("file: cannot reach oauth2.googleapis.com: Network is unreachable", "token endpoint", None),
    ("file: localhost:5000 did not answer in time", "token endpoint", MORE_TIME),
]


@pytest.mark.parametrize(("text", "name", "command"), TEXTS)
def test_a_failure_has_a_name_and_a_command(text: str, name: str, command: str | None) -> None:
    assert remedies.find_command(HEAD + text, GOOGLE) == (name, command)


def test_every_row_of_the_table_is_met() -> None:
    met = [
        next(pattern for pattern, _, _ in remedies.REMEDIES if re.search(pattern, HEAD + text))
        for text, _, _ in TEXTS
    ]

    assert met == [pattern for pattern, _, _ in remedies.REMEDIES]


def test_d10_what_is_not_known_has_no_command() -> None:
    assert remedies.find_command("something new", GOOGLE) == ("credential", None)


LOOPBACK = Case("localhost:5000", "p/app", "ci@p.iam.gserviceaccount.com", "/keys/k.json")
REFUSED = {
    "d10-this emulator": (LOOPBACK, "localhost:5000", "gcr-emulator serve --port 5000"),
    "d10-an emulator that was at another port": (
        LOOPBACK,
        "localhost:4999",
        "gcr-emulator key create --server http://localhost:5000 --project p --account ci "
        "--output /keys/k.json --force",
    ),
    "d10-not on this machine": (GOOGLE, "oauth2.googleapis.com", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_endpoint_that_refuses_is_started_where_it_is_on_this_machine(name: str) -> None:
    case, host, command = REFUSED[name]

    found = remedies.find_command(f"file: cannot reach {host}: Connection refused", case)

    assert found == ("token endpoint", command)


SITES = {
    "d10-an emulator's path of Container Registry": (
        Case("localhost:5000", "gcr.io/p/app"), ("gcr.io", "p/app", "p", False)),
    "d10-an emulator's path of Artifact Registry": (
        Case("localhost:5000", "us-docker.pkg.dev/p/r/app"), ("us-docker.pkg.dev", "p/r/app", "p", True)),
    "d10-an emulator's own": (Case("localhost:5000", "p/app"), ("localhost:5000", "p/app", "p", False)),
    "d10-Google's": (Case("us-docker.pkg.dev", "d.example/p/r/app"),
                     ("us-docker.pkg.dev", "d.example/p/r/app", "d.example:p", True)),
}  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_the_registry_and_the_project_of_an_image(name: str) -> None:
    case, expected = SITES[name]

    assert (case.site, case.path, case.project, case.is_artifact_registry) == expected


CREATIONS = {
    "d08-Google's": (
        Case("us-docker.pkg.dev", "p/r/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us --project=p",
    ),
    "d08-an image in a folder": (
        Case("us-docker.pkg.dev", "d.ex/p/r/team/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us --project=d.ex:p",
    ),
    "d08-a regional endpoint": (
        Case("docker.us-east1.rep.pkg.dev", "p/r/app"),
        "gcloud artifacts repositories create r --repository-format=docker --location=us-east1 --project=p",
    ),
    "d08-in gcr-emulator run": (
        Case("us-docker.pkg.dev", "p/r/app", server="https://localhost"),
        "gcr-emulator repository create r --location us --project p --server https://localhost",
    ),
    "d08-an emulator's": (
        Case("localhost:5000", "us-docker.pkg.dev/p/r/app"),
        "gcr-emulator repository create r --location us --project p --server http://localhost:5000",
    ),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_a_repository_is_created_where_the_image_names_it(name: str) -> None:
    case, command = CREATIONS[name]

    assert remedies.make_repository(case) == command


GRANTS = [
    (GOOGLE, "pull", "gcloud projects add-iam-policy-binding my-project "
     "--member=serviceAccount:ci@my-project.iam.gserviceaccount.com --role=roles/storage.objectViewer"),
    (Case("us-docker.pkg.dev", "p/r/i", "me@x.example"), "push",
     "gcloud projects add-iam-policy-binding p --member=user:me@x.example "
     "--role=roles/artifactregistry.writer"),
    (Case("eu.gcr.io", "example.com/p/i"), "push", "gcloud projects add-iam-policy-binding example.com:p "
     "--member=serviceAccount:ACCOUNT --role=roles/storage.admin"),
    (Case("localhost:5000", "p/i", "ci@p.iam.gserviceaccount.com"), "pull",
     "gcr-emulator iam grant --server http://localhost:5000 --project p "
     "--member serviceAccount:ci@p.iam.gserviceaccount.com --role roles/storage.objectViewer"),
    (Case("gcr.io", "p/i", "ci@p.iam.gserviceaccount.com", server="https://localhost"), "push",
     "gcr-emulator iam grant --server https://localhost --project p "
     "--member serviceAccount:ci@p.iam.gserviceaccount.com --role roles/storage.admin"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "action", "command"), GRANTS)
def test_a_right_is_granted_in_the_project_of_the_image(case: Case, action: str, command: str) -> None:
    assert remedies.make_grant(case, action) == command


def test_a_key_that_was_handed_over_is_replaced_where_it_is_kept() -> None:
    kept = Case("localhost:5000", None, "ci@p.iam.gserviceaccount.com")

    assert remedies.find_command("login: h answered 400: invalid_grant: gone", kept) == (
        "key refused",
        "gcr-emulator key create --server http://localhost:5000 --project p --account ci "
        "--output KEY.json --force && "
        "docker-credential-gcr login --key-file KEY.json --registries localhost:5000",
    )
