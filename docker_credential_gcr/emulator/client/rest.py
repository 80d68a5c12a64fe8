"""REST client of a running emulator: Google's APIs and /_emulator/, for the commands."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator import settings
from docker_credential_gcr.emulator.identity.policy import Policy, format_policy, grant, parse_policy
from docker_credential_gcr.emulator.next_steps import add_next_step
from docker_credential_gcr.emulator.runtime.files import format_os_error, read_file

from . import direct_request
from .connection_fault import EmulatorError as EmulatorError
from .connection_fault import find_fault
from .response import Response, fetch
from .server_url import is_loopback

DEFAULT_URL = settings.DEFAULT_URL
_CONNECT_TIMEOUT_S = 5
# A collection of garbage reads every row and the name of every file.
_COLLECTION_TIMEOUT_S = 3600
# How often a change of a policy is repeated after another writer changed it first.
_ATTEMPTS = 5
# Google's status for refusals of /_emulator/.
_STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
_DONE, _NO_CONTENT = (200, 201), 204
_AGENT = {"User-Agent": f"gcr-emulator/{__version__}"}


class Refused(EmulatorError):
    """The emulator refused a request; `status` is Google's, such as ALREADY_EXISTS."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def expecting(status: str, text: str = "") -> Iterator[None]:
    """Suppresses a refusal of that status; with a text, raises EmulatorError with it instead."""
    try:
        yield
    except Refused as refusal:
        if refusal.status != status:
            raise
        if text:
            raise EmulatorError(text) from refusal


