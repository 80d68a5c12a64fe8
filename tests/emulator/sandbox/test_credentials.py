"""Client configuration of gcr-emulator run: COMMAND's logins do not change the user's files."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

GCR_EMULATOR = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
HELPER = f"{sys.executable} -m docker_credential_gcr"
LIMIT_S = 60
PRIVATE = (
    "DOCKER_CONFIG",
    "REGISTRY_AUTH_FILE",
    "CLOUDSDK_CONFIG",
    "DOCKER_CREDENTIAL_GCR_CONFIG",
    "DOCKER_CREDENTIAL_GCR_STORE",
    "DOCKER_CREDENTIAL_GCR_CACHE_DIR",
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Returns a home with a docker login and a docker plugin."""
    home = tmp_path / "home"
    plugins = home / ".docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").write_text("#!/bin/sh\n")
    (home / ".docker/config.json").write_text('{"auths": {"gcr.io": {"auth": "bWU6bWluZQ=="}}}')
    return home


@pytest.fixture
def run(tmp_path: Path, home: Path) -> Run:
    """Runs a shell script in `gcr-emulator run`, with a TMPDIR in which leftovers can be counted."""
    (tmp_path / "tmp").mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_RUNTIME_DIR": str(tmp_path / "tmp"),
    }

    def call(script: str, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*GCR_EMULATOR, "run", "--project", "my-project", *options, "--", "sh", "-euc", script],
            env=environ | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if "the kernel refuses private namespaces" in done.stderr:
            reason = f"{done.stderr.strip()} (root, or kernel.unprivileged_userns_clone=1, would have them)"
            pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
        assert os.listdir(tmp_path / "tmp") == []
        return done

    return call


def list_files(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()
    }


NAMES = " ".join(f'"${{{name}-}}"' for name in (*PRIVATE, "HOME", "XDG_DATA_HOME"))


def test_d09_the_command_has_its_own_directories(run: Run, home: Path, tmp_path: Path) -> None:
    done = run(f'printf \'%s\\n\' {NAMES}; cat "$REGISTRY_AUTH_FILE"; cat "$DOCKER_CONFIG"/cli-plugins/*')

    *private, own_home, data, document, plugin = done.stdout.splitlines()
    root = Path(private[0]).parent
    assert (done.returncode, done.stderr, root.parent) == (0, "", tmp_path / "tmp")
    assert private == [
        str(root / name)
        for name in (
            "docker",
            "docker/config.json",
            "gcloud",
            "gcloud/docker_credential_gcr_config.json",
            "gcloud/docker_credentials.json",
            "cache",
        )
    ]
    assert (own_home, data, document, plugin) == (str(home), str(home / "data"), "{}", "#!/bin/sh")


def test_d09_the_plugins_of_a_configured_docker_are_linked(run: Run, home: Path) -> None:
    (home / ".docker").rename(home / "conf")

    done = run('readlink "$DOCKER_CONFIG/cli-plugins"', DOCKER_CONFIG=str(home / "conf"))

    assert (done.stdout, done.stderr) == (f"{home}/conf/cli-plugins\n", "")


def test_d09_without_plugins_there_is_no_link(run: Run, home: Path) -> None:
    shutil.rmtree(home / ".docker")

    assert run('ls -A "$DOCKER_CONFIG"').stdout == "config.json\n"


LOGIN = f"""
gcr-emulator key create --project my-project --account ci --role roles/editor \\
    --token-uri google --output key.json
{HELPER} configure-docker --registries gcr.io --token-source file:key.json
printf gcr.io | {HELPER} get
printf '{{"ServerURL":"quay.io","Username":"me","Secret":"mine"}}' | {HELPER} store
""".replace("gcr-emulator", " ".join(GCR_EMULATOR))


def test_d09_the_users_files_stay_as_they_are(run: Run, home: Path) -> None:
    before = list_files(home)

    done = run(LOGIN)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Username"] == "oauth2accesstoken"
    assert list_files(home) == before


def test_d09_keep_credentials_leaves_the_users_places(run: Run, home: Path) -> None:
    done = run(f"printf '%s\\n' {NAMES}", "--keep-credentials", DOCKER_CONFIG="/mine")

    assert done.stdout.splitlines() == ["/mine", *[""] * 5, str(home), str(home / "data")]


def test_d09_a_command_that_fails_leaves_nothing(run: Run) -> None:
    assert run('echo > "$DOCKER_CONFIG/x"; exit 7').returncode == 7


