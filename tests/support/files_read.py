"""Files that the helper reads, the commands that read each, and odd files and contents in their place."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "localhost:1"  # where nothing listens
GET, ERASE, LIST = ("get", HOST), ("erase", HOST), ("list", "")
STORE = ("store", '{"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}')
STATUS, STATUS_JSON, PRINT = ("status",), ("status", "--json"), ("print-token", HOST)
DOCTOR, SHOW, CLEAR = ("doctor", HOST), ("config", "--show"), ("clear",)
WRITE = ("write-auth", "--registries", HOST, "--format", "docker")
CONFIGURE, UNCONFIGURE = ("configure-docker", "--registries", "gcr.io"), ("unconfigure-docker",)
KEY = {
    "type": "service_account",
    "private_key_id": "0",
    "private_key": "x",
    "client_email": "ci@my-project.iam.gserviceaccount.com",
    "token_uri": f"http://{HOST}/token",
    "universe_domain": "googleapis.com",
    "gcr_emulator": False,
}
LOGIN = {
    "type": "authorized_user",
    "client_id": "i",
    "client_secret": "s",
    "refresh_token": "r",
    "token_uri": f"http://{HOST}/token",
}
EXTERNAL: dict[str, Any] = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": f"http://{HOST}/v1/token",
    "credential_source": {"file": "subject", "format": {"type": "json", "subject_token_field_name": "t"}},
}
EXECUTABLE = {"executable": {"command": "/bin/false", "timeout_millis": 5000, "output_file": "subject"}}
BUNDLE = {"certificate_config_location": "config.json", "trust_chain_path": "chain.pem"}
CERTIFICATE = {"certificate": {"certificate_config_location": "subject"}}
EXPIRES_AT = 4102444800


def sources(*names: str) -> dict[str, object]:
    return {"TokenSources": list(names), "Registries": {HOST: {"TokenSources": list(names)}}}


@dataclass(frozen=True)
class File:
    """A file, a valid document for it, the commands that read it, and the settings that name it."""

    path: str
    document: Any
    commands: tuple[tuple[str, ...], ...]
    settings: dict[str, object] = field(default_factory=lambda: sources("env"))
    environ: dict[str, str] = field(default_factory=dict)
    other_files: dict[str, Any] = field(default_factory=dict)
    is_passed_over: bool = False  # an unreadable file is not an error: the command continues without it
    is_quoted: bool = True  # the message has the path
    is_written: bool = False  # a FIFO or device is written without being read


GCLOUD = "home/.config/gcloud"
FILES = {
    "configuration": File(
        f"{GCLOUD}/docker_credential_gcr_config.json",
        {
            "TokenSources": ["env"],
            "MinTTL": 300,
            "Timeout": 10,
            "OnError": "fail",
            "SelfSignedJWT": False,
            "Registries": {
                HOST: {"TokenSources": ["env"], "Account": "a", "Delegates": ["d"], "Lifetime": 60}
            },
        },
        (GET, STORE, STATUS, PRINT, DOCTOR, SHOW, WRITE, CONFIGURE),
    ),
    "config.json": File(
        "home/.docker/config.json",
        {"credHelpers": {HOST: "gcr"}, "credsStore": "gcr", "auths": {HOST: {"auth": "x"}}, "x": 1},
        (LIST, STATUS, STATUS_JSON, DOCTOR, WRITE, CONFIGURE, UNCONFIGURE),
        environ={"GOOGLE_APPLICATION_CREDENTIALS": "absent"},
    ),
    "undo record": File(
        f"{GCLOUD}/docker_credential_gcr_undo.json",
        {
            "version": 2,
            "files": {
                "home/.docker/config.json": {"": None, "gcr.io": "x"},
                f"{GCLOUD}/docker_credential_gcr_config.json": {"gcr.io": [None, ["env"]]},
            },
        },
        (UNCONFIGURE,),
    ),
    "undo record of 0.1.0": File(
        f"{GCLOUD}/docker_credential_gcr_undo.json",
        {
            "files": {
                "home/.docker/config.json": {
                    "made": [["credHelpers"]],
                    "changes": [{"key": ["credHelpers", "gcr.io"], "before": "x", "after": "gcr"}],
                }
            }
        },
        (UNCONFIGURE,),
    ),
    "store": File(
        f"{GCLOUD}/docker_credentials.json",
        {
            "gcrCreds": {
                "access_token": "ya29.x",
                "refresh_token": "1//x",
                "token_expiry": "2024-05-01T12:00:00Z",
                "token_uri": f"http://{HOST}/token",
            }
        },
        (GET, STATUS, PRINT, CLEAR, ("logout",)),
        settings=sources("store"),
    ),
    "logins": File(
        f"{GCLOUD}/docker_credential_gcr_logins.json",
        {"version": 1, "logins": {HOST: {"Username": "_json_key", "Stamp": "1", "Secret": "{}"}}},
        (GET, STORE, ERASE, STATUS, PRINT, ("logout",)),
    ),
    "key file": File(
        "key.json",
        KEY,
        (
            GET,
            STATUS,
            PRINT,
            ("login", "--key-file", "key.json"),
            ("config", "--registry", HOST, "--token-source", "file:key.json"),
        ),
        settings=sources("file:key.json"),
    ),
    "variable": File("key.json", KEY, (GET, STATUS), environ={"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}),
    "well-known file": File(f"{GCLOUD}/application_default_credentials.json", KEY | {"account": "a"}, (GET,)),
    "login": File(
        "key.json",
        LOGIN,
        (GET, STATUS_JSON),
        settings=sources("file:key.json"),
    ),
    "external account": File(
        "key.json",
        EXTERNAL,
        (GET, STATUS),
        settings=sources("file:key.json"),
        other_files={"subject": {"t": "subject-token"}},
    ),
    "subject token": File(
        "subject",
        {"t": "subject-token"},
        (GET,),
        settings=sources("file:key.json"),
        other_files={"key.json": EXTERNAL},
        is_quoted=False,
    ),
    "output file": File(
        "subject",
        {
            "version": 1,
            "success": True,
            "token_type": "urn:ietf:params:oauth:token-type:jwt",
            "id_token": "x",
            "expiration_time": EXPIRES_AT,
        },
        (GET,),
        settings=sources("file:key.json"),
        other_files={"key.json": EXTERNAL | {"credential_source": EXECUTABLE}},
        environ={"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"},
        is_quoted=False,
    ),
    "certificate": File(
        "subject",
        {"cert_configs": {"workload": {"cert_path": "c", "key_path": "k"}}},
        (GET,),
        settings=sources("file:key.json"),
        is_quoted=False,
        other_files={"key.json": EXTERNAL | {"credential_source": CERTIFICATE}},
    ),
    **{
        name: File(
            name,
            "x",
            (GET,),
            settings=sources("file:key.json"),
            is_quoted=False,
            other_files={
                "config.json": {
                    "cert_configs": {"workload": {"cert_path": "cert.pem", "key_path": "key.pem"}}
                },
                "key.json": EXTERNAL | {"credential_source": {"certificate": BUNDLE}},
                **{other: "x" for other in ("cert.pem", "key.pem", "chain.pem") if other != name},
            },
        )
        for name in ("cert.pem", "key.pem", "chain.pem")
    },
    "token file": File(
        "token",
        "ya29.x",
        (GET, STATUS, PRINT, ("config", "--registry", HOST, "--token-source", "token-file:token")),
        settings=sources("token-file:token"),
    ),
    "authority": File(
        "ca.pem",
        "x",
        (GET,),
        settings=sources("file:key.json"),
        other_files={"key.json": LOGIN | {"token_uri": f"https://{HOST}/token"}},  # plain http needs no file
        environ={"DOCKER_CREDENTIAL_GCR_CA_FILE": "ca.pem"},
    ),
    "gcloud's configuration": File(
        f"{GCLOUD}/configurations/config_default",
        "[core]",
        (STATUS,),
        settings=sources("gcloud"),
        is_passed_over=True,
    ),
    "gcloud's active configuration": File(
        f"{GCLOUD}/active_config", "default", (STATUS,), settings=sources("gcloud"), is_passed_over=True
    ),
    "output": File(
        "auth.json",
        {"auths": {HOST: {"auth": "x"}}},
        ((*WRITE, "--output", "auth.json"),),
        settings=sources("token-file:good"),
        other_files={"good": "ya29.x"},
        is_written=True,
    ),
}
CASES = [(name, command) for name, file in FILES.items() for command in file.commands]


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_sparse(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, 300 * 1024 * 1024)


def as_loop(path: Path) -> None:
    path.symlink_to(path.name)


NOT_A_FILE = "not a regular file"
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "FIFO": (as_fifo, NOT_A_FILE),
    "directory": (Path.mkdir, "Is a directory"),
    "device": (as_device, NOT_A_FILE),
    "300 MB": (as_sparse, "larger than "),
    "loop": (as_loop, "Too many levels of symbolic links"),
}
CONTENTS = {
    "empty": b"",
    "blank": b" \n",
    "NUL": b"\0" * 100,
    "not UTF-8": b"\xff\xfe{",
    "lone surrogate": b'{"\\ud800": "\\udfff"}',
    "5,000 digits": b'{"type": ' + b"9" * 5000 + b"}",
    "100,000 deep": b'{"a":' * 100_000,
    "a list": b"[[]]",
    "a text": b'"x"',
    "null": b"null",
}
# Values in the place of each member of a valid document.
VALUES = [
    '"\\ud800"',
    '"\\u0000\\u001b[2J"',
    "9" * 5000,
    "1e400",
    "1",
    "true",
    "[]",
    '[["x"]]',
    '{"x": []}',
    '""',
]