class Server:
    """A running emulator: the URL of its root, and a token for its APIs.

    `ca` is the file of the certificate authority to trust; None trusts those of the machine. `token_name` is
    the file or variable that held the token.
    """

    def __init__(self, url: str, token: str | None, ca: Path | None = None, *, token_name: str = "") -> None:
        if ca is not None:
            _check_file(ca)
        self.url = url
        self.ca = ca
        self.token = token
        self._token_name = token_name

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        form: Mapping[str, str] | None = None,
        timeout_s: float = 60,
    ) -> dict[str, Any]:
        """Returns the JSON object of the response; an empty one for a response without a body.

        Raises EmulatorError; Refused if the server refuses.

        A form goes to a token endpoint, without the operator token: it contains a client's ID and secret.
        """
        headers, data = {}, None
        if form is not None:
            headers["Content-Type"], data = "application/x-www-form-urlencoded", urlencode(form).encode()
        elif self.token is not None:
            headers["Authorization"] = format_bearer(self.token)
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        response = self.request(method, path, headers=headers, body=data, timeout_s=timeout_s)
        if response.status == _NO_CONTENT:
            return {}
        try:
            document = response.parse()
        except (ValueError, RecursionError) as error:
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator") from error
        if not isinstance(document, dict):
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator")
        if response.status not in _DONE:
            raise self._parse_refusal(document, response.status)
        return document

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float = 60,
    ) -> Response:
        """Returns the response, of any status; follows no redirect, adds no header. Raises EmulatorError."""
        transport = _find_transport(self.url, self.ca)

        def send() -> Response:
            return transport(
                method,
                self.url,
                path,
                headers={**_AGENT, **headers},
                body=body,
                ca=self.ca,
                connect_timeout_s=_CONNECT_TIMEOUT_S,
                read_timeout_s=timeout_s,
            )

        try:
            return fetch(send, self.url, _CONNECT_TIMEOUT_S + timeout_s)
        except OSError as error:
            raise find_fault(error, self.url) from error

    def list_all(self, path: str, name: str) -> list[dict[str, Any]]:
        """Returns the items of that name on all pages of a listing."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.call("GET", f"{path}{'&' if '?' in path else '?'}pageToken={quote(token)}")
            found += page.get(name, [])
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def create_project(self, project_id: str, name: str) -> None:
        """Creates a project."""
        self.call("POST", "/v1/projects", {"projectId": project_id, "name": name})

    def change_registry(self, project_id: str, kind: str) -> None:
        """Changes what serves the project's gcr.io names: one of identity.redirection.KINDS."""
        self.call("PATCH", format_control_path(project_id), {"registry": kind})

    def list_projects(self) -> list[dict[str, Any]]:
        """Returns all projects, also deleted ones: {"projectId", "projectNumber", "lifecycleState", …}"""
        return self.list_all("/v1/projects", "projects")

    def create_account(self, project_id: str, account: str) -> None:
        """Creates a service account if it is absent."""
        with expecting("ALREADY_EXISTS"):
            self.call("POST", f"{format_path(project_id)}/serviceAccounts", {"accountId": account})

    def create_key(self, project_id: str, email: str) -> str:
        """Creates a key of the account; returns its file in base64."""
        data: str = self.call("POST", f"{format_path(project_id, email)}/keys", {})["privateKeyData"]
        return data

    def get_policy(self, project_id: str, email: str | None = None) -> Policy:
        """Returns the IAM policy of the project, or of the service account of that address in it."""
        # Version 3 contains conditions: without them a change would delete them.
        if email is not None:
            query = "?options.requestedPolicyVersion=3"
            return parse_policy(self.call("POST", f"{format_path(project_id, email)}:getIamPolicy{query}"))
        options = {"options": {"requestedPolicyVersion": 3}}
        return parse_policy(self.call("POST", f"{format_path(project_id)}:getIamPolicy", options))

    def change_policy(
        self, project_id: str, change: Callable[[Policy], Policy], *, email: str | None = None
    ) -> bool:
        """Reads, changes and writes a policy; returns whether there was something to change."""
        for _ in range(_ATTEMPTS):
            policy = self.get_policy(project_id, email)
            changed = change(policy)
            if changed == policy:
                return False
            # With the etag that was read, the server refuses if another writer was faster.
            document = {**format_policy(changed), "etag": policy.etag}
            with expecting("ABORTED"):
                self.call("POST", f"{format_path(project_id, email)}:setIamPolicy", {"policy": document})
                return True
        raise EmulatorError(f"the policy of {email or project_id} keeps changing: try again")

    def grant(self, project_id: str, member: str, roles: Iterable[str], *, email: str | None = None) -> bool:
        """Grants a member roles on the project or service account; returns whether it lacked one."""

        def change(policy: Policy) -> Policy:
            for role in roles:
                policy = grant(policy, role, member)
            return policy

        return self.change_policy(project_id, change, email=email)

    def _parse_refusal(self, document: dict[str, Any], status_code: int) -> Refused:
        error = document.get("error")
        if isinstance(error, dict):
            message, status = str(error.get("message")), str(error.get("status"))
        else:
            # /_emulator/ sends a text only.
            message = error if isinstance(error, str) else f"the emulator answered {status_code}"
            status = _STATUSES.get(status_code, "UNKNOWN")
        if status == "UNAUTHENTICATED":
            refused = f"refuses this token ({self._token_name})" if self.token else "requires a token"
            message = f"the emulator {refused}: name DATA/keys/operator-token with --token-file"
        return Refused(add_next_step(message), status)

    def collect_garbage(self, **options: object) -> dict[str, int]:
        """Collects garbage; returns how much of each kind was removed."""
        return self.call("POST", "/_emulator/gc", options, timeout_s=_COLLECTION_TIMEOUT_S)


def _check_file(path: Path) -> None:
    """Raises EmulatorError for a FIFO, on which OpenSSL would block, and a device, which has no end."""
    try:
        read_file(path)
    except OSError as error:
        raise EmulatorError(f"{format_os_error(error)}: name the server's authority with --ca") from error


def format_path(project_id: str, email: str | None = None) -> str:
    """Returns the path of the project's resource, or of the service account's."""
    account = "" if email is None else f"/serviceAccounts/{quote(email)}"
    return f"/v1/projects/{quote(project_id, safe=':')}{account}"


def format_control_path(project_id: str) -> str:
    """Returns the path of the project under /_emulator/."""
    return f"/_emulator/projects/{quote(project_id, safe=':')}"


def format_bearer(token: str) -> str:
    """Returns the value of the Authorization header with a token."""
    return f"Bearer {token}"


def _find_transport(url: str, ca: Path | None) -> Callable[..., Response]:
    """Returns the function that sends requests to the URL; loads only the module that is needed."""
    if (ca is None and url.startswith("https:")) or _may_have_proxy(url):
        from . import proxied_request  # 45 ms

        return proxied_request.request
    return direct_request.request


def _may_have_proxy(url: str) -> bool:
    if is_loopback(url):
        return False
    from urllib.request import getproxies  # 4 ms, not for a server of this machine

    return bool(getproxies())
