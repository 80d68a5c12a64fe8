"""Whose tokens a source gives, as far as that can be read without asking anybody."""

from typing import TYPE_CHECKING

from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.google_auth import service_account
from docker_credential_gcr.helper.token_sources.docker_login import KeptKey
from docker_credential_gcr.helper.token_sources.gcloud import Gcloud
from docker_credential_gcr.helper.token_sources.impersonated import Impersonated
from docker_credential_gcr.helper.token_sources.key_file import KeyFile

if TYPE_CHECKING:
    from docker_credential_gcr.helper.token_sources import TokenSource


def find_account(source: "TokenSource") -> str | None:
    """The account; None when nothing at hand says it. Raises TokenError for a file that will not do."""
    if isinstance(source, Impersonated):
        return source.account
    if isinstance(source, KeyFile):
        return _find_in_document(source.path, service_account.load_document(source.path))
    if isinstance(source, KeptKey) and source.login.secret is not None:
        from docker_credential_gcr.helper import docker_login

        host = source.login.server_url
        document = docker_login.parse_key_login(host, source.login.username, source.login.secret)
        return _find_in_document(f"of {host}", document)
    if isinstance(source, Gcloud):
        return source.environ.get("CLOUDSDK_CORE_ACCOUNT") or find_property(source, "core", "account")
    return None


def _find_in_document(path: str, document: dict[str, object]) -> str | None:
    if document.get("type") == "service_account":
        return service_account.parse_key(path, document).client_email
    url, account = document.get("service_account_impersonation_url"), document.get("account")
    if isinstance(url, str):
        account = url.rpartition("/")[2].partition(":")[0]
    return account if isinstance(account, str) and account and account.isprintable() else None


def find_property(source: Gcloud, section: str, name: str) -> str | None:
    """Returns what gcloud's configuration sets. https://cloud.google.com/sdk/docs/properties"""
    return _read_property(source.properties, section, name)


def _read_property(path: str, section: str, name: str) -> str | None:
    try:
        text = paths.read_file(path)[0].decode("utf-8")
    except (OSError, ValueError):
        return None
    current = ""
    for line in map(str.strip, text.splitlines()):
        # Not configparser: its expressions are quadratic in the length of a line.
        key, _, value = line.partition("=")
        if line.startswith("["):
            current = line[1:].partition("]")[0]
        elif (current, key.strip()) == (section, name):
            return value.strip() or None
    return None
