"""A login in a real browser: Chromium, the sign-in pages, our own program, and the registry behind them.

https://www.selenium.dev/documentation/webdriver/
"""

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from clients.gcloud.google_cloud import INSTALL
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import (
    presence_of_element_located,
    title_contains,
    url_contains,
)
from selenium.webdriver.support.wait import WebDriverWait

from docker_credential_gcr.pytest_plugin import GcrEmulator

WAIT_S = 120  # other programs may keep the processors busy


@pytest.fixture(scope="session")
def chromium(require_program: Callable[[str], str]) -> Iterator[webdriver.Chrome]:
    """Yields a browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = require_program("chromium")
    # Chromium has no sandbox as root, and a container's /dev/shm may be too small for it.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(require_program("chromedriver")))
    driver.set_page_load_timeout(WAIT_S)
    yield driver
    driver.quit()


class Person:
    """A user at the browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver
        self._wait = WebDriverWait(driver, WAIT_S)

    def open(self, url: str) -> str:
        self._driver.get(url)
        return self.heading

    def press(self, text: str, title: str) -> str:
        """Presses the button with that text; returns the heading of the page with that title."""
        self._find(By.XPATH, f"//button[contains(normalize-space(), '{text}')]").click()
        self._wait.until(title_contains(title))
        return self.heading

    def write(self, label: str, text: str) -> None:
        """Writes into the field with that label."""
        self._find_field(label).send_keys(text)

    def press_and_leave(self, text: str) -> str:
        """Presses the button that leads back to the program's own page."""
        self._find(By.XPATH, f"//button[normalize-space() = '{text}']").click()
        self._wait.until(url_contains("http://127.0.0.1:"))
        return self.heading

    def read(self, label: str) -> str:
        """Returns the text of the field with that label."""
        return self._find_field(label).text

    @property
    def heading(self) -> str:
        return self._find(By.TAG_NAME, "h1").text

    def _find_field(self, label: str) -> WebElement:
        found = self._find(By.XPATH, f"//label[normalize-space() = '{label}']")
        return self._find(By.ID, found.get_attribute("for") or "")

    def _find(self, by: str, value: str) -> WebElement:
        """Waits for an element: the page may still be loading."""
        return self._wait.until(presence_of_element_located((by, value)))

    def list_console_errors(self) -> list[str]:
        """Returns the browser's errors, such as a style sheet that it refused to load."""
        return [str(entry["message"]) for entry in self._driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture
def person(chromium: webdriver.Chrome) -> Iterator[Person]:
    """Returns a user whose browser has no cookies."""
    yield Person(chromium)
    chromium.delete_all_cookies()


class Helper:
    """Our program, configured for the emulator instead of Google."""

    def __init__(self, environ: dict[str, str], emulator: GcrEmulator) -> None:
        self.registry = emulator.registry
        self._program = Path(sysconfig.get_path("scripts")) / "docker-credential-gcr"
        self._environ = {
            **environ,
            "CLOUDSDK_AUTH_AUTH_HOST": f"{emulator.url}/o/oauth2/v2/auth",
            "CLOUDSDK_AUTH_TOKEN_HOST": f"{emulator.url}/token",
        }
        self.run("configure-docker", "--overwrite", "--registries", self.registry, "--token-source", "store")

    def run(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [self._program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environ,
            timeout=WAIT_S,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def begin_login(self) -> tuple["subprocess.Popen[str]", str]:
        """Starts a login that waits for the browser; returns it with the address that it shows."""
        process = start(self._program, "login", environ=self._environ)
        return process, find_address(process, "  http")


def start(program: object, *arguments: str, environ: dict[str, str]) -> "subprocess.Popen[str]":
    """Starts a program whose output can be read while it waits."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [str(program), *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environ
    )


def find_address(process: "subprocess.Popen[str]", beginning: str) -> str:
    """Returns the address that the program shows on a separate line."""
    for line in process.stderr or ():
        if line.startswith(beginning):
            return line.strip()
    raise AssertionError("the program ended before it showed an address")


@pytest.fixture(scope="session")
def gcloud() -> str:
    """Returns the path of gcloud; skips the test where it is missing: Debian has no package of it."""
    path = shutil.which("gcloud")
    if path is None:
        pytest.skip(INSTALL.format("gcloud"))
    return path


@pytest.fixture
def helper(environ: dict[str, str], gcr_emulator: GcrEmulator) -> Helper:
    return Helper(environ, gcr_emulator)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Returns the exit status, stdout, and the rest of stderr."""
    stdout, stderr = process.communicate(timeout=WAIT_S)
    return process.returncode, stdout, stderr.strip()


def test_who_allows_is_logged_in_and_pulls_until_the_logout(
    person: Person, helper: Helper, gcr_emulator: GcrEmulator
) -> None:
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    catalog = f"{gcr_emulator.url}/v2/my-project/app/tags/list"
    process, url = helper.begin_login()

    headings = [
        person.open(url),
        person.press("ada@example.com", "wants access"),
        person.press_and_leave("Allow"),
    ]
    status, stdout, said = finish(process)

    assert headings == [
        "Choose an account",
        "GCR Docker credential helper wants access to your account",
        "You are logged in.",
    ]
    assert (status, stdout, said.partition(";")[0]) == (0, "", "logged in")
    status, stdout, stderr = helper.run("get", stdin=helper.registry)
    assert (status, stderr) == (0, "")
    credential = json.loads(stdout)
    assert credential["Username"] == "oauth2accesstoken"
    auth = ("oauth2accesstoken", credential["Secret"])
    assert (
        requests.get(catalog, auth=auth, timeout=30).status_code == 404
    )  # she has the permission, and the image does not exist
    assert helper.run("logout")[0] == 0
    assert requests.get(catalog, auth=auth, timeout=30).status_code == 401
    assert helper.run("get", stdin=helper.registry)[0] == 1


def test_a_user_who_denies_is_not_logged_in_and_is_told_so(person: Person, helper: Helper) -> None:
    process, url = helper.begin_login()
    person.open(url)
    person.write("E-mail address", "new@example.com")

    headings = [person.press("Next", "wants access"), person.press_and_leave("Deny")]
    outcome = finish(process)

    assert headings == [
        "GCR Docker credential helper wants access to your account",
        "The login was refused.",
    ]
    refused = "docker-credential-gcr: the login was refused: access_denied\nhint: docker-credential-gcr login"
    assert outcome == (1, "", refused)
    assert helper.run("get", stdin=helper.registry)[0] == 1


def test_the_browser_reports_no_error(person: Person, helper: Helper) -> None:
    process, url = helper.begin_login()

    person.open(f"{url}&login_hint=ada@example.com")
    person.press_and_leave("Allow")
    finish(process)

    # The program's own page has no icon.
    assert [text for text in person.list_console_errors() if "favicon.ico" not in text] == []


def test_a_request_for_another_place_is_shown_and_not_followed(
    person: Person, gcr_emulator: GcrEmulator, chromium: Any
) -> None:
    url = f"{gcr_emulator.url}/o/oauth2/v2/auth?client_id=32555940559.apps.googleusercontent.com"

    heading = person.open(f"{url}&response_type=code&scope=openid&redirect_uri=http://localhost@127.0.0.1:1/")

    assert (heading, chromium.current_url.startswith(gcr_emulator.url)) == ("Access blocked", True)


def test_gcloud_logs_in_with_the_code_that_is_shown(
    person: Person, environ: dict[str, str], gcr_emulator: GcrEmulator, gcloud: str
) -> None:
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    environ |= {
        "CLOUDSDK_AUTH_AUTH_HOST": f"{gcr_emulator.url}/o/oauth2/auth",
        "CLOUDSDK_AUTH_TOKEN_HOST": f"{gcr_emulator.url}/token",
        # gcloud's library logs in over https only; this variable allows http.
        "OAUTHLIB_INSECURE_TRANSPORT": "1",
    }

    with start(gcloud, "auth", "login", "--no-launch-browser", environ=environ) as process:
        person.open(find_address(process, "    http"))
        person.press("ada@example.com", "wants access")
        person.press("Allow", "Your code")
        _, said = process.communicate(f"{person.read('Code')}\n", timeout=WAIT_S)
    token = subprocess.check_output(
        [gcloud, "auth", "print-access-token"], env=environ, text=True, timeout=WAIT_S
    )

    assert "You are now logged in as [ada@example.com]." in said
    project = f"{gcr_emulator.url}/v1/projects/my-project"
    headers = {"Authorization": f"Bearer {token.strip()}"}
    assert requests.get(project, headers=headers, timeout=30).status_code == 200
