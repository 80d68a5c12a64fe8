"""User of the helper with each kind of token source, and a token server whose tokens name the credential."""

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from support.servers.loopback import LoopbackHandler, LoopbackServer

from docker_credential_gcr.helper import paths, protocol

GOOGLES, EMULATORS, PRIVATE = "gcr.io", "localhost:5000", "registry.example"


class Purchases(LoopbackServer):
    """Server for any token endpoint, also as a proxy; its access tokens contain the credential."""

    def __init__(self) -> None:
        super().__init__(Seller)
        self.count = 0
        self.before_answer: Callable[[], object] = lambda: None


class Seller(LoopbackHandler):
    server: Purchases

    def do_GET(self) -> None:
        text = self.read_body().decode()
        form = {name: values[0] for name, values in parse_qs(text).items()}
        said = [self.path, self.headers["Authorization"], form or text]
        if assertion := form.get("assertion"):
            claims = read_claims(assertion)
            said = [self.path, claims["iss"], claims["scope"]]
        self.server.count += 1
        self.server.before_answer()
        token = "ya29." + quote(json.dumps(said), safe="")
        content = {
            "access_token": token,
            "expires_in": 3600,
            "token_type": "Bearer",
            "issued_token_type": "x",
        }
        content |= {"accessToken": token, "expireTime": "2999-01-01T00:00:00Z"}
        self.end(200, json.dumps(content).encode(), Metadata_Flavor="Google")

    do_POST = do_GET


