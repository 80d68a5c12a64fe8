"""Users and their logins, for tests without a browser.

POST /_emulator/users          {"email": "ada@example.com", "name": "Ada Lovelace"}
200                            {"email": "ada@example.com", "name": "Ada Lovelace", "sub": "1…"}
POST /_emulator/refreshTokens  {"email": "ada@example.com", "scopes": ["https://…"]}
200                            {"type": "authorized_user", "client_id": …, "client_secret": …,
                                "refresh_token": "1//…"}
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import refresh_tokens as logins
from docker_credential_gcr.emulator.database.accounts import users
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.identity.oauth.clients import APPLICATION_DEFAULT
from docker_credential_gcr.emulator.identity.oauth.scopes import is_scope
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM
from docker_credential_gcr.emulator.identity.resource_names import is_user_email

from .request_body import InvalidBody, load
from .shared_state import ControlState

# The scopes of `gcloud auth application-default login`.
_DEFAULT_SCOPES = ["openid", "https://www.googleapis.com/auth/userinfo.email", CLOUD_PLATFORM]
_MAX_NAME_SIZE = 100


class UserEndpoints:
    """Endpoints that create users and logins."""

    def __init__(self, database: Database, state: ControlState) -> None:
        self._database = database
        self._state = state

    async def put_user(self, request: Request) -> JSONResponse:
        """Creates the user with that address, or changes the name."""
        document = _parse(await load(request), {"email", "name"})
        email, name = _get_email(document), document.get("name", "")
        if not isinstance(name, str) or len(name) > _MAX_NAME_SIZE or not name.isprintable():
            raise InvalidBody(f"name is not a line of at most {_MAX_NAME_SIZE} characters")
        now = self._state.clock.now()
        user = await self._database.write(lambda connection: users.put(connection, email, name=name, now=now))
        return JSONResponse({"email": user.email, "name": user.name, "sub": user.unique_id})

    async def create_login(self, request: Request) -> JSONResponse:
        """Creates a login of a known user, as a file of Application Default Credentials."""
        document = _parse(await load(request), {"email", "scopes"})
        email, scopes = _get_email(document), _get_scopes(document)
        now, client = self._state.clock.now(), APPLICATION_DEFAULT

        def work(connection: Connection) -> str | None:
            if not users.is_known(connection, email):
                return None
            user = users.put(connection, email, now=now)
            return logins.begin(connection, user, client.client_id, scopes, now=now)[1]

        refresh_token = await self._database.write(work)
        if refresh_token is None:
            text = f"unknown user {email}: create it at /_emulator/users, or name it in a policy"
            return JSONResponse({"error": text}, 404)
        return JSONResponse(
            {
                "type": "authorized_user",
                "client_id": client.client_id,
                "client_secret": client.secret,
                "refresh_token": refresh_token,
            }
        )


def _parse(document: object, known: set[str]) -> dict[str, object]:
    if not isinstance(document, dict):
        raise InvalidBody("the body is not a JSON object")
    for name in document:
        if name not in known:
            raise InvalidBody(f"unknown field {name!r}: known are {', '.join(sorted(known))}")
    return document


def _get_email(document: dict[str, object]) -> str:
    email = document.get("email")
    if not isinstance(email, str) or not is_user_email(email):
        raise InvalidBody("email is not the address of a person, such as ada@example.com")
    return email


def _get_scopes(document: dict[str, object]) -> frozenset[str]:
    scopes = document.get("scopes", _DEFAULT_SCOPES)
    if not isinstance(scopes, list) or not scopes or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidBody("scopes is not a list of strings")
    if any(not scope or " " in scope for scope in scopes) or not is_scope(" ".join(scopes)):
        raise InvalidBody("scopes holds a string that is not an OAuth scope")
    return frozenset(scopes)
