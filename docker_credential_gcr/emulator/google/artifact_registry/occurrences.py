"""Occurrences of images (containeranalysis.googleapis.com): none, because the emulator scans nothing.

gcloud asks for them when it describes an image with --show-all-metadata and the like.
https://cloud.google.com/artifact-analysis/docs/reference/rest/v1/projects.occurrences/list
"""

from sqlalchemy import Connection

from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, reads
from docker_credential_gcr.emulator.google.rest.pagination import parse_page


@reads("filter", *PAGE)
def list_occurrences(connection: Connection, call: Call) -> Result:
    """Returns no occurrences; any filter is accepted."""
    parse_page(call.query)
    get_project(connection, call, "containeranalysis.occurrences.list")
    return {}
