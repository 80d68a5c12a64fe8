"""Checks of a registry: the connection, the clock, the challenge, the token, the rights, the image."""

import email.utils
import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from docker_credential_gcr.helper.google_auth import connection_faults
from docker_credential_gcr.helper.google_auth.http import Answer

from . import registry_client, remedies
from .access import RegistryAccess
from .findings import FAULT, OK, WARNING, Finding
from .registry_client import Challenge, NoAnswer

SKEW_S = 60  # Google accepts an assertion that is minutes off, but then a token expires minutes off
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
API_OFF = re.compile(r"API has not been used|API is not enabled|has not enabled the API|it is disabled")
SERVICE = re.compile(r"\b([a-z]+\.googleapis\.com)\b")


class RegistryChecks:
    """The checks of one registry, in the order of a client's requests; a failed one ends them."""

    def __init__(
        self,
        access: RegistryAccess,
        tag: str | None,
        secret: str | None,
        environ: Mapping[str, str],
        timeout_s: float,
        now: Callable[[], float] = time.time,
        explain_refusal: Callable[[Callable[[str], bool]], Finding | None] = lambda _: None,
    ) -> None:
        self.access = access
        self.tag = tag
        self.secret = secret
        self.environ = environ
        self.timeout_s = timeout_s
        self.now = now
        self.explain_refusal = explain_refusal
        self.base = f"{'http' if access.is_emulated else 'https'}://{access.registry}"

    def examine(self) -> Iterator[Finding]:
        """Yields the findings, in order; the first check that fails is the last one."""
        try:
            self.base, answer = registry_client.fetch_base(self.access.registry, self._deadline())
            yield self._find(OK, "connection", f"{self.base}/v2/ answers {answer.status}")
            yield from self.examine_clock(answer)
            yield from self._examine_answer(answer)
        except NoAnswer as error:
            yield self.explain(error)

    def examine_clock(self, answer: Answer) -> Iterator[Finding]:
        """Yields whether this machine's clock agrees with the answer's Date, unless an emulator answered."""
        if self.access.is_emulated:
            return
        date = answer.headers.get("Date", "")
        try:
            skew_s = self.now() - email.utils.parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError, LookupError, OverflowError, OSError):  # a malformed date
            return
        if abs(skew_s) <= SKEW_S:
            yield self._find(OK, "clock", "this machine's clock is the registry's")
            return
        direction = "ahead of" if skew_s > 0 else "behind"
        text = f"this machine's clock is {abs(skew_s) / 60:.0f} minutes {direction} the registry's"
        yield self._find(FAULT, "clock", text, remedies.SET_CLOCK)

    def _examine_answer(self, answer: Answer) -> Iterator[Finding]:
        challenge = registry_client.parse_challenge(answer.headers.get("Www-Authenticate", ""))
        if answer.status == 200:
            yield self._find(OK, "challenge", "the registry asks for no credential")
        elif answer.status >= 500:
            text = f"the registry fails: {self.base}/v2/ answers {answer.status}"
            yield self._find(FAULT, "registry", f"{text}: its operator must mend it")
        elif answer.status != 401 or challenge is None:
            text = f"this is not a registry: {self.base}/v2/ answers {answer.status} without a challenge"
            yield self._find(FAULT, "registry", f"{text}: correct its name")
        elif challenge.scheme == "bearer" and challenge.host is None:
            text = "the realm of its challenge is not an http or https URL"
            yield self._find(FAULT, "challenge", f"{text}: the registry's operator must mend it")
        elif challenge.scheme == "bearer" and not registry_client.is_same_site(challenge.realm, self.base):
            text = f"it sends clients to {challenge.host} for a token: doctor sends no credential there"
            yield self._find(FAULT, "challenge", f"{text}: the registry's operator must mend it")
        elif self.secret is not None:
            yield self._find(OK, "challenge", f"asks for a token of {challenge.realm}")
            yield from self._examine_rights(challenge, self.secret)

    def _examine_rights(self, challenge: Challenge, secret: str) -> Iterator[Finding]:
        if challenge.scheme == "basic":
            answer = registry_client.send("GET", f"{self.base}/v2/", self._deadline(), basic=secret)
            yield self._check_token(answer, answer.status == 200)
            return
        name = self.access.repository
        scope = f"repository:{name}:pull" if name else None
        answer, token = registry_client.exchange_credential(challenge, secret, self._deadline(), scope)
        refusal = self.explain_refusal(partial(self._accepts, challenge)) if answer.status == 401 else None
        if refusal is not None:
            yield refusal
        elif name is not None:
            yield from self._examine_repository(challenge, secret, answer, token)
        else:
            if token is not None:
                answer = registry_client.send("GET", f"{self.base}/v2/", self._deadline(), bearer=token)
            yield self._check_token(answer, token is not None and answer.status == 200)

    def _accepts(self, challenge: Challenge, secret: str) -> bool:
        """Returns whether the token endpoint accepts a credential, with any rights."""
        return registry_client.exchange_credential(challenge, secret, self._deadline())[1] is not None

    def _examine_repository(
        self, challenge: Challenge, secret: str, answer: Answer, token: str | None
    ) -> Iterator[Finding]:
        """Yields the findings about the rights; `answer` and `token` are those of the pull scope."""
        if token is None and self._lacks_project():
            text = f"there is no project {self.access.project}: no image can be in it"
            yield self._find(FAULT, "project", text, remedies.format_project_command(self.access))
            return
        yield self._check_right("pull", FAULT, answer, token)
        if token is None:
            return
        # The push scope is requested before the repository is looked up: the request may create it.
        scope = f"repository:{self.access.repository}:push,pull"
        answer, push_token = registry_client.exchange_credential(challenge, secret, self._deadline(), scope)
        if self.access.is_artifact_registry and self._lacks_repository(challenge, secret):
            name = self.access.artifact_repository.rpartition("/")[2]
            text = f"there is no repository {name}: a push would fail"
            yield self._find(FAULT, "repository", text, remedies.format_repository_command(self.access))
            return
        yield from self._examine_image(token)
        yield self._check_right("push", WARNING, answer, push_token)

    def _lacks_project(self) -> bool:
        """Returns whether an emulator has no such project; a registry itself does not tell."""
        if not self.access.has_emulator:
            return False
        url = f"{self.access.emulator_url}/v1/projects/{self.access.project}"
        return registry_client.send("GET", url, self._deadline()).status in (403, 404)

    def _lacks_repository(self, challenge: Challenge, secret: str) -> bool:
        """Returns whether Artifact Registry has no such repository; an empty one has a list of tags."""
        repository = self.access.artifact_repository
        scope = f"repository:{repository}:pull"
        _, token = registry_client.exchange_credential(challenge, secret, self._deadline(), scope)
        url = f"{self.base}/v2/{repository}/tags/list"
        return registry_client.send("GET", url, self._deadline(), bearer=token).status == 404

    def _check_token(self, answer: Answer, is_accepted: bool) -> Finding:
        if is_accepted:
            return self._find(OK, "token", "the registry accepts the token")
        return self._refuse("token", FAULT, answer, None)

    def _check_right(self, action: str, state: str, answer: Answer, token: str | None) -> Finding:
        if token is not None:
            return self._find(OK, action, f"may {action} {self.access.repository}")
        return self._refuse(action, state, answer, remedies.format_grant_command(self.access, action))

    def _refuse(self, check: str, state: str, answer: Answer, command: str | None) -> Finding:
        """Returns the finding for a refusal; a disabled API is always a fault, with its own command."""
        message = registry_client.find_message(answer)
        text = f"the registry answers {answer.status}: {message}"
        if API_OFF.search(message):
            service = SERVICE.search(message)
            name = service[1] if service else "artifactregistry.googleapis.com"
            return self._find(FAULT, "API off", text, remedies.format_enable_command(self.access, name))
        if answer.status >= 500:
            return self._find(FAULT, "registry", f"{text}: its operator must mend it")
        return self._find(state, check, text, command)

    def _examine_image(self, token: str) -> Iterator[Finding]:
        if self.tag is None:
            return
        url = f"{self.base}/v2/{self.access.repository}/manifests/{self.tag}"
        answer = registry_client.send("HEAD", url, self._deadline(), bearer=token)
        image = f"{self.access.registry}/{self.access.repository}"
        separator = "@" if ":" in self.tag else ":"
        if answer.status == 200:
            yield self._find(OK, "image", f"{image}{separator}{self.tag} is there")
            return
        text = f"{image}{separator}{self.tag} is not there: the registry answers {answer.status}"
        yield self._find(WARNING, "image", f"{text}: correct the name, or push it")

    def explain(self, error: NoAnswer) -> Finding:
        """Returns the finding for a registry that does not answer."""
        host = self.access.registry
        name = host.rpartition(":")[0] or host
        proxy = next((variable for variable in PROXIES if self.environ.get(variable)), None)
        text, command = EXPLANATIONS[error.kind]
        if self.access.is_emulated:
            text, command = EMULATOR_EXPLANATIONS.get(error.kind, (text, command))
        values = {
            "host": host,
            "name": name,
            "port": host.rpartition(":")[2],
            "proxy": proxy,
            "reason": error,
        }
        return self._find(
            FAULT, error.kind, text.format_map(values), command.format_map(values) if command else None
        )

    def _find(self, state: str, check: str, text: str, command: str | None = None) -> Finding:
        return Finding(check, state, text, command, self.access.registry)

    def _deadline(self) -> float:
        return time.monotonic() + self.timeout_s


