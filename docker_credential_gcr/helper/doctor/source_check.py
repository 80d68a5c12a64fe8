"""Checks without a network whether a token source will give a token for a registry."""

from typing import TYPE_CHECKING

from docker_credential_gcr.helper.google_auth import adc
from docker_credential_gcr.helper.token_sources import key_file
from docker_credential_gcr.helper.token_sources.credential_file import Login
from docker_credential_gcr.helper.token_sources.gcloud import Gcloud
from docker_credential_gcr.helper.token_sources.impersonated import Impersonated
from docker_credential_gcr.helper.token_sources.key_file import KeyFile
from docker_credential_gcr.helper.token_sources.metadata import Metadata
from docker_credential_gcr.helper.token_sources.token_file import TokenFile

if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens.request import TokenRequest, TokenSource

AT_ONCE = 0.0  # a deadline for what asks no network


def holds_credential(source: "TokenSource", request: "TokenRequest") -> bool:
    """Returns whether a file holds what buys the token; False where only asking the source can tell.

    Raises TokenError where the source is sure to give no token for the registry. The module behind a source
    is loaded where there is such a source: that of impersonation costs 9 ms, gcloud's 2.
    """
    if isinstance(source, Impersonated):
        from docker_credential_gcr.helper.google_auth import impersonation

        target = source.find_target(request)
        return holds_credential(source.base, impersonation.make_base_request(target, request))
    if isinstance(source, KeyFile):
        adc.prepare(source.path, key_file.load_document(source.path), request)
    elif isinstance(source, Login):
        source.prepare(request)
    elif isinstance(source, TokenFile):
        source.fetch(request, AT_ONCE)
    elif isinstance(source, Gcloud):
        source.prepare(request)
        return False
    elif isinstance(source, Metadata):
        source.check_use(request)
        return False
    return True
