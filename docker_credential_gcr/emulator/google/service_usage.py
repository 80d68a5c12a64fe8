"""serviceusage.googleapis.com: which APIs a project has switched on.

In a new project all that the emulator serves are on, so that a first push needs no preparation. An
agent is made when its service is enabled by name, also when that was on already.
https://cloud.google.com/service-usage/docs/reference/rest
"""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.identity.policy import grant
from docker_credential_gcr.emulator.identity.principal import Principal
from docker_credential_gcr.emulator.identity.services import AGENTS, SERVICES, is_service
from docker_credential_gcr.emulator.records import policies
from docker_credential_gcr.emulator.records import services as switches
from docker_credential_gcr.emulator.records.projects import Project

from .access import find_caller, get_project
from .bodies import read_json
from .errors import InvalidArgument, NotFound
from .operations import finish, new_number
from .paging import cut, parse_page
from .services import Services

_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
_FILTERS = {"": None, "state:ENABLED": True, "state:DISABLED": False}
# https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable
_MAX_BATCH = 20


async def list_services(request: Request, services: Services) -> JSONResponse:
    """The services that a project may use, of one state with ?filter=state:ENABLED."""
    caller = find_caller(request, services)
    page = parse_page(request, default=50, maximum=200)
    wanted = request.query_params.get("filter", "")
    if wanted not in _FILTERS:
        raise InvalidArgument(f"Invalid filter: known are {' and '.join(filter(None, _FILTERS))}.")
    with services.database.reading() as connection:
        project = _get_project(connection, request, caller, "list", "list services")
        switched = switches.list_switched(connection, project)
    state = _FILTERS[wanted]
    names = sorted({*SERVICES, *switched})
    names = [name for name in names if state is None or _is_on(name, switched) == state]
    found = cut(names, page, str)
    return JSONResponse(page.format("services", found, lambda name: _format(project, name, switched), str))


async def get_service(request: Request, services: Services) -> JSONResponse:
    """One service, and whether it is on."""
    caller = find_caller(request, services)
    name = request.path_params["service"]
    with services.database.reading() as connection:
        project = _get_project(connection, request, caller, "get", f"get service [{name}]")
        switched = switches.list_switched(connection, project)
    return JSONResponse(_format(project, _check_name(name), switched))


async def enable_service(request: Request, services: Services) -> JSONResponse:
    """Switch a service on, and make the agent that acts for it."""
    caller = find_caller(request, services)
    await read_json(request)
    name = request.path_params["service"]

    def work(connection: Connection) -> dict[str, Any]:
        project = _get_project(connection, request, caller, "enable", f"enable service [{name}]")
        _enable(connection, project, [_check_name(name)])
        state = {"service": _format(project, name, {name: True})}
        return _finish(connection, services, caller, project, "EnableServiceResponse", state)

    return JSONResponse(await services.database.write(work))


async def disable_service(request: Request, services: Services) -> JSONResponse:
    """Switch a service off: it does nothing for the project from now on. The agent stays."""
    caller = find_caller(request, services)
    await read_json(request)
    name = request.path_params["service"]

    def work(connection: Connection) -> dict[str, Any]:
        project = _get_project(connection, request, caller, "disable", f"disable service [{name}]")
        switches.switch(connection, project, _check_name(name), on=False)
        state = {"service": _format(project, name, {name: False})}
        return _finish(connection, services, caller, project, "DisableServiceResponse", state)

    return JSONResponse(await services.database.write(work))


async def enable_services(request: Request, services: Services) -> JSONResponse:
    """Switch several services on; all of them, or none."""
    caller = find_caller(request, services)
    names = (await read_json(request)).get("serviceIds")
    if not isinstance(names, list) or not 0 < len(names) <= _MAX_BATCH:
        raise InvalidArgument(f"serviceIds must be a list of 1 to {_MAX_BATCH} names")

    def work(connection: Connection) -> dict[str, Any]:
        listed = ", ".join(map(str, names))
        project = _get_project(connection, request, caller, "enable", f"enable service [{listed}]")
        _enable(connection, project, [_check_name(name) for name in names])
        states = {"services": [_format(project, name, {name: True}) for name in names]}
        return _finish(connection, services, caller, project, "BatchEnableServicesResponse", states)

    return JSONResponse(await services.database.write(work))


async def get_services(request: Request, services: Services) -> JSONResponse:
    """Several services by their names, ?names=projects/P/services/S&names=…"""
    caller = find_caller(request, services)
    names = [name.rpartition("/")[2] for name in request.query_params.getlist("names")]
    with services.database.reading() as connection:
        project = _get_project(connection, request, caller, "get", "get services")
        switched = switches.list_switched(connection, project)
    return JSONResponse({"services": [_format(project, _check_name(name), switched) for name in names]})


def _get_project(
    connection: Connection, request: Request, caller: Principal, verb: str, action: str
) -> Project:
    message = f"Permission denied to {action}"
    name = request.path_params["project"]
    return get_project(connection, name, caller, f"serviceusage.services.{verb}", message)


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not is_service(name):
        raise NotFound(f"Not found or permission denied for service(s): {name}.")
    return name


def _enable(connection: Connection, project: Project, names: list[str]) -> None:
    for name in names:
        switches.switch(connection, project, name, on=True)
        if name in AGENTS:
            agent, resource = AGENTS[name], f"projects/{project.project_id}"
            policy = policies.find(connection, resource)
            member = agent.format_member(project.number)
            policies.save(connection, resource, grant(policy, agent.role, member))


def _is_on(name: str, switched: dict[str, bool]) -> bool:
    return switched.get(name, name in SERVICES)


def _finish(
    connection: Connection,
    services: Services,
    caller: Principal,
    project: Project,
    kind: str,
    response: dict[str, Any],
) -> dict[str, Any]:
    name = f"operations/acf.p2-{project.number}-{new_number()}"
    return finish(connection, services, caller, name, {"@type": f"{_TYPE}{kind}", **response})


def _format(project: Project, name: str, switched: dict[str, bool]) -> dict[str, Any]:
    return {
        "name": f"projects/{project.number}/services/{name}",
        "config": {"name": name, "title": SERVICES.get(name, name)},
        "state": "ENABLED" if _is_on(name, switched) else "DISABLED",
        "parent": f"projects/{project.number}",
    }
