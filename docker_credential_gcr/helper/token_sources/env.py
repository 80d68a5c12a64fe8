"""Application Default Credentials of the environment.

These are the file that a variable names, else gcloud's well-known file, else the metadata server.
"""

import os

from docker_credential_gcr.errors import KeyFileError, NoToken
from docker_credential_gcr.helper import paths

from . import key_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens import TokenSource

# The second is gcloud's variable for the same files. https://cloud.google.com/sdk/gcloud/reference/topic/configurations
VARIABLES = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE")


def find_source(environ: "Mapping[str, str]", platform: str) -> "TokenSource":
    """Returns the first source that exists. Raises NoToken without one, KeyFileError for an absent file.

    https://cloud.google.com/docs/authentication/application-default-credentials
    """
    for variable in VARIABLES:
        named = paths.find_variable(environ, variable)
        if named:
            try:
                return key_file.find_source(named)
            except KeyFileError as error:
                unset = f"unset {variable}"
                raise KeyFileError(
                    f"{variable}: {error}", hint=error.hint, check="variable", command=unset
                ) from error
    well_known = paths.find_adc_file(environ, platform)
    if well_known is not None and os.path.lexists(well_known):
        return key_file.find_source(well_known)
    from . import metadata

    try:
        return metadata.find_default(environ, platform)
    except NoToken as reason:
        raise NoToken(
            f"{VARIABLES[0]} is not set, gcloud's well-known file does not exist and {reason}"
        ) from None
