"""Hosts of all Google registries, by name; `registries` only matches a host against patterns."""

from docker_credential_gcr.helper.registries import DEFAULT_HOSTS
from docker_credential_gcr.locations import MULTI_REGIONS, REGIONS

LOCATIONS = sorted(MULTI_REGIONS + REGIONS)
# Locations without a regional endpoint (rep.pkg.dev): the multi-regions, and the newest regions.
WITHOUT_ENDPOINT = {*MULTI_REGIONS, "asia-southeast3", "europe-north2", "northamerica-south1"}
MORE_OF_CONTAINER_REGISTRY = """
    staging-k8s.gcr.io l.gcr.io launcher.gcr.io us-mirror.gcr.io eu-mirror.gcr.io asia-mirror.gcr.io
    mirror.gcr.io k8s.gcr.io
""".split()  # noqa: SIM905

ARTIFACT_REGISTRY = (
    *(f"{location}-docker.pkg.dev" for location in LOCATIONS),
    *(f"docker.{location}.rep.pkg.dev" for location in LOCATIONS if location not in WITHOUT_ENDPOINT),
)
WITH_ARTIFACT_REGISTRY = tuple(dict.fromkeys((*DEFAULT_HOSTS, *ARTIFACT_REGISTRY)))
ALL = tuple(dict.fromkeys((*DEFAULT_HOSTS, *MORE_OF_CONTAINER_REGISTRY, *ARTIFACT_REGISTRY)))
