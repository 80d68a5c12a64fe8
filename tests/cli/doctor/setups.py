"""Setups that `doctor` finds broken, with the finding and the command for each."""

from collections.abc import Callable
from dataclasses import dataclass

from cli.doctor.breakages import (
    CLOSED,
    add_auths,
    break_interpreter,
    configure_another,
    configure_tls,
    cut_interpreter,
    delete_account,
    delete_key,
    disable_api,
    export,
    install_googles,
    keep_login,
    log_in_to_gcloud_later,
    make_a_snap,
    make_docker_a_directory,
    make_sudo,
    remove_gcloud,
    remove_helper,
    set_fault,
    set_helpers,
    stop_emulator,
    use_key_of,
    use_sources,
    use_token_first,
    void_token,
)
from cli.doctor.machine import EMAIL, PROGRAM, Machine


@dataclass(frozen=True)
class Setup:
    """How a machine is broken, and the finding of `doctor`.

    Without a command, nothing on this machine mends it. `is_mended` is False where the machine has another
    fault after the command. In `text` and `command`, REGISTRY, PORT, BIN, HOME, OWN and DIR stand for values
    of this machine.
    """

    break_it: Callable[[Machine], object]
    check: str
    text: str
    command: str | None
    state: str = "fault"
    is_mended: bool = True
    target: str = "REGISTRY/my-project/app"
    needs: tuple[str, ...] = ()


