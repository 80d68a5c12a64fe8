"""Service Usage (serviceusage.googleapis.com): the APIs that are enabled in a project.

In a new project all APIs of the emulator are enabled: a first push needs no preparation. A service agent is
created when its service is enabled by name, even if the service was enabled before.
https://cloud.google.com/service-usage/docs/reference/rest
"""

from typing import Any

from sqlalchemy import Connection

from docker_credential_gcr.emulator.database.projects import enabled_apis, policies
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.database.pubsub import topics
from docker_credential_gcr.emulator.google.authorization import get_project
from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument, NotFound
from docker_credential_gcr.emulator.google.rest.long_running import create_operation_number, finish_operation
from docker_credential_gcr.emulator.google.rest.message_schema import VALUE, List
from docker_credential_gcr.emulator.google.rest.methods import PAGE, Result, method, reads, writes
from docker_credential_gcr.emulator.google.rest.pagination import parse_page, skip_to_page
from docker_credential_gcr.emulator.identity.google_services import (
    AGENTS,
    CONTAINER_REGISTRY,
    SERVICES,
    is_service,
)
from docker_credential_gcr.emulator.identity.policy import grant

_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
_FILTERS = {"": None, "state:ENABLED": True, "state:DISABLED": False}
# https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable
_MAX_BATCH = 20


@reads("filter", *PAGE)
def list_services(connection: Connection, call: Call) -> Result:
    """Returns a project's services; with ?filter=state:ENABLED, those in that state."""
    page = parse_page(call.query, default=50, maximum=200)
    wanted = call.query.get("filter", "")
    if wanted not in _FILTERS:
        raise InvalidArgument(f"Invalid filter: use {' or '.join(filter(None, _FILTERS))}.")
    project = _get_project(connection, call, "list", "list services")
    switched, state = enabled_apis.list_switched(connection, project), _FILTERS[wanted]
    names = sorted({*SERVICES, *switched})
    names = [name for name in names if state is None or _is_on(name, switched) == state]
    found = skip_to_page(names, page, str)
    return page.format("services", found, lambda name: _format(project, name, switched), str)


@reads()
def show_service(connection: Connection, call: Call) -> Result:
    """Returns one service and its state."""
    name = call.path["service"]
    project = _get_project(connection, call, "get", f"get service [{name}]")
    return _format(project, _check_name(name), enabled_apis.list_switched(connection, project))


@writes()
def enable_service(connection: Connection, call: Call) -> Result:
    """Enables a service, and creates its service agent."""
    name = call.path["service"]
    project = _get_project(connection, call, "enable", f"enable service [{name}]")
    _enable(connection, project, [_check_name(name)])
    state = {"service": _format(project, name, {name: True})}
    return _finish(connection, call, project, "EnableServiceResponse", state)


# The body's members are ignored: no service here depends on another, and usage is not counted.
@writes(body={"disableDependentServices": VALUE, "checkIfServiceHasUsage": VALUE})
def disable_service(connection: Connection, call: Call) -> Result:
    """Disables a service in the project. The service agent stays."""
    name = call.path["service"]
    project = _get_project(connection, call, "disable", f"disable service [{name}]")
    enabled_apis.switch(connection, project, _check_name(name), on=False)
    state = {"service": _format(project, name, {name: False})}
    return _finish(connection, call, project, "DisableServiceResponse", state)


@method(body={"serviceIds": List(VALUE)})
async def enable_services(call: Call) -> Result:
    """Enables several services: all of them, or none."""
    names = call.body.get("serviceIds")
    if not isinstance(names, list) or not 0 < len(names) <= _MAX_BATCH:
        raise InvalidArgument(f"serviceIds must be a list of 1 to {_MAX_BATCH} names")

    def work(connection: Connection) -> dict[str, Any]:
        listed = ", ".join(map(str, names))
        project = _get_project(connection, call, "enable", f"enable service [{listed}]")
        _enable(connection, project, [_check_name(name) for name in names])
        states = {"services": [_format(project, name, {name: True}) for name in names]}
        return _finish(connection, call, project, "BatchEnableServicesResponse", states)

    return await call.services.database.write(work)


@reads("names")
def show_services(connection: Connection, call: Call) -> Result:
    """Returns several services by their names, ?names=projects/P/services/S&names=…"""
    names = [name.rpartition("/")[2] for name in call.query.getlist("names")]
    project = _get_project(connection, call, "get", "get services")
    switched = enabled_apis.list_switched(connection, project)
    return {"services": [_format(project, _check_name(name), switched) for name in names]}


def _get_project(connection: Connection, call: Call, verb: str, action: str) -> Project:
    return get_project(connection, call, f"serviceusage.services.{verb}", f"Permission denied to {action}")


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not is_service(name):
        raise NotFound(f"Not found or permission denied for service(s): {name}.")
    return name


def _enable(connection: Connection, project: Project, names: list[str]) -> None:
    for name in names:
        enabled_apis.switch(connection, project, name, on=True)
        if name == CONTAINER_REGISTRY:
            topics.ensure_gcr(connection, project.id)
        if name in AGENTS:
            agent, resource = AGENTS[name], f"projects/{project.project_id}"
            policy = policies.find(connection, resource)
            member = agent.format_member(project.number)
            policies.save(connection, resource, grant(policy, agent.role, member))


def _is_on(name: str, switched: dict[str, bool]) -> bool:
    return switched.get(name, name in SERVICES)


def _finish(
    connection: Connection, call: Call, project: Project, kind: str, response: dict[str, Any]
) -> dict[str, Any]:
    name = f"operations/acf.p2-{project.number}-{create_operation_number()}"
    return finish_operation(connection, call, name, {"@type": f"{_TYPE}{kind}", **response})


def _format(project: Project, name: str, switched: dict[str, bool]) -> dict[str, Any]:
    return {
        "name": f"projects/{project.number}/services/{name}",
        "config": {"name": name, "title": SERVICES.get(name, name)},
        "state": "ENABLED" if _is_on(name, switched) else "DISABLED",
        "parent": f"projects/{project.number}",
    }
