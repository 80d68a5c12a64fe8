"""A login in a real browser: Chromium, the sign-in pages, our own program, and the registry behind them.

https://www.selenium.dev/documentation/webdriver/
"""

import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import title_contains, url_contains
from selenium.webdriver.support.wait import WebDriverWait

from docker_credential_gcr.pytest_plugin import GcrEmulator

WAIT_S = 30


@pytest.fixture(scope="session")
def chromium(require_program: Callable[[str], str]) -> Iterator[webdriver.Chrome]:
    """A browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = require_program("chromium")
    # As root it has no sandbox, and a container's /dev/shm may be too small for it.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(require_program("chromedriver")))
    driver.set_page_load_timeout(WAIT_S)
    yield driver
    driver.quit()


class Person:
    """Somebody at the browser, who sees one page after the other."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver

    def open(self, url: str) -> str:
        self._driver.get(url)
        return self.heading

    def press(self, text: str, title: str) -> str:
        """Press the button with that text; the heading of the page with that title."""
        self._driver.find_element(By.XPATH, f"//button[contains(normalize-space(), '{text}')]").click()
        WebDriverWait(self._driver, WAIT_S).until(title_contains(title))
        return self.heading

    def write(self, label: str, text: str) -> None:
        """Write into the field with that label."""
        field = self._driver.find_element(By.XPATH, f"//label[normalize-space() = '{label}']")
        self._driver.find_element(By.ID, field.get_attribute("for") or "").send_keys(text)

    def press_and_leave(self, text: str) -> str:
        """Press the button that leads back to the program, whose page it is."""
        self._driver.find_element(By.XPATH, f"//button[normalize-space() = '{text}']").click()
        WebDriverWait(self._driver, WAIT_S).until(url_contains("http://127.0.0.1:"))
        return self.heading

    @property
    def heading(self) -> str:
        return self._driver.find_element(By.TAG_NAME, "h1").text

    def list_complaints(self) -> list[str]:
        """What the browser has refused to do for a page, such as to show its style."""
        return [str(entry["message"]) for entry in self._driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture
def person(chromium: webdriver.Chrome) -> Iterator[Person]:
    """Somebody whose browser knows nothing yet."""
    yield Person(chromium)
    chromium.delete_all_cookies()


class Helper:
    """Our program, led to the emulator in place of Google."""

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
        """A login that waits for the browser, and the address that it shows for it."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [self._program, "login"],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=self._environ,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("  http"):
                return process, line.strip()
        raise AssertionError("login ended before it showed an address")


@pytest.fixture
def helper(environ: dict[str, str], gcr_emulator: GcrEmulator) -> Helper:
    return Helper(environ, gcr_emulator)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """The exit status, stdout, and the rest of what it said."""
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
    )  # there is no such image: she may look
    assert helper.run("logout")[0] == 0
    assert requests.get(catalog, auth=auth, timeout=30).status_code == 401
    assert helper.run("get", stdin=helper.registry)[0] == 1


def test_who_denies_is_not_logged_in_and_is_told_so(person: Person, helper: Helper) -> None:
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


def test_the_browser_has_nothing_to_complain_of(person: Person, helper: Helper) -> None:
    process, url = helper.begin_login()

    person.open(f"{url}&login_hint=ada@example.com")
    person.press_and_leave("Allow")
    finish(process)

    # The program's own page has no icon.
    assert [text for text in person.list_complaints() if "favicon.ico" not in text] == []


def test_a_request_for_another_place_is_shown_and_not_followed(
    person: Person, gcr_emulator: GcrEmulator, chromium: Any
) -> None:
    url = f"{gcr_emulator.url}/o/oauth2/v2/auth?client_id=32555940559.apps.googleusercontent.com"

    heading = person.open(f"{url}&response_type=code&scope=openid&redirect_uri=http://localhost@127.0.0.1:1/")

    assert (heading, chromium.current_url.startswith(gcr_emulator.url)) == ("Access blocked", True)
