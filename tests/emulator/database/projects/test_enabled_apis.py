"""A service is enabled until it is switched off."""

from support.database_reads import reading

from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.projects import enabled_apis as services
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.database.projects.enabled_apis import Obstacle
from docker_credential_gcr.emulator.database.projects.projects import Project
from docker_credential_gcr.emulator.identity.google_services import CONTAINER_REGISTRY


def switch(database: Database, project: Project, on: bool) -> None:
    database.write_now(lambda c: services.switch(c, project, CONTAINER_REGISTRY, on=on))


def find_obstacle(database: Database, project_id: str = "my-project") -> Obstacle | None:
    with reading(database) as connection:
        return services.find_obstacle(connection, project_id, CONTAINER_REGISTRY)


def test_a_service_is_on_until_it_is_switched_off(database: Database, project: Project) -> None:
    assert find_obstacle(database) is None
    switch(database, project, False)
    assert find_obstacle(database) is Obstacle.DISABLED
    switch(database, project, True)
    assert find_obstacle(database) is None


def test_a_deleted_project_stands_in_the_way(database: Database, project: Project) -> None:
    database.write_now(lambda c: projects.set_deleted(c, project, now=2))
    assert find_obstacle(database) is Obstacle.DELETED
    database.write_now(lambda c: projects.set_deleted(c, project, now=None))
    assert find_obstacle(database) is None


def test_an_unknown_project_is_no_obstacle(database: Database) -> None:
    assert find_obstacle(database, "no-project") is None
