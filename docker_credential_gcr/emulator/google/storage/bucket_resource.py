"""Bucket resource: its JSON, and checks of the fields of a request.

https://cloud.google.com/storage/docs/json_api/v1/buckets#resource-representations
"""

import base64
import re
from typing import Any

from docker_credential_gcr.emulator.database.projects.storage_buckets import StorageBucket
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.labels import parse_labels
from docker_credential_gcr.emulator.runtime.timestamps import format_instant
from docker_credential_gcr.emulator.sites.hosts import REGISTRIES, Target

# https://cloud.google.com/storage/docs/buckets#naming
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,40}", re.ASCII)
_MULTI_REGIONS = ("US", "EU", "ASIA")
_LOCKED_AFTER_S = 90 * 24 * 3600

# Setting -> its type. Stored as it was sent; it has no effect here.
_STORED: dict[str, type] = {
    "autoclass": dict,
    "billing": dict,
    "cors": list,
    "customPlacementConfig": dict,
    "defaultEventBasedHold": bool,
    "encryption": dict,
    "lifecycle": dict,
    "logging": dict,
    "retentionPolicy": dict,
    "rpo": str,
    "softDeletePolicy": dict,
    "storageClass": str,
    "versioning": dict,
    "website": dict,
}
# Set by the server alone; clients send it back as they read it.
_OUTPUT = frozenset(
    {"kind", "id", "selfLink", "projectNumber", "locationType", "metageneration", "etag", "timeCreated"}
    | {"updated", "generation", "owner", "satisfiesPZS", "satisfiesPZI"}
)
_KNOWN = _OUTPUT | _STORED.keys() | {"name", "location", "labels", "iamConfiguration"}


def parse_bucket_name(value: object, project_id: str) -> str:
    """Returns the name of a new bucket in the project. Raises InvalidArgument."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or ".." in value:
        raise InvalidArgument(f"Invalid bucket name: '{str(value)[:222]}'")
    own = [Target(site, "", "", project_id).bucket for site in REGISTRIES.values()]
    # Else one project could create the bucket that a first push to another project's registry would use.
    if value.endswith(".appspot.com") and value not in own:
        raise InvalidArgument(
            f"The bucket you tried to create is a domain name owned by another user: {value}"
        )
    return value


def parse_location(value: object) -> str:
    """Returns the location of a new bucket, such as US or EUROPE-WEST1. Raises InvalidArgument."""
    if not isinstance(value, str) or not _LOCATION.fullmatch(value):
        raise InvalidArgument("The specified location constraint is not valid.")
    return value.upper()


def parse_settings(body: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Returns the settings of a bucket; null means absent. Raises InvalidArgument."""
    given = {name: value for name, value in body.items() if value is not None}
    for name in given.keys() - _KNOWN:
        if given[name] not in ([], {}, {"enabled": False}):
            raise InvalidArgument(f"gcr-emulator's buckets have no {name[:100]}: leave it out.")
    for name, kind in _STORED.items():
        if name in given and not isinstance(given[name], kind):
            raise InvalidArgument(f"Invalid value for: {name}")
    settings = {name: given[name] for name in _STORED if name in given}
    if given.get("labels"):
        labels = given["labels"]
        if not isinstance(labels, dict):
            raise InvalidArgument("Invalid value for: labels")
        settings["labels"] = parse_labels({key: text for key, text in labels.items() if text is not None})
    return {**settings, **_parse_access(given.get("iamConfiguration", {}), now)}


def check_fixed(bucket: StorageBucket, body: dict[str, Any]) -> None:
    """Raises InvalidArgument for a change of a bucket's name or location."""
    for name, current in (("name", bucket.name), ("location", bucket.location)):
        value = body.get(name)
        if value is not None and str(value).upper() != current.upper():
            raise InvalidArgument(f"The {name} of a bucket cannot be changed.")


def merge_patch(settings: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings changed by a patch: null removes a setting, labels are changed one by one."""
    patch = dict(body)
    if isinstance(patch.get("labels"), dict):
        patch["labels"] = {**settings.get("labels", {}), **patch["labels"]}
    if isinstance(patch.get("iamConfiguration"), dict):
        patch["iamConfiguration"] = {**settings.get("iamConfiguration", {}), **patch["iamConfiguration"]}
    return {**settings, **patch}


def format_bucket(bucket: StorageBucket) -> dict[str, Any]:
    """Returns a bucket's JSON, with defaults for settings that were never set."""
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket.name}",
        "projectNumber": bucket.project_number,
        "name": bucket.name,
        "location": bucket.location,
        "locationType": "multi-region" if bucket.location in _MULTI_REGIONS else "region",
        "storageClass": "STANDARD",
        "metageneration": str(bucket.metageneration),
        "etag": base64.b64encode(b"\x08" + str(bucket.metageneration).encode()).decode(),
        "timeCreated": format_instant(bucket.created_at, ".000"),
        "updated": format_instant(bucket.updated_at, ".000"),
        "iamConfiguration": _format_access(None),
        **bucket.settings,
    }


def _parse_access(configuration: object, now: float) -> dict[str, Any]:
    if not isinstance(configuration, dict):
        raise InvalidArgument("Invalid value for: iamConfiguration")
    if configuration.get("publicAccessPrevention", "inherited") not in ("inherited", "unspecified"):
        raise InvalidArgument("gcr-emulator does not enforce public access prevention.")
    uniform = configuration.get("uniformBucketLevelAccess") or configuration.get("bucketPolicyOnly") or {}
    if not isinstance(uniform, dict) or not isinstance(uniform.get("enabled", False), bool):
        raise InvalidArgument("Invalid value for: iamConfiguration.uniformBucketLevelAccess")
    if not uniform.get("enabled"):
        return {}
    locked = uniform.get("lockedTime") or format_instant(int(now) + _LOCKED_AFTER_S, ".000")
    return {"iamConfiguration": _format_access(str(locked))}


def _format_access(locked: str | None) -> dict[str, Any]:
    """Returns iamConfiguration; `locked` is the time after which uniform access cannot be disabled."""
    uniform: dict[str, Any] = {"enabled": locked is not None}
    if locked is not None:
        uniform["lockedTime"] = locked
    # bucketPolicyOnly is its older name, which older clients read.
    return {
        "bucketPolicyOnly": uniform,
        "uniformBucketLevelAccess": uniform,
        "publicAccessPrevention": "inherited",
    }
