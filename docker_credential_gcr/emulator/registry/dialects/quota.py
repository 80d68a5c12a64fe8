"""Quotas: the refusal of a client that sends too many requests, in Artifact Registry's words.

https://cloud.google.com/artifact-registry/quotas
"""

import re

from docker_credential_gcr.emulator.oci.errors import InvalidName
from docker_credential_gcr.emulator.runtime.errors import RateExceeded, TooManyRequests
from docker_credential_gcr.emulator.sites.hosts import find_site, locate_folder

_NAME = re.compile(r"/v2/(.+)/(?:blobs|blobs/uploads|manifests|referrers|tags)/[^/]*")
_MULTI_REGIONS = {"us": "US", "europe": "Europe", "asia": "Asia"}
_IN_REGION = ("Requests per project per region", "per minute per region")
_SERVICE = "artifactregistry.googleapis.com"


def describe_exceeded_rate(error: RateExceeded, host: str, path: str) -> TooManyRequests:
    """Returns the error for a request at Artifact Registry's hosts, and this error for any other one.

    The limit is the emulator's, which counts requests of an address without a look at the database: the text
    has the ID of the project, and not its number, if the path names one.
    """
    match = _NAME.fullmatch(path)
    site, consumer = find_site(host), ""
    if match is not None:
        try:
            target = locate_folder(host, match[1])
        except InvalidName:
            pass
        else:
            site, consumer = target.site, f" for consumer 'project_number:{target.project_id}'"
    if site is None or not site.has_repositories:
        return error
    metric, period = _IN_REGION
    if site.location in _MULTI_REGIONS:
        metric = f"Requests per project in the {_MULTI_REGIONS[site.location]} multi-region"
        period = "per minute"
    text = f"Quota exceeded for quota metric '{metric}' and limit '{metric} {period}' of service '{_SERVICE}'"
    return TooManyRequests(f"{text}{consumer}.", error.retry_after_s)