def read_claims(token: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return payload


class User:
    """User with a home; a test sets each variable and file. The helper runs in this process."""

    def __init__(self, folder: Path, seller: Purchases, private_key: str, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.seller, self.private_key, self.patch = folder, seller, private_key, patch
        self.gcloud = folder / "home/.config/gcloud"
        self.gcloud.mkdir(parents=True)
        self.host = EMULATORS
        self.content: dict[str, Any] = {"TokenSources": ["env"], "Registries": {EMULATORS: {}, PRIVATE: {}}}
        self.environ = {
            "HOME": str(folder / "home"),
            "PATH": f"{folder}/bin:{os.defpath}",
            "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(folder / "cache"),
            "DOCKER_CREDENTIAL_GCR_TIMEOUT": "30",
            "CLOUDSDK_AUTH_TOKEN_HOST": f"{seller.url}/token",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": f"{seller.url}/iam/",
            "NO_GCE_CHECK": "true",
        }
        patch.chdir(folder)

    def make_key(self, email: str = "ca@p.iam", **fields: str) -> dict[str, object]:
        key: dict[str, object] = {"type": "service_account", "client_email": email, "private_key_id": "1"}
        return key | {"private_key": self.private_key, "token_uri": f"{self.seller.url}/token"} | fields

    def write(self, path: Path, content: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(0o700 if path.parent.name == "bin" else 0o600)
        return path

    def get(self, **environ: str | None) -> tuple[int, str, str]:
        """Returns what docker and the user read; None removes a variable."""
        self.write(self.gcloud / "docker_credential_gcr_config.json", self.content)
        values = {name: value for name, value in (self.environ | environ).items() if value is not None}
        for name in os.environ:
            self.patch.delenv(name)
        for name, value in values.items():
            self.patch.setenv(name, value)
        streams = [io.BytesIO() for _ in range(2)]
        status = protocol.run(
            ["get"],
            stdin=io.BytesIO(self.host.encode()),
            stdout=streams[0],
            stderr=streams[1],
            environ=values,
        )
        texts = [stream.getvalue().decode() for stream in streams]
        if status == 0:
            texts[0] = json.loads(texts[0])["Secret"]
        if texts[0].startswith("eyJ"):
            texts[0] = json.dumps([read_claims(texts[0])[name] for name in ("iss", "scope")])
        return status, texts[0], texts[1]

    def get_uncached(self, **environ: str | None) -> tuple[int, str, str]:
        return self.get(**{**environ, paths.CACHE: "off"})


def use_key_file(user: User) -> list[Path]:
    path = user.write(user.folder / "key.json", user.make_key())
    user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return [path]


def use_well_known_file(user: User) -> list[Path]:
    return [user.write(user.gcloud / "application_default_credentials.json", user.make_key())]


def use_self_signed(user: User) -> list[Path]:
    user.host = GOOGLES
    user.environ["DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT"] = "on"
    path = user.write(
        user.folder / "key.json", user.make_key(token_uri="https://oauth2.googleapis.com/token")
    )
    user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return [path]


def use_key_without_tls(user: User) -> list[Path]:
    user.host = PRIVATE
    user.environ |= {
        "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS": "sts.example",
        "HTTP_PROXY": user.seller.url,
    }
    path = user.write(user.folder / "key.json", user.make_key(token_uri="http://sts.example/token"))
    user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return [path]


def use_login(user: User) -> list[Path]:
    user.content["TokenSources"] = ["store"]
    return [user.write(user.gcloud / "docker_credentials.json", {"gcrCreds": {"refresh_token": "1//a"}})]


def use_kept_key(user: User) -> list[Path]:
    use_key_file(user)
    user.environ["DOCKER_CREDENTIAL_GCR_KEYRING"] = "file"
    login = {"Username": "_json_key", "Stamp": "a", "Secret": json.dumps(user.make_key("kept@p.iam"))}
    logins = {"version": 1, "logins": {EMULATORS: login}}
    user.write(user.gcloud / "docker_credential_gcr_logins.json", logins)
    return []  # each login has its own stamp


# gcloud's token depends on the configuration that gcloud reads, and on its variables and arguments.
GCLOUD = """#!/bin/sh
cd "${CLOUDSDK_CONFIG:-$HOME/.config/gcloud}" || exit 1
name=$(cat active_config)
name=${CLOUDSDK_ACTIVE_CONFIG_NAME:-$name}
for word; do case $word in --configuration=*) name=${word#*=};; esac; done
seen=$({ env | grep ^CLOUDSDK_A; cat "configurations/config_$name"; } | cksum | tr -d ' ')
echo '{"credential": {"access_token": "ya29.'$seen'", "token_expiry": "2999-01-01T00:00:00Z"}}'
"""


def use_gcloud(user: User) -> list[Path]:
    user.content["TokenSources"] = ["gcloud"]
    user.write(user.folder / "bin/gcloud", GCLOUD)
    for name in "ab":
        user.write(user.gcloud / f"configurations/config_{name}", f"[core]\naccount = {name}a@x.example\n")
    active = user.write(user.gcloud / "active_config", "a")
    return [user.gcloud / "configurations/config_a", active]


def use_metadata(user: User) -> list[Path]:
    user.environ["GCE_METADATA_HOST"] = user.seller.url.removeprefix("http://")
    user.content["TokenSources"] = ["metadata"]
    return []


def use_impersonation(user: User) -> list[Path]:
    user.content["TokenSources"] = [f"token-file:{user.folder}/token"]
    user.content["Registries"][EMULATORS] = {"Impersonate": "robot@p.iam"}
    return [user.write(user.folder / "token", "ya29.base-a")]


def use_federation(user: User) -> list[Path]:
    user.write(user.folder / "subject", "eyJ.subject")
    document = make_federation(user, {"file": "subject"})
    path = user.write(user.folder / "a.json", document)
    user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return [path]


def use_executable(user: User) -> list[Path]:
    answer = {"version": 1, "success": True, "id_token": "eyJ.run"}
    answer["token_type"] = "urn:ietf:params:oauth:token-type:jwt"
    program = user.write(user.folder / "bin/oidc", f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    user.environ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"] = "1"
    path = user.write(
        user.folder / "a.json", make_federation(user, {"executable": {"command": str(program)}})
    )
    user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    return [path]


def make_federation(user: User, source: object) -> dict[str, object]:
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/ca",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{user.seller.url}/sts",
        "credential_source": source,
    }


# Each source of a cached token, and a function that returns the files on which the token depends.
SOURCES: dict[str, Callable[[User], list[Path]]] = {
    "a key file": use_key_file,
    "the well-known file": use_well_known_file,
    "a self-signed token": use_self_signed,
    "a key without TLS": use_key_without_tls,
    "a login": use_login,
    "a kept key": use_kept_key,
    "gcloud": use_gcloud,
    "a metadata server": use_metadata,
    "impersonation": use_impersonation,
    "federation by a file": use_federation,
    "federation by a program": use_executable,
}


def replace_alike(path: Path) -> None:
    """Writes another account into a file; only the ctime changes, as in `cp -p` of a file of equal age."""
    before = os.stat(path)
    content = path.read_text().replace("ca", "cb", 1).replace("-a", "-b", 1).replace("//a", "//b", 1)
    content = {"a": "b"}.get(content, content.replace("aa@x", "ab@x"))
    assert content != path.read_text()
    while os.stat(path).st_ctime_ns == before.st_ctime_ns:  # ctime changes once a clock tick
        path.write_text(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(path)
    assert [(s.st_ino, s.st_size, s.st_mtime_ns) for s in (before, after)] == [
        (before.st_ino, before.st_size, before.st_mtime_ns)
    ] * 2