@pytest.mark.needs("skopeo")
def test_d09_skopeo_finds_the_helper_that_was_configured(run: Run, tmp_path: Path) -> None:
    layout = tmp_path / "oci"
    import _image

    _image.make_layout(layout, b"")
    script = f"""
mkdir bin
printf '#!/bin/sh\\nexec {HELPER} "$@"\\n' > bin/docker-credential-gcr
chmod +x bin/docker-credential-gcr
export PATH="$PWD/bin:$PATH"
{LOGIN.partition("printf")[0]}
skopeo copy -q oci:oci docker://gcr.io/my-project/app:v1
"""

    done = run(script)

    assert done.returncode == 0, done.stderr


KINDS = ("service_account", "authorized_user", "external_account", "impersonated_service_account")
MAKE = (
    " ".join(GCR_EMULATOR) + " credentials create --project my-project --role roles/editor --token-uri google"
)


@pytest.mark.parametrize("kind", KINDS)
def test_d09_what_is_made_for_run_asks_nothing_of_google(
    run: Run, home: Path, tmp_path: Path, kind: str
) -> None:
    get = f"printf gcr.io | DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE=file:$PWD/made.json {HELPER} get"
    inside = run(f"{MAKE} --token-uri google --type {kind} --output made.json\n{get}")

    outside = subprocess.run(
        ["sh", "-c", get],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            # Every request to Google fails: no proxy listens there.
            "https_proxy": "http://127.0.0.1:9",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    path = tmp_path / "made.json"
    reason = (
        f"no access token for gcr.io: file: key file '{path}' is for gcr-emulator, "
        "but names Google's endpoints: it is not sent there"
    )
    hint = "use it in gcr-emulator run, or create one with --token-uri emulator"
    assert (inside.returncode, json.loads(inside.stdout)["Username"]) == (0, "oauth2accesstoken")
    assert (outside.returncode, outside.stdout.strip()) == (1, reason)
    assert f"hint: {hint}" in outside.stderr


@pytest.mark.parametrize("uri", ["emulator", "google"])
def test_d09_a_key_is_marked_where_it_names_googles_endpoints(run: Run, uri: str) -> None:
    create = " ".join(GCR_EMULATOR) + " key create --project my-project --account ci --output -"
    document = json.loads(run(f"{create} --token-uri {uri}").stdout)

    assert document.get("gcr_emulator") == (True if uri == "google" else None)


DOCTOR = f"{HELPER} doctor --json us-docker.pkg.dev/%s/images/app"
# The project of the image that doctor examines, and the commands that it prints until it finds no fault.
MENDINGS = {
    "d10-the repository is missing": (
        "my-project",
        [
            "gcr-emulator repository create images --location us --project my-project --server https://localhost"
        ],
    ),
    "d10-the project is missing": (
        "other-project",
        [
            "gcr-emulator project create --server https://localhost other-project",
            "gcr-emulator iam grant --server https://localhost --project other-project --member "
            "serviceAccount:ci@my-project.iam.gserviceaccount.com --role roles/artifactregistry.reader",
            "gcr-emulator repository create images --location us --project other-project "
            "--server https://localhost",
            "gcr-emulator iam grant --server https://localhost --project other-project --member "
            "serviceAccount:ci@my-project.iam.gserviceaccount.com --role roles/artifactregistry.writer",
        ],
    ),
}
MEND = """
import json, subprocess, sys
for _ in range(9):
    done = subprocess.run(sys.argv[1], shell=True, capture_output=True, text=True)
    commands = [found["command"] for found in json.loads(done.stdout)["findings"] if found["command"]]
    if not commands:
        break
    print("\\n".join(commands))
    for command in commands:
        subprocess.run(command, shell=True, check=True, capture_output=True)
"""


@pytest.mark.parametrize(("project", "commands"), MENDINGS.values(), ids=MENDINGS)
def test_what_doctor_prints_in_run_mends_the_emulator(
    run: Run, tmp_path: Path, project: str, commands: list[str]
) -> None:
    (tmp_path / "mend.py").write_text(MEND)
    programs = {"gcr-emulator": " ".join(GCR_EMULATOR), "docker-credential-gcr": HELPER}
    (tmp_path / "bin").mkdir()
    for name, command in programs.items():
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tmp_path / "bin" / name).chmod(0o755)
    script = f"""
export PATH="$PWD/bin:$PATH"
gcr-emulator key create --account ci --role roles/editor --token-uri google --output key.json
docker-credential-gcr configure-docker --registries us-docker.pkg.dev --token-source file:key.json
{sys.executable} mend.py '{DOCTOR % project}'
"""

    done = run(script)

    assert (done.returncode, done.stdout.splitlines()) == (0, commands), done.stderr