ELSEWHERE = {"Www-Authenticate": 'Bearer realm="https://evil.example/token",service="REGISTRY"'}
GIVE_SOURCE = f"{PROGRAM} config --registry REGISTRY --token-source file:KEY.json"
CONFIGURE = f"{PROGRAM} configure-docker --registries REGISTRY"
NEW_KEY = (
    "gcr-emulator key create --server http://REGISTRY --project my-project --account ci "
    "--output DIR/key.json --force"
)
GRANT = (
    "gcr-emulator iam grant --server http://REGISTRY --project my-project "
    f"--member serviceAccount:{EMAIL.replace('ci@', 'other@')} --role "
)
SETUPS: dict[str, Setup] = {
    "the helper is not on PATH": Setup(
        remove_helper,
        "path",
        "is not on PATH, where docker looks for it",
        'export PATH="BIN:$PATH"',
    ),
    "Google's helper comes first on PATH": Setup(
        install_googles,
        "program",
        "is another program: `version` prints Google Container Registry Docker credential helper 2.1.22",
        'export PATH="BIN:$PATH"',
    ),
    "the helper's Python is gone": Setup(
        break_interpreter,
        "program",
        "cannot be run: No such file or directory",
        'export PATH="BIN:$PATH"',
    ),
    "the path of the helper's Python has a space": Setup(
        cut_interpreter,
        "program",
        "its first line names 'DIR/a b/python', which has a space",
        "'DIR/a b/python' -m docker_credential_gcr.helper.launcher",
    ),
    "config.json is malformed": Setup(
        lambda machine: machine.docker.write_text('{"auths": {},}'),
        "docker configuration",
        "line 1",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json is a directory": Setup(
        make_docker_a_directory,
        "docker configuration",
        "Is a directory",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json has helpers that are not an object": Setup(
        lambda machine: machine.docker.write_text('{"credHelpers": []}'),
        "docker configuration",
        "'credHelpers' is not an object",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json begins with a byte order mark": Setup(
        lambda machine: machine.docker.write_bytes(b"\xef\xbb\xbf" + machine.docker.read_bytes()),
        "docker configuration",
        "begins with a byte order mark, which docker refuses",
        CONFIGURE,
    ),
    "docker asks no helper": Setup(
        lambda machine: machine.docker.unlink(), "not configured", "docker asks no helper for it", CONFIGURE
    ),
    "docker asks another helper": Setup(
        set_helpers(REGISTRY="gcloud"),
        "other helper",
        "docker asks docker-credential-gcloud for it",
        f"{CONFIGURE} --overwrite",
    ),
    "docker asks its own file": Setup(
        set_helpers(REGISTRY=""),
        "other helper",
        "docker asks its own file for it",
        f"{CONFIGURE} --overwrite",
    ),
    "another program is the whole store": Setup(
        lambda machine: machine.docker.write_text('{"credsStore": "desktop"}'),
        "other helper",
        "docker asks docker-credential-desktop for it",
        f"{CONFIGURE} --overwrite",
    ),
    "the registry's name has a scheme": Setup(
        set_helpers(**{"https://REGISTRY": "gcr"}),
        "not configured",
        "docker never asks for 'https://REGISTRY': it compares the names byte for byte",
        CONFIGURE,
    ),
    "a stale login is left in auths": Setup(
        add_auths,
        "stale login",
        "holds a login of it, which some clients use instead",
        "docker logout REGISTRY",
        state="warning",
        needs=("docker",),
    ),
    "a variable outranks helpers": Setup(
        export(DOCKER_AUTH_CONFIG='{"auths": {}}'),
        "variable",
        "DOCKER_AUTH_CONFIG holds logins",
        "unset DOCKER_AUTH_CONFIG",
        state="warning",
    ),
    "docker is a snap": Setup(
        lambda machine: (make_a_snap(machine), make_sudo('rm -f "$(dirname "$0")/docker"')(machine)),
        "snap",
        "is a snap, which cannot run a helper outside of it",
        "sudo snap remove docker && sudo apt-get install docker.io",
    ),
    "the helper's configuration is malformed": Setup(
        lambda machine: machine.own.write_text("{"),
        "configuration",
        "is malformed",
        "mv OWN OWN.broken",
    ),
    "a variable of the helper's is malformed": Setup(
        export(DOCKER_CREDENTIAL_GCR_TIMEOUT="soon"),
        "configuration",
        "DOCKER_CREDENTIAL_GCR_TIMEOUT must be a number of seconds",
        "unset DOCKER_CREDENTIAL_GCR_TIMEOUT",
    ),
    "the registry has no token source": Setup(
        lambda machine: machine.own.unlink(),
        "no source",
        "has no token source: it gets no token",
        GIVE_SOURCE,
    ),
    "no source has a credential": Setup(
        use_sources("none"),
        "no credential",
        "no token source has a credential",
        f"{PROGRAM} login --key-file KEY.json --registries REGISTRY",
    ),
    "the key file is gone": Setup(
        lambda machine: machine.key.unlink(), "key file", "No such file or directory", GIVE_SOURCE
    ),
    "the key file is cut off": Setup(
        lambda machine: machine.key.write_text("{"),
        "key file",
        "is not JSON",
        "gcr-emulator key create "
        "--server http://REGISTRY --project PROJECT --account ACCOUNT --output DIR/key.json --force",
    ),
    "the variable names no file": Setup(
        lambda machine: (
            use_sources("env", f"file:{machine.key}")(machine),
            export(GOOGLE_APPLICATION_CREDENTIALS=str(machine.directory / "absent"))(machine),
        ),
        "variable",
        "GOOGLE_APPLICATION_CREDENTIALS: cannot read key file",
        "unset GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "the key was deleted": Setup(delete_key, "key refused", "invalid_grant: Invalid JWT Signature", NEW_KEY),
    "d10-the key was deleted while a token of it is in the cache": Setup(
        use_token_first(delete_key), "key refused", "invalid_grant: Invalid JWT Signature", NEW_KEY
    ),
    "d10-the emulator was started with new state while a token is in the cache": Setup(
        use_token_first(lambda machine: (machine.emulator.reset(), machine.emulator.project())),
        "key refused",
        "invalid_grant: Invalid grant: account not found",
        NEW_KEY,
    ),
    "d10-the token in the cache is void": Setup(
        use_token_first(void_token),
        "token",
        "the registry refuses the token in the cache, and accepts a new one",
        "rm -r HOME/.cache/docker-credential-gcr",
    ),
    "the account was deleted": Setup(
        delete_account, "key refused", "invalid_grant: Invalid grant: account not found", NEW_KEY
    ),
    "the clock is an hour off": Setup(
        lambda machine: machine.emulator.clock.shift(3700),
        "clock",
        "invalid_grant: Invalid JWT: Token must be a short-lived token",
        "curl -sS -X PUT -d '{\"offset_s\": 0}' http://REGISTRY/_emulator/clock",
        needs=("curl",),
    ),
    "the login has ended": Setup(
        keep_login,
        "login ended",
        "answered 400: invalid_grant",
        f"{PROGRAM} login",
        is_mended=False,
    ),
    "gcloud is not installed": Setup(
        remove_gcloud,
        "gcloud missing",
        "gcloud is not on PATH",
        GIVE_SOURCE,
    ),
    "gcloud is not logged in": Setup(
        log_in_to_gcloud_later, "gcloud login", "gcloud is not logged in", "gcloud auth login"
    ),
    "the token endpoint is down": Setup(
        lambda machine: machine.edit(
            machine.key, lambda key: key | {"token_uri": f"http://localhost:{CLOSED}/token"}
        ),
        "token endpoint",
        f"cannot reach localhost:{CLOSED}: Connection refused",
        NEW_KEY,
    ),
    "d10-the registry is a foreign one": Setup(
        lambda _: None,
        "foreign registry",
        "it is neither a Google registry nor configured for this helper: docker logs in without it",
        None,
        state="ok",
        target="quay.io/coreos/etcd:v3",
    ),
    "d10-a foreign registry where this is the whole store": Setup(
        lambda machine: machine.docker.write_text('{"credsStore": "gcr"}'),
        "foreign registry",
        "it is neither a Google registry nor configured for this helper: docker logs in without it",
        None,
        state="ok",
        target="quay.io",
    ),
    "d10-an emulator that nothing is configured for": Setup(
        lambda machine: (machine.docker.unlink(), machine.own.unlink()),
        "not configured",
        "neither docker nor the helper is configured for it",
        f"{CONFIGURE} --token-source file:KEY.json",
    ),
    "d10-the name cannot be a repository": Setup(
        lambda _: None,
        "image name",
        "upper case is not allowed: write REGISTRY/my-project/hello",
        None,
        target="REGISTRY/my-project/HELLO",
    ),
    "d10-the name is not of a project": Setup(
        lambda _: None,
        "image name",
        "it is not PROJECT/IMAGE: write REGISTRY/PROJECT/hello",
        None,
        target="REGISTRY/hello:1",
    ),
    "d10-the project is unknown": Setup(
        lambda _: None,
        "project",
        "there is no project other-project: no image can be in it",
        "gcr-emulator project create --server http://REGISTRY other-project",
        target="REGISTRY/other-project/app",
    ),
    "d08-the repository does not exist": Setup(
        lambda _: None,
        "repository",
        "there is no repository images: a push would fail",
        "gcr-emulator repository create images --location us --project my-project --server http://REGISTRY",
        target="REGISTRY/us-docker.pkg.dev/my-project/images/app",
    ),
    "no right to pull": Setup(
        use_key_of(None), "pull", "answers 403: ", GRANT + "roles/storage.objectViewer"
    ),
    "no right to push": Setup(
        use_key_of("roles/viewer"),
        "push",
        "answers 403: Token exchange failed",
        GRANT + "roles/storage.admin",
        state="warning",
    ),
    "the API is off": Setup(
        disable_api,
        "API off",
        "Artifact Registry API has not been used in project ",
        "curl -sS -X POST -d '{}' "
        "http://REGISTRY/v1/projects/my-project/services/artifactregistry.googleapis.com:enable",
        target="REGISTRY/us-docker.pkg.dev/my-project/images/app",
        needs=("curl",),
    ),
    "the registry is down": Setup(
        stop_emulator,
        "refused",
        "nothing listens at REGISTRY: the emulator is not running",
        "gcr-emulator serve --port PORT",
        target="REGISTRY",
    ),
    "the registry fails": Setup(
        set_fault("/v2/", 503),
        "registry",
        "the registry fails: http://REGISTRY/v2/ answers 503: its operator must mend it",
        None,
    ),
    "the registry is slow": Setup(
        lambda machine: (
            set_fault("/v2/", None, delay_s=1.2)(machine),
            export(DOCKER_CREDENTIAL_GCR_TIMEOUT="1")(machine),
        ),
        "silent",
        "REGISTRY does not answer in time",
        "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60",
    ),
    "not a registry": Setup(
        set_fault("/v2/", 404, "<html>"),
        "registry",
        "this is not a registry: http://REGISTRY/v2/ answers 404 without a challenge: correct its name",
        None,
    ),
    "the realm is on another host": Setup(
        set_fault("/v2/", 401, headers=ELSEWHERE),
        "challenge",
        "it sends clients to evil.example for a token: doctor sends no credential there: "
        "the registry's operator must mend it",
        None,
    ),
    "the certificate is not trusted": Setup(
        configure_tls,
        "tls",
        "the certificate of REGISTRY is not trusted: CA.pem stands for the emulator's authority",
        "export DOCKER_CREDENTIAL_GCR_CA_FILE=CA.pem; "
        "gcr-emulator trust --server https://REGISTRY --ca CA.pem | sudo sh",
        target="REGISTRY",
    ),
    "the name leads nowhere": Setup(
        configure_another("registry.invalid"),
        "name",
        "the name registry.invalid has no address: ",
        None,
        target="registry.invalid",
    ),
    "the proxy is down": Setup(
        lambda machine: (
            configure_another("registry.invalid:5000")(machine),
            export(HTTPS_PROXY=f"http://127.0.0.1:{CLOSED}")(machine),
        ),
        "proxy",
        "the proxy that HTTPS_PROXY names does not let it through: Connection refused",
        "export NO_PROXY=registry.invalid",
        is_mended=False,
        target="registry.invalid:5000",
    ),
    "the proxy is malformed": Setup(
        lambda machine: (
            configure_another("registry.invalid:5000")(machine),
            export(HTTPS_PROXY="http://[")(machine),
        ),
        "proxy",
        "the proxy that HTTPS_PROXY names does not let it through: it is not the URL of a proxy that can be "
        "asked",
        "export NO_PROXY=registry.invalid",
        is_mended=False,
        target="registry.invalid:5000",
    ),
    "the cache cannot be written": Setup(
        export(DOCKER_CREDENTIAL_GCR_CACHE_DIR="/dev/null/cache"),
        "cache",
        "tokens cannot be cached in '/dev/null/cache': each call fetches a new one",
        'export DOCKER_CREDENTIAL_GCR_CACHE_DIR="$(mktemp -d)"',
        state="warning",
    ),
    "the image is not there": Setup(
        lambda _: None,
        "image",
        "REGISTRY/my-project/app:v1 is not there: the registry answers 404",
        None,
        state="warning",
        target="REGISTRY/my-project/app:v1",
    ),
}
