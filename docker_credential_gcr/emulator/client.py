"""Speaks Google's REST APIs to a running emulator, for the commands."""

import ipaddress
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from .connection_fault import EmulatorError as EmulatorError
from .connection_fault import find_fault
from .file_access import find_status, format_fault
from .identity.policy import Policy, format_policy, parse_policy

if TYPE_CHECKING:
    import requests

DEFAULT_URL = "http://localhost:5000"
_CONNECT_S = 5
# A collection reads every row and the name of every file.
_COLLECTION_S = 3600
# Another writer came between reading and writing a policy; as many times, the whole is tried anew.
_ATTEMPTS = 5


class Refused(EmulatorError):
    """The emulator said no; `status` is Google's word, such as ALREADY_EXISTS."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class InvalidUrl(ValueError):
    """Not the URL of a server."""


class Server:
    """A running emulator, at the URL of its root and with the token that opens its APIs.

    Under TLS `ca` is the file of the authority to trust; None trusts those of the machine.
    """

    def __init__(self, url: str, token: str | None, ca: Path | None = None) -> None:
        # 130 ms, which `serve` need not pay.
        import requests

        self.url = url
        self.ca = ca
        # requests asks for text, and with True for REQUESTS_CA_BUNDLE.
        self._verify = True if ca is None else str(ca)
        self._session = requests.Session()
        # A proxy knows another localhost than this one.
        self._session.trust_env = not is_loopback(url)
        if token is not None:
            self._session.auth = _bearer(token)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        form: Mapping[str, str] | None = None,
        patience_s: float = 60,
    ) -> dict[str, Any]:
        """The JSON object that the emulator answers. Raises EmulatorError; Refused if the server refuses."""
        import requests

        try:
            # A redirect could carry the token to a host that nobody named.
            response = self._session.request(
                method,
                self.url + path,
                json=body,
                data=form,
                timeout=(_CONNECT_S, patience_s),
                allow_redirects=False,
                verify=self._verify,
            )
            document = response.json()
        except requests.JSONDecodeError as error:
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator") from error
        except (requests.ConnectionError, requests.Timeout) as error:
            raise find_fault(error, self.url) from error
        except requests.RequestException as error:
            raise EmulatorError(f"{self.url}: {error}") from error
        if not isinstance(document, dict):
            raise EmulatorError(f"what answers at {self.url} is not a gcr-emulator")
        if response.status_code != 200:
            raise _parse_refusal(document, response.status_code)
        return document

    def create_project(self, project_id: str, name: str) -> None:
        """Make a project."""
        self.call("POST", "/v1/projects", {"projectId": project_id, "name": name})

    def list_projects(self) -> list[str]:
        """The IDs of the projects."""
        return [project["projectId"] for project in self.call("GET", "/v1/projects").get("projects", [])]

    def create_account(self, project_id: str, account: str) -> None:
        """Make a service account, unless it is there."""
        try:
            self.call("POST", f"{_path(project_id)}/serviceAccounts", {"accountId": account})
        except Refused as refusal:
            if refusal.status != "ALREADY_EXISTS":
                raise

    def create_key(self, project_id: str, email: str) -> str:
        """A new key of the account, base64 of its file."""
        data: str = self.call("POST", f"{_path(project_id, email)}/keys", {})["privateKeyData"]
        return data

    def get_policy(self, project_id: str, email: str | None = None) -> Policy:
        """The IAM policy of the project, or of the service account of that address in it."""
        # In the form that shows conditions, which a change must not lose.
        if email is not None:
            query = "?options.requestedPolicyVersion=3"
            return parse_policy(self.call("POST", f"{_path(project_id, email)}:getIamPolicy{query}"))
        options = {"options": {"requestedPolicyVersion": 3}}
        return parse_policy(self.call("POST", f"{_path(project_id)}:getIamPolicy", options))

    def change_policy(
        self, project_id: str, change: Callable[[Policy], Policy], *, email: str | None = None
    ) -> bool:
        """Read, change and write a policy of `get_policy`; false when there was nothing to change."""
        for _ in range(_ATTEMPTS):
            policy = self.get_policy(project_id, email)
            changed = change(policy)
            if changed == policy:
                return False
            # The etag of what was read: if another writer was faster, begin again.
            document = {**format_policy(changed), "etag": policy.etag}
            try:
                self.call("POST", f"{_path(project_id, email)}:setIamPolicy", {"policy": document})
            except Refused as refusal:
                if refusal.status != "ABORTED":
                    raise
            else:
                return True
        raise EmulatorError(f"the policy of {email or project_id} keeps changing: try again")

    def collect_garbage(self, **options: object) -> dict[str, int]:
        """Remove what nothing needs; how much of each kind is gone."""
        return self.call("POST", "/_emulator/gc", options, patience_s=_COLLECTION_S)


def parse_url(text: str) -> str:
    """The URL of a server's root without its last slash. Raises InvalidUrl."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise InvalidUrl(text) from error
    extras = url.username or url.password or url.query or url.fragment or url.path.strip("/")
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or extras:
        raise InvalidUrl(text)
    return f"{url.scheme}://{url.netloc}"


def find_ca(url: str, environ: Mapping[str, str]) -> Path | None:
    """The authority of the server whose ready file or data directory the environment names.

    None where there is none, or nothing to trust. Raises EmulatorError for a ready file that is none, and
    where this user may not look.
    """
    if urlsplit(url).scheme != "https":
        return None
    if ready_file := environ.get("GCR_EMULATOR_READY_FILE"):
        try:
            named = json.loads(Path(ready_file).read_bytes())["ca"]
        except OSError as error:
            raise EmulatorError(f"{format_fault(error)}: name the server's authority with --ca") from error
        except (ValueError, TypeError, KeyError) as error:
            raise EmulatorError(
                f"{ready_file} is no ready file of a server: name its authority with --ca"
            ) from error
        return None if named is None else Path(named)
    data = environ.get("GCR_EMULATOR_DATA")
    path = Path(data, "keys", "ca.pem") if data else None
    try:
        return path if path and find_status(path) else None
    except OSError as error:
        raise EmulatorError(f"{format_fault(error)}: name the server's authority with --ca") from error


def is_loopback(url: str) -> bool:
    """Whether the URL is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def format_registry(url: str) -> str:
    """The registry's HOST:PORT of a server, as images are named with it; localhost for loopback."""
    if not is_loopback(url):
        return urlsplit(url).netloc
    port = urlsplit(url).port
    return "localhost" if port is None else f"localhost:{port}"


def _path(project_id: str, email: str | None = None) -> str:
    account = "" if email is None else f"/serviceAccounts/{quote(email)}"
    return f"/v1/projects/{quote(project_id, safe=':')}{account}"


def _parse_refusal(document: dict[str, Any], status_code: int) -> Refused:
    error = document.get("error")
    if isinstance(error, dict):
        message, status = str(error.get("message")), str(error.get("status"))
    else:
        # Of the emulator's own resources: a text alone.
        message = error if isinstance(error, str) else f"the emulator answered {status_code}"
        status = "UNAUTHENTICATED" if status_code == 401 else "UNKNOWN"
    if status == "UNAUTHENTICATED":
        message = "the emulator demands a token: name DATA/keys/operator-token with --token-file"
    return Refused(message, status)


def _bearer(token: str) -> "Callable[[requests.PreparedRequest], requests.PreparedRequest]":
    def add(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return add
