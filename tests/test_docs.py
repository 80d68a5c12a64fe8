"""The pages name existing files, commands and options, and the changelog has a section for the version."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest
from support.checkout import DOCS, README, ROOT, SCRIPTS, TESTS
from support.pages import PAGES, name_page, read_commands

from docker_credential_gcr import __version__

PROGRAMS = Path(sys.executable).parent
OURS = ("docker-credential-gcr", "gcr-emulator", "gcr-credential-provider")
# Docker's verbs have no options, and no --help.
VERBS = ("get", "store", "erase", "list", "version")
SEPARATORS = set(";&|()<>\n")

CHANGELOG = ROOT / "CHANGELOG.md"
TOP_LEVEL = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")
# All texts for people, and the code that prints to them.
SPOKEN = (*TOP_LEVEL, "docs", "examples", "scripts", "docker_credential_gcr", ".ci")
# pip would ask an index for this name, which is not ours there. A path, with a / before the name, is fine.
BARE_NAME = re.compile(
    r"\b(pip|pipx|uvx?)\b[^.\n/]*\binstall\b[^.\n/]*(\bdocker-credential-gcr\b|\{PROGRAM\})"
)


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_d14_a_project_has_its_files(name: str) -> None:
    assert (ROOT / name).read_text("utf-8").strip()


def test_d14_the_changelog_has_a_section_for_the_version() -> None:
    sections = re.findall(r"^## \[(.+?)\](.*)$", CHANGELOG.read_text("utf-8"), re.MULTILINE)

    assert sections[0] == ("Unreleased", "")
    assert re.fullmatch(r" - \d{4}-\d{2}-\d{2}", dict(sections)[__version__])


@pytest.mark.parametrize("name", SPOKEN)
def test_d01_no_text_installs_the_bare_name_from_an_index(name: str) -> None:
    assert list(find_bare_names(ROOT / name)) == []


def find_bare_names(path: Path) -> Iterator[str]:
    """Yields the lines, in the file or in all files below the directory, that install the bare name."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file() and "__pycache__" not in file.parts:
            lines = enumerate(file.read_text("utf-8").splitlines(), 1)
            yield from (
                f"{file.relative_to(ROOT)}:{n}: {line}" for n, line in lines if BARE_NAME.search(line)
            )


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("pip install docker-credential-gcr", True),
        ("python3 -m pip install --quiet 'docker-credential-gcr[emulator]==0.1.0'", True),
        ("pipx install docker-credential-gcr", True),
        ("uv tool install docker-credential-gcr", True),
        ('f"pip install {PROGRAM}"', True),
        ("pip install '.[emulator]'", False),
        ("pip install '../docker-credential-gcr[emulator]'", False),
        ("pip install --require-hashes --find-links third_party/docker-credential-gcr", False),
    ],
)
def test_the_search_for_the_bare_name_tells_it_from_a_path(line: str, is_bare: bool) -> None:
    assert bool(BARE_NAME.search(line)) == is_bare


@pytest.mark.parametrize("page", [*PAGES, CHANGELOG], ids=name_page)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))

    assert [link for link in links if ":" not in link and not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    """Returns whether the file of a link exists, and has the heading that the link names."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in find_anchors(target.read_text("utf-8")))


def find_anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_check_of_links_sees_a_file_and_a_heading_that_are_not_there() -> None:
    assert leads_somewhere(README, "docs/serve.md#who-may-administer")
    assert leads_somewhere(README, "#install")
    assert not leads_somewhere(README, "docs/serve.md#who-may-not")
    assert not leads_somewhere(README, "docs/no-page.md")


def test_the_contents_name_every_page() -> None:
    contents = (DOCS / "README.md").read_text("utf-8")
    named = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", contents)}

    assert [name_page(page) for page in PAGES if page not in named] == ["README.md", "docs/README.md"]


def test_the_map_names_what_is_there_and_every_directory() -> None:
    (drawn,) = re.findall(r"## Map of the code\n\n```\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    package = ROOT / "docker_credential_gcr"
    named = set(re.findall(r"(?<![/\w])(\w+(?:/|\.py))(?=[\s,;]|$)", drawn))
    there = {
        f"{path.parent.name}/"
        for base in (package, package / "emulator")
        for path in base.glob("*/__init__.py")
    }

    assert there - named == set()
    assert [
        n for n in named if not any((base / n).exists() for base in (ROOT, package, package / "emulator"))
    ] == []


def test_the_map_names_every_script() -> None:
    (words,) = re.findall(r"^scripts/ +(.+)$", README.read_text("utf-8"), re.MULTILINE)
    programs = {path.name for path in SCRIPTS.iterdir() if path.suffix == "" and path.is_file()}

    assert set(re.findall(r"[\w-]+", words)) - {"and", "the", "program"} == programs


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_d07_the_commands_of_a_page_are_shell(page: Path) -> None:
    script = "\n".join(read_commands(page))

    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_d07_the_commands_of_a_page_know_their_options(page: Path) -> None:
    spans = re.findall(rf"(?<!`)`((?:{'|'.join(OURS)}) [^`\n]+)`", page.read_text("utf-8"))
    calls = [call for command in [*read_commands(page), *spans] for call in find_calls(command)]

    assert [unknown for call in calls for unknown in find_unknown(call)] == []


def test_the_walk_over_commands_sees_what_is_not_there() -> None:
    planted = """gcr-emulator run --nonsense -- sh -euc '
        gcr-emulator project crate x | docker-credential-gcr status --jsn' \\
      && curl --nonsense "$(docker-credential-gcr get --nonsense)"  # gcr-emulator nonsense"""

    unknown = [unknown for call in find_calls(planted) for unknown in find_unknown(call)]

    assert sorted(unknown) == [
        "docker-credential-gcr status --jsn",
        "gcr-emulator project crate x",
        "gcr-emulator run --nonsense",
    ]


def find_calls(command: str) -> Iterator[list[str]]:
    """Yields the words of each call of our programs, also in a quoted script or a substitution."""
    tokens = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="".join(SEPARATORS))
    tokens.whitespace, tokens.whitespace_split = " \t", True
    call: list[str] = []
    for token in [*tokens, ";"]:
        if set(token) <= SEPARATORS:
            if call and call[0] in OURS:
                yield call
            call = []
        elif call or token in OURS:
            call.append(token)
        if " " in token:
            yield from find_calls(token.replace("$(", ";").replace(")", ";"))


