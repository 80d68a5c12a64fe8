"""Default hosts contain those of Artifact Registry, wherever there are default hosts (D08)."""

import json
from typing import Any

from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.configure import registry_hosts

MULTI_REGIONS = ("us-docker.pkg.dev", "europe-docker.pkg.dev", "asia-docker.pkg.dev")


def test_d08_the_multi_regions_of_artifact_registry_are_default_hosts() -> None:
    assert registries.DEFAULT_HOSTS[5:] == MULTI_REGIONS
    assert [host for host in registries.DEFAULT_HOSTS if not registries.is_google(host)] == []


def test_d08_list_names_them_where_nothing_is_configured(helper: Any) -> None:
    outcome = helper("list")

    assert (outcome.status, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == dict.fromkeys(registries.DEFAULT_HOSTS, "oauth2accesstoken")


def test_d08_no_host_is_listed_twice() -> None:
    for hosts in (registry_hosts.ALL, registry_hosts.WITH_ARTIFACT_REGISTRY):
        assert len(set(hosts)) == len(hosts)
        assert set(registries.DEFAULT_HOSTS) <= set(hosts)