# cause -> (what is wrong, and the mender; the command that mends it on this machine)
EXPLANATIONS: dict[str, tuple[str, str | None]] = {
    connection_faults.PROXY: (
        "the proxy that {proxy} names does not let it through: {reason}",
        "export NO_PROXY={name}",
    ),
    connection_faults.NAME: (
        "the name {name} has no address: {reason}: correct it, or ask who runs this network's DNS",
        None,
    ),
    connection_faults.UNTRUSTED: (
        "the certificate of {host} is not trusted: CA.pem stands for its authority",
        "export DOCKER_CREDENTIAL_GCR_CA_FILE=CA.pem; sudo mkdir -p /etc/docker/certs.d/{host} && "
        "sudo cp CA.pem /etc/docker/certs.d/{host}/ca.crt",
    ),
    connection_faults.PLAIN: (
        "{host} does not speak TLS, which docker demands of it: the registry's operator can add it, "
        "or name it in insecure-registries of docker's daemon.json",
        None,
    ),
    connection_faults.SILENT: (
        "{host} does not answer in time",
        "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60",
    ),
    connection_faults.REFUSED: (
        "nothing listens at {host}: correct the host or the port, or ask the registry's operator to start it",
        None,
    ),
    connection_faults.DOWN: ("cannot reach {host}: {reason}: ask who runs this network", None),
}
EMULATOR_EXPLANATIONS: dict[str, tuple[str, str | None]] = {
    connection_faults.REFUSED: (
        "nothing listens at {host}: the emulator is not running; --data DIR names where its state is",
        "gcr-emulator serve --port {port}",
    ),
    connection_faults.UNTRUSTED: (
        "the certificate of {host} is not trusted: CA.pem stands for the emulator's authority, "
        "DATA/keys/ca.pem",
        "export DOCKER_CREDENTIAL_GCR_CA_FILE=CA.pem; "
        "gcr-emulator trust --server https://{host} --ca CA.pem | sudo sh",
    ),
}
