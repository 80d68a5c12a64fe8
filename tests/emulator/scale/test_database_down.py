"""PostgreSQL goes down under load, by a crash or because it hangs: what clients see, and the recovery.

It is down for two seconds in an ordinary run, and for GCR_TEST_DOWN_S seconds if that is set.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import pytest
from support.child_processes import list_children
from support.servers.postgresql import Cluster
from support.servers.seaweedfs import SeaweedFs

from .deployment import NEEDS, PROJECT, SERVERS, Deployment, running_deployment
from .probes import Probing, make_probes

pytestmark = [NEEDS, pytest.mark.in_turn(__name__)]

DOWN_S = float(os.environ.get("GCR_TEST_DOWN_S", "2"))


def pause(cluster: Cluster) -> None:
    """Suspends every process of the cluster."""
    for pid in (cluster.pid, *list_children(cluster.pid)):
        os.kill(pid, signal.SIGSTOP)


def resume(cluster: Cluster) -> None:
    for pid in (*list_children(cluster.pid), cluster.pid):
        os.kill(pid, signal.SIGCONT)


class Outage(NamedTuple):
    """How PostgreSQL goes down, and comes back; `limit_s` is ten times what a request may wait."""

    begin: Callable[[Cluster], None]
    end: Callable[[Cluster], None]
    limit_s: float


OUTAGES = {
    "crashes": Outage(Cluster.crash, Cluster.start, 20),
    # A query that has been sent is given up after twelve seconds, and a new one is not sent at all.
    "hangs": Outage(pause, resume, 120),
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFs) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    account = ("--metadata-account", f"instance@{PROJECT}.iam.gserviceaccount.com")
    with running_deployment(folder, *account, seaweedfs=seaweedfs) as deployment:
        yield deployment


def ask_probes(deployment: Deployment, path: str) -> list[int]:
    """Returns the statuses of a health endpoint of all servers."""

    def ask(number: int) -> int:
        with closing(deployment.connect(number)) as server:
            return server.ask("GET", path).status

    with ThreadPoolExecutor(SERVERS) as threads:
        return list(threads.map(ask, range(SERVERS)))


@pytest.mark.parametrize("name", OUTAGES)
def test_postgresql_down_is_503_in_time_and_no_server_needs_a_restart(
    deployment: Deployment, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outage = OUTAGES[name]
    probing = Probing(deployment, make_probes(deployment), limit_s=outage.limit_s)
    pids = [program.pid for program in deployment.replicas.programs]
    with probing.running():
        outage.begin(deployment.cluster)
        try:
            live, ready = ask_probes(deployment, "/healthz"), ask_probes(deployment, "/readyz")
            threading.Event().wait(DOWN_S)
            if name == "crashes":
                probing.await_refusals(list(probing.seen))
        finally:
            outage.end(deployment.cluster)
        recovery_s = probing.await_successes()
    with capsys.disabled():
        print(f"\nPostgreSQL {name}: recovery {recovery_s:.2f} s\n{probing.describe()}")  # noqa: T201
    assert (probing.faults, live, ready) == ([], [200] * SERVERS, [503] * SERVERS)
    assert ask_probes(deployment, "/readyz") == [200] * SERVERS
    assert [program.pid for program in deployment.replicas.programs] == pids