def find_unknown(call: list[str]) -> list[str]:
    """Returns the subcommand or the options of the call that its --help does not list."""
    path, rest = call[:1], call[1:]
    while "\nCommands:\n" in read_help(*path) and rest and not rest[0].startswith("-"):
        if not re.search(rf"^ +{re.escape(rest[0])} ", read_help(*path), re.MULTILINE):
            return [shlex.join(call)]
        if path == ["docker-credential-gcr"] and rest[0] in VERBS:
            return []
        path.append(rest.pop(0))
    options = [word.partition("=")[0] for word in takewhile(lambda word: word != "--", rest)]
    known = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", read_help(*path), re.MULTILINE)
    return [f"{shlex.join(path)} {word}" for word in options if word.startswith("--") and word not in known]


@cache
def read_help(*command: str) -> str:
    done = subprocess.run(
        [PROGRAMS / command[0], *command[1:], "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Sentences that were once untrue: the page of each, and the test that fails if it is untrue again.
PROMISES = {
    "J-Z67-dry-run": (
        "docs/helper.md",
        "with `***` for every value that does not change",
        "test_z03_a_value_that_does_not_change_is_masked",
    ),
    "J-Z67-doctor": (
        "docs/helper.md",
        "whether docker, and the helper, can read their files: for docker's, by docker's own types",
        "test_z60_doctor_finds_a_fault_of_docker_s_configuration",
    ),
    "J-Z67-plugin-reason": (
        "docs/kubernetes.md",
        "its reason, without any secret, is on stderr",
        "test_z01_no_option_of_the_kubelet_s_plugin_is_repeated",
    ),
    "J-Z67-node": (
        "docs/kubernetes.md",
        "the node's own credential is neither needed nor used",
        "test_z61_a_request_without_a_pod_s_token_gets_nothing_from_the_node",
    ),
    "J-Z67-full-disk": (
        "docs/operations.md",
        "A full disk leaves the server ready",
        "test_b_z26_full_disk_leaves_the_server_ready_while_others_push",
    ),
    "J-Z67-deleted-project": (
        "docs/google-apis.md",
        "nothing in it can be used from now on",
        "test_d_z20_what_a_deleted_project_holds_is_refused_to_the_operator_too",
    ),
    "J-Z67-page-of-referrers": (
        "docs/operations.md",
        "A page of referrers, and of every listing in Google's APIs, ends before 4 MiB",
        "test_z06_a_page_of_referrers_ends_before_4_mib",
    ),
    "J-Z67-only-json": (
        "docs/google-apis.md",
        "Every error is JSON in Google's form",
        "test_z23_no_malformed_parameter_is_an_internal_error",
    ),
    "J-Z67-data-directory": (
        "docs/serve.md",
        "The directory and each directory in it is 0700, each file 0600, whatever the umask",
        "test_a_z02_workers_and_the_schedule_make_nothing_wide_under_any_umask",
    ),
}


@pytest.mark.parametrize(("page", "sentence", "test"), PROMISES.values(), ids=PROMISES)
def test_a_sentence_that_promises_has_a_test_that_would_tell(page: str, sentence: str, test: str) -> None:
    assert sentence in " ".join((ROOT / page).read_text("utf-8").split())
    tests = (path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))
    assert any(f"def {test}(" in text for text in tests)
