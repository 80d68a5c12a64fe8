"""The registries that Google has, for whoever wants all of them. Whose a host is, a pattern says.

https://cloud.google.com/artifact-registry/docs/repositories/repo-locations
"""

from docker_credential_gcr.helper.registries import DEFAULT_HOSTS

LOCATIONS = """
    africa-south1 asia asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1
    asia-south2 asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1
    australia-southeast2 europe europe-central2 europe-north1 europe-north2 europe-southwest1
    europe-west1 europe-west10 europe-west12 europe-west2 europe-west3 europe-west4 europe-west6
    europe-west8 europe-west9 me-central1 me-central2 me-west1 northamerica-northeast1
    northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us us-central1
    us-central2 us-east1 us-east4 us-east5 us-east7 us-south1 us-west1 us-west2 us-west3 us-west4
    us-west8
""".split()  # noqa: SIM905 - a line for each would be a page
# Without an endpoint of their own: the multi-regions, and the newest.
WITHOUT_ENDPOINT = {"asia", "asia-southeast3", "europe", "europe-north2", "northamerica-south1", "us"}
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
