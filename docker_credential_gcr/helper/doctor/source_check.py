"""Checks of token sources without a network: will a source give a token for a registry?"""

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
    from docker_credential_gcr.helper.tokens import TokenRequest, TokenSource

PASSED = 0.0  # a deadline: the source reads a file, and waits for nothing


def holds_credential(source: "TokenSource", request: "TokenRequest") -> bool:
    """Returns whether a file holds the credential for a token; False where only a request can tell.

    Raises TokenError where the source cannot give a token for the registry. The module behind a source is
    loaded only where it is used: impersonation costs 9 ms, gcloud 2 ms.
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
        source.fetch(request, PASSED)
    elif isinstance(source, Gcloud):
        source.prepare(request)
        return False
    elif isinstance(source, Metadata):
        source.check_use(request)
        return False
    return True
