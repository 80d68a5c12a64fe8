"""Application Default Credentials: the file that the environment names, else gcloud's well-known one."""

import os

from docker_credential_gcr.errors import KeyFileError, NoToken
from docker_credential_gcr.helper import paths
from docker_credential_gcr.helper.token_sources import key_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


def find_source(environ: "Mapping[str, str]", platform: str) -> key_file.KeyFile:
    """The key file. Raises NoToken without one, KeyFileError when the variable names none.

    https://cloud.google.com/docs/authentication/application-default-credentials
    """
    named = environ.get(VARIABLE)
    if named:
        try:
            return key_file.find_source(named)
        except KeyFileError as error:
            raise KeyFileError(f"{VARIABLE}: {error}", hint=error.hint) from error
    well_known = paths.find_adc_file(environ, platform)
    if well_known is None or not os.path.lexists(well_known):
        raise NoToken(f"{VARIABLE} is not set and gcloud's well-known file does not exist")
    return key_file.find_source(well_known)
