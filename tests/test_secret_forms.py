"""Forms of secrets: texts that a message may repeat, and those that it describes, in both products."""

import pytest
from support.secret_values import KEY, PEM, SECRETS

from docker_credential_gcr.errors import find_secret_form, quote

DESCRIBED = {
    KEY: "JSON",
    KEY.replace(": ", ":").replace(", ", ",\n"): "JSON",
    f"file:{KEY}": "JSON",
    '{"type": "service_account"': "JSON",
    PEM: "a PEM key",
    PEM.replace("\n", "\\n"): "a PEM key",
    SECRETS["a key in base64"]: "base64",
    "\n".join(SECRETS["a key in base64"][start : start + 76] for start in range(0, 1600, 76)): "base64",
    f"file:{SECRETS['a key in base64']}": "base64",
    PEM.split("\n")[1]: "base64",
    "https://user:password@host/": "a URL with a password",
    "https://user:pass/word@host/": "a URL with a password",
    "https://token@host/repository": "a URL with a password",
    "gcr.io,https://user:password@host": "a URL with a password",
    "https://host/path?token=abc": "a URL with a query",
    "user:password@host": "text of the form NAME:PASSWORD@HOST",
    "user:password@host:5000": "text of the form NAME:PASSWORD@HOST",
    "ya29.a0AfB_byDxQ7": "a token",
    "1//0gabcdefghijkl": "a token",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln": "a token",
    "ghp_0123456789abcdef": "a token",
    "file:ya29.a0AfB_byDxQ7": "a token",
    "eu.gcr.io=ya29.a0AfB_byDxQ7": "a token",
    "Bearer abc": "a token",
    "basic dTpw": "a token",
    "xK3v_Qm9-Zt7Lw2RbY8cNf5JhUe1Gs4PdAo6TiXq0Bz": "a token",  # the emulator's operator token has this form
    "three\nshort\nlines": "text of 3 lines",
    "\x1b[31mred": "text with control characters",
    "x" * 256: "text of 256 characters",
    "/".join(["directory"] * 1000): "text of 9,999 characters",
}
REPEATED = (
    "",
    "/home/me/kye.json",
    "key.json\n",
    "../keys/{{name}}.json",
    "caf\u00e9/caf\udce9.json",
    "C:\\Users\\me@work\\key.json",
    "/private/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/test_A_Long_Name_0/home/cache",
    "/Users/JohnSmith/Documents/Projects2024/MyInfrastructure/ServiceAccounts/Production2Key",
    "/Users/John/Work/Api/Keys/Dev1/Prod/Team/Key",
    "/nix/store/0c8kh5yaq3mlcq1x6dgs7vdm9h2w4ppk-docker-credential-gcr-0.1.0/bin",
    "file:keys/me@work.json",
    "token-file:me@work",
    "store, env, gcloud:work, file:/home/me@work/key.json",
    "gcr.io",
    "[::1]:5000",
    "http://localhost:5000",
    "localhost:5000/my-project/app@sha256:" + "0a" * 32,
    "https://localhost:5000/my-project/app:v1@sha256:" + "0a" * 32,
    "ci@my-project.iam.gserviceaccount.com",
    "projects/-/serviceAccounts/ci@my-project.iam.gserviceaccount.com",
    "https://www.googleapis.com/auth/cloud-platform,https://www.googleapis.com/auth/devstorage.read_only",
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/POOL/providers/CLUSTER",
    "identitynamespace:p.svc.id.goog:https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
    ",".join(f"europe-west{number}-docker.pkg.dev" for number in range(110)),
    "0a" * 20,
)


@pytest.mark.parametrize("value", DESCRIBED, ids=lambda value: f"A-Z01-{value[:24]!r}")
def test_z01_what_may_be_a_secret_is_described(value: str) -> None:
    assert find_secret_form(value) == find_secret_form(f"  {value}\n") == DESCRIBED[value]
    assert quote(value) == DESCRIBED[value]


@pytest.mark.parametrize("value", REPEATED, ids=lambda value: f"A-Z01-{value[:24]!r}")
def test_z01_an_ordinary_path_name_host_or_url_is_repeated(value: str) -> None:
    assert find_secret_form(value) is None
    assert quote(value) == repr(value)


def test_z01_every_secret_of_the_walks_is_in_the_table_of_forms() -> None:
    assert [name for name, secret in SECRETS.items() if find_secret_form(secret) is None] == []
