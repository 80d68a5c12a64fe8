"""Accounts of token sources, as far as files and variables name them: no server or program is asked."""

from typing import TYPE_CHECKING

from docker_credential_gcr.helper.google_auth import service_account
from docker_credential_gcr.helper.token_sources import key_file
from docker_credential_gcr.helper.token_sources.docker_login import DockerLogin
from docker_credential_gcr.helper.token_sources.gcloud import Gcloud
from docker_credential_gcr.helper.token_sources.impersonated import Impersonated
from docker_credential_gcr.helper.token_sources.key_file import KeyFile

if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens import TokenSource


def find_account(source: "TokenSource") -> str | None:
    """Returns the account whose tokens a source gives; None when it is not known.

    Raises TokenError for a file that gives no token.
    """
    if isinstance(source, Impersonated):
        return source.account
    if isinstance(source, KeyFile):
        return _find_in_document(source.path, key_file.load_document(source.path))
    if isinstance(source, DockerLogin) and source.login.secret is not None:
        host = source.login.server_url
        document = service_account.parse_key_login(host, source.login.username, source.login.secret)
        return _find_in_document(f"of {host}", document)
    if isinstance(source, Gcloud):
        return source.environ.get("CLOUDSDK_CORE_ACCOUNT") or source.find_property("core", "account")
    return None


def _find_in_document(path: str, document: dict[str, object]) -> str | None:
    if document.get("type") == "service_account":
        return service_account.parse_key(path, document).client_email
    url, account = document.get("service_account_impersonation_url"), document.get("account")
    if isinstance(url, str):
        account = url.rpartition("/")[2].partition(":")[0]
    return account if isinstance(account, str) and account and account.isprintable() else None
