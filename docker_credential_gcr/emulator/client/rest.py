"""Speaks Google's REST APIs to a running emulator, for the commands."""

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

from . import answer, direct_request
from .answer import Answer
from .connection_fault import EmulatorError as EmulatorError
from .connection_fault import find_fault
from .server_url import is_loopback

DEFAULT_URL = settings.DEFAULT_URL
_CONNECT_S = 5
# A collection reads every row and the name of every file.
_COLLECTION_S = 3600
# Another writer came between reading and writing a policy; as many times, the whole is tried anew.
_ATTEMPTS = 5
# Google's words for the refusals of the emulator's own resources.
_STATUSES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
_AGENT = {"User-Agent": f"gcr-emulator/{__version__}"}


class Refused(EmulatorError):
    """The emulator said no; `status` is Google's word, such as ALREADY_EXISTS."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def expecting(status: str, text: str = "") -> Iterator[None]:
    """Passes over a refusal of that status; with a text, raises EmulatorError that says so instead."""
    try:
        yield
    except Refused as refusal:
        if refusal.status != status:
            raise
        if text:
            raise EmulatorError(text) from refusal


class Server:
    """A running emulator, at the URL of its root and with the token that opens its APIs.

    Under TLS `ca` is the file of the authority to trust; None trusts those of the machine. `token_name` says
    where the token is from.
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
        patience_s: float = 60,
    ) -> dict[str, Any]:
        """The JSON object that the emulator answers. Raises EmulatorError; Refused if the server refuses.

        A form goes to a token endpoint, without the operator token: a client's own name and secret are in it.
        """
        headers, data = {}, None
        if form is not None:
            headers["Content-Type"], data = "application/x-www-form-urlencoded", urlencode(form).encode()
        elif self.token is not None:
            headers["Authorization"] = bearer(self.token)
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        answered = self.request(method, path, headers=headers, body=data, patience_s=patience_s)
        try:
            document = answered.parse()
        except (ValueError, RecursionError) as error:
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator") from error
        if not isinstance(document, dict):
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator")
        if answered.status != 200:
            raise self._parse_refusal(document, answered.status)
        return document

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        patience_s: float = 60,
    ) -> Answer:
        """The answer, of any status, to exactly these headers and no redirect. Raises EmulatorError."""
        transport = _find_transport(self.url, self.ca)

        def send() -> Answer:
            return transport(
                method,
                self.url,
                path,
                headers={**_AGENT, **headers},
                body=body,
                ca=self.ca,
                connect_s=_CONNECT_S,
                patience_s=patience_s,
            )

        try:
            return answer.fetch(send, self.url, _CONNECT_S + patience_s)
        except OSError as error:
            raise find_fault(error, self.url) from error

    def list_all(self, path: str, name: str) -> list[dict[str, Any]]:
        """The items of that name on all pages of a listing."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.call("GET", f"{path}{'&' if '?' in path else '?'}pageToken={quote(token)}")
            found += page.get(name, [])
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def create_project(self, project_id: str, name: str) -> None:
        """Make a project."""
        self.call("POST", "/v1/projects", {"projectId": project_id, "name": name})

    def list_projects(self) -> list[dict[str, Any]]:
        """The projects, those that are deleted too: {"projectId", "projectNumber", "lifecycleState", …}"""
        return self.list_all("/v1/projects", "projects")

    def create_account(self, project_id: str, account: str) -> None:
        """Makes a service account, unless it is there."""
        with expecting("ALREADY_EXISTS"):
            self.call("POST", f"{format_path(project_id)}/serviceAccounts", {"accountId": account})

    def create_key(self, project_id: str, email: str) -> str:
        """A new key of the account, base64 of its file."""
        data: str = self.call("POST", f"{format_path(project_id, email)}/keys", {})["privateKeyData"]
        return data

    def get_policy(self, project_id: str, email: str | None = None) -> Policy:
        """The IAM policy of the project, or of the service account of that address in it."""
        # In the form that shows conditions, which a change must not lose.
        if email is not None:
            query = "?options.requestedPolicyVersion=3"
            return parse_policy(self.call("POST", f"{format_path(project_id, email)}:getIamPolicy{query}"))
        options = {"options": {"requestedPolicyVersion": 3}}
        return parse_policy(self.call("POST", f"{format_path(project_id)}:getIamPolicy", options))

    def change_policy(
        self, project_id: str, change: Callable[[Policy], Policy], *, email: str | None = None
    ) -> bool:
        """Reads, changes and writes a policy of `get_policy`; false when there was nothing to change."""
        for _ in range(_ATTEMPTS):
            policy = self.get_policy(project_id, email)
            changed = change(policy)
            if changed == policy:
                return False
            # The etag of what was read: if another writer was faster, begin again.
            document = {**format_policy(changed), "etag": policy.etag}
            with expecting("ABORTED"):
                self.call("POST", f"{format_path(project_id, email)}:setIamPolicy", {"policy": document})
                return True
        raise EmulatorError(f"the policy of {email or project_id} keeps changing: try again")

    def grant(self, project_id: str, member: str, roles: Iterable[str], *, email: str | None = None) -> bool:
        """Gives a member roles on the project or service account; false when it had them all."""

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
            # Of the emulator's own resources: a text alone.
            message = error if isinstance(error, str) else f"the emulator answered {status_code}"
            status = _STATUSES.get(status_code, "UNKNOWN")
        if status == "UNAUTHENTICATED":
            refused = f"refuses this token ({self._token_name})" if self.token else "demands a token"
            message = f"the emulator {refused}: name DATA/keys/operator-token with --token-file"
        return Refused(add_next_step(message), status)

    def collect_garbage(self, **options: object) -> dict[str, int]:
        """Remove what nothing needs; how much of each kind is gone."""
        return self.call("POST", "/_emulator/gc", options, patience_s=_COLLECTION_S)


def _check_file(path: Path) -> None:
    """Raise EmulatorError for a file that OpenSSL would wait for, or read without end."""
    try:
        read_file(path)
    except OSError as error:
        raise EmulatorError(f"{format_os_error(error)}: name the server's authority with --ca") from error


def format_path(project_id: str, email: str | None = None) -> str:
    """The path of the project's resource, or of the service account's."""
    account = "" if email is None else f"/serviceAccounts/{quote(email)}"
    return f"/v1/projects/{quote(project_id, safe=':')}{account}"


def bearer(token: str) -> str:
    """The header Authorization of a request with that token."""
    return f"Bearer {token}"


def _find_transport(url: str, ca: Path | None) -> Callable[..., Answer]:
    """What sends a request to the URL; one of the two is loaded."""
    if (ca is None and url.startswith("https:")) or _may_have_proxy(url):
        from . import proxied_request  # 45 ms

        return proxied_request.request
    return direct_request.request


def _may_have_proxy(url: str) -> bool:
    if is_loopback(url):
        return False
    from urllib.request import getproxies  # 4 ms, which a server of this machine saves

    return bool(getproxies())
