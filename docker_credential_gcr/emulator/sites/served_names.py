"""Served names: Google's hosts that the emulator serves, for hosts files and its certificates."""

from collections.abc import Iterable, Mapping

from docker_credential_gcr.locations import REGIONS

from .hosts import GOOGLE_APIS, METADATA_HOST, PUBLIC_REGISTRIES, REGISTRIES

# The domains that clients may resolve to the emulator: the certificate authority permits no others.
CERTIFIED_DOMAINS = (
    "gcr.io",
    "pkg.dev",
    "googleapis.com",
    "accounts.google.com",
    "console.cloud.google.com",
    METADATA_HOST,
    "localhost",
)

# Other hosts, whose service is found by path.
_OTHER_HOSTS = (METADATA_HOST, "console.cloud.google.com")


def list_served_names(locations: Iterable[str]) -> list[str]:
    """Returns Google's hosts that the emulator serves; of Artifact Registry those in the locations."""
    artifact = [f"{location}-docker.pkg.dev" for location in locations]
    regional = [f"docker.{location}.rep.pkg.dev" for location in locations if location in REGIONS]
    others = sorted({*GOOGLE_APIS, *_OTHER_HOSTS})
    return list(dict.fromkeys([*REGISTRIES, *sorted(PUBLIC_REGISTRIES), *artifact, *regional, *others]))


def format_hosts(addresses: Mapping[str, str]) -> str:
    """Returns the text of a hosts file: a line with address and name for each name. hosts(5)"""
    return "".join(f"{address} {name}\n" for name, address in addresses.items())


def list_certified_names() -> list[str]:
    """Returns the names in the server's certificate, as clients match them.

    A wildcard is one whole label, and clients refuse it before the last label: LOCATION-docker.pkg.dev
    matches *.pkg.dev, and *.localhost matches nothing. https://www.rfc-editor.org/rfc/rfc9525#section-6.3
    """
    domains = [name for name in CERTIFIED_DOMAINS if name != "localhost"]
    wildcards = [f"*.{domain}" for domain in ("gcr.io", "pkg.dev", "googleapis.com")]
    regional = [f"docker.{region}.rep.pkg.dev" for region in REGIONS]
    names = [*domains, *wildcards, *regional]
    return ["localhost", *names, *(f"{name}.localhost" for name in names)]
