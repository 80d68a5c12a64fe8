"""Paths of the files of gcloud, of the helper and of Docker, and of the cache; and how they are read."""

import errno
import os
import sys

from docker_credential_gcr.errors import ConfigError, find_secret_form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CACHE = "DOCKER_CREDENTIAL_GCR_CACHE"
MAX_SIZE = 1024 * 1024  # of a configuration, in bytes
# The file type in a mode. Not from `stat`, which would be one more module to load.
S_IFMT, S_IFREG, S_IFDIR, S_IFCHR = 0o170000, 0o100000, 0o040000, 0o020000
# O_NONBLOCK: without it, opening a FIFO would wait for a writer.
OPEN_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
HINT = "make it a regular file that you can read, or move it away"  # for a file that cannot be read
NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def read_file(path: str, limit: int = MAX_SIZE, *, flags: int = 0) -> tuple[bytes, os.stat_result]:
    """Returns the content of a regular file, and its stat; the null device is an empty file.

    Never blocks, and reads at most `limit` bytes. Raises OSError with its text in `strerror`, also for a
    directory, a FIFO, a device and a larger file.
    """
    try:
        descriptor = os.open(path, OPEN_FLAGS | flags)
    except ValueError as error:  # NUL, or a character that no path has
        raise OSError(errno.EINVAL, "not the name of a file", path) from error
    try:
        found = os.fstat(descriptor)
        _check_kind(path, found)
        data = os.read(descriptor, min(found.st_size, limit) + 1)
        while len(data) <= limit and (part := os.read(descriptor, 65536)):  # st_size is 0 in /proc
            data += part
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {format_size(limit)}", path)
    return data, found


def find_identity(path: str) -> tuple[str, ...]:
    """Returns the identity of the file at a path, which may be absent."""
    try:
        return make_identity(path, os.stat(path))
    except (OSError, ValueError):
        return make_identity(path, None)


def make_identity(path: str, found: "os.stat_result | None") -> tuple[str, ...]:
    """Returns texts that differ for another file, and for other content of a file: part of a cache key.

    With the ctime, because `cp -p` sets the mtime, and because inode numbers are reused.
    """
    try:
        place = os.path.abspath(path)
    except OSError:  # the current directory was removed: a relative path leads nowhere
        place = path
    if found is None:
        return (place,)
    return (place, str(found.st_ino), str(found.st_size), str(found.st_mtime_ns), str(found.st_ctime_ns))


def format_size(limit: int) -> str:
    """Returns a size for a message: 64 KiB, 1 MiB."""
    return f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"


def _check_kind(path: str, found: os.stat_result) -> None:
    kind = found.st_mode & S_IFMT
    if kind == S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if kind != S_IFREG and not (kind == S_IFCHR and found.st_rdev == os.stat(os.devnull).st_rdev):
        raise OSError(errno.EINVAL, "not a regular file", path)


def find_home(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the user's home directory: from the variable, else from the password database, else None."""
    home = find_variable(environ, "USERPROFILE" if platform == "win32" else "HOME")
    if home or platform == "win32":
        return home or None
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir or None
    except (ImportError, KeyError):  # a container's user without an entry
        return None


def find_gcloud_dir(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the directory of gcloud's configuration, which Google's helper uses as well."""
    given = find_variable(environ, "CLOUDSDK_CONFIG")
    if given:
        return given
    if platform == "win32":
        return _join(platform, find_variable(environ, "APPDATA"), "gcloud")
    return _join(platform, find_home(environ, platform), ".config", "gcloud")


def find_adc_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the well-known file of Application Default Credentials."""
    return _join(platform, find_gcloud_dir(environ, platform), "application_default_credentials.json")


def find_config_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the helper's configuration, which Google's helper reads as well."""
    given = find_variable(environ, "DOCKER_CREDENTIAL_GCR_CONFIG")
    return given or _join(platform, find_gcloud_dir(environ, platform), "docker_credential_gcr_config.json")


def find_logins_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the file of the logins of `docker login`, next to the helper's configuration."""
    return _find_sibling("docker_credential_gcr_logins.json", environ, platform)


def find_undo_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the record of the changes of `configure-docker`, next to the helper's configuration."""
    return _find_sibling("docker_credential_gcr_undo.json", environ, platform)


def _find_sibling(other: str, environ: "Mapping[str, str]", platform: str) -> str | None:
    path = find_config_file(environ, platform)
    if path is None:
        return None
    separators = "/\\" if platform == "win32" else "/"
    name = path
    for separator in separators:
        name = name.rpartition(separator)[2]
    return path[: len(path) - len(name)] + other


def find_store_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the file in which Google's helper stores a login."""
    given = find_variable(environ, "DOCKER_CREDENTIAL_GCR_STORE")
    return given or _join(platform, find_gcloud_dir(environ, platform), "docker_credentials.json")


def find_cache_dir(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns the directory of the cached access tokens; None when the cache is off or there is no home."""
    if environ.get(CACHE) == "off":
        return None
    given = find_variable(environ, "DOCKER_CREDENTIAL_GCR_CACHE_DIR")
    if given:
        return given
    if platform == "win32":
        return _join(platform, find_variable(environ, "LOCALAPPDATA"), "docker-credential-gcr")
    if platform == "darwin":
        return _join(platform, find_home(environ, platform), "Library", "Caches", "docker-credential-gcr")
    xdg = find_variable(environ, "XDG_CACHE_HOME") or ""
    # A relative path is to be ignored: https://specifications.freedesktop.org/basedir/
    if xdg.startswith("/"):
        return _join(platform, xdg, "docker-credential-gcr")
    return _join(platform, find_home(environ, platform), ".cache", "docker-credential-gcr")


def find_docker_config_file(environ: "Mapping[str, str]", platform: str = sys.platform) -> str | None:
    """Returns Docker's config.json. An empty DOCKER_CONFIG counts as unset, as it does for docker."""
    given = find_variable(environ, "DOCKER_CONFIG")
    if given:
        return _join(platform, given, "config.json")
    return _join(platform, find_home(environ, platform), ".docker", "config.json")


def _join(platform: str, directory: str | None, *names: str) -> str | None:
    if not directory:
        return None
    separator = "\\" if platform == "win32" else "/"
    return separator.join((directory.rstrip(separator), *names))


WRITE_FILE = "write it to a file that only you can read, and let the variable name the file"
FILE_PATH, DIRECTORY_PATH, HOST, URL = "the path of a file", "the path of a directory", "a host", "a URL"
# Variables for a path, a host, a URL or a name, each of which may hold a secret by mistake.
VARIABLES = {
    "APPDATA": DIRECTORY_PATH,
    "CLOUDSDK_ACTIVE_CONFIG_NAME": "the name of a configuration",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": URL,
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": URL,
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": FILE_PATH,
    "CLOUDSDK_AUTH_AUTH_HOST": URL,
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": FILE_PATH,
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": "an account",
    "CLOUDSDK_AUTH_TOKEN_HOST": URL,
    "CLOUDSDK_CONFIG": DIRECTORY_PATH,
    "CLOUDSDK_CORE_ACCOUNT": "an account",
    "CURL_CA_BUNDLE": FILE_PATH,
    "DOCKER_CONFIG": DIRECTORY_PATH,
    "DOCKER_CREDENTIAL_GCR_CACHE": "on or off",
    "DOCKER_CREDENTIAL_GCR_CACHE_DIR": DIRECTORY_PATH,
    "DOCKER_CREDENTIAL_GCR_CA_FILE": FILE_PATH,
    "DOCKER_CREDENTIAL_GCR_CONFIG": FILE_PATH,
    "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS": "hosts",
    "DOCKER_CREDENTIAL_GCR_KEYRING": "keyring, file or off",
    "DOCKER_CREDENTIAL_GCR_LOG": FILE_PATH,
    "DOCKER_CREDENTIAL_GCR_MIN_TTL": "seconds",
    "DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT": "on or off",
    "DOCKER_CREDENTIAL_GCR_STORE": FILE_PATH,
    "DOCKER_CREDENTIAL_GCR_TIMEOUT": "seconds",
    "DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": "token sources",
    "GCE_METADATA_HOST": HOST,
    "GCE_METADATA_IP": HOST,
    "GOOGLE_API_CERTIFICATE_CONFIG": FILE_PATH,
    "GOOGLE_APPLICATION_CREDENTIALS": FILE_PATH,
    "HOME": DIRECTORY_PATH,
    "LOCALAPPDATA": DIRECTORY_PATH,
    "REGISTRY_AUTH_FILE": FILE_PATH,
    "REQUESTS_CA_BUNDLE": FILE_PATH,
    "SUDO_USER": "the name of a user",
    "USERPROFILE": DIRECTORY_PATH,
    "XDG_CACHE_HOME": DIRECTORY_PATH,
    "XDG_CONFIG_HOME": DIRECTORY_PATH,
    "XDG_RUNTIME_DIR": DIRECTORY_PATH,
}


def find_variable(environ: "Mapping[str, str]", name: str) -> str | None:
    """Returns the value of a variable of the table; None when it is empty or not set.

    Raises ConfigError, which does not repeat the value, for a value that looks like a secret.
    """
    value = environ.get(name)
    form = find_secret_form(value) if value else None
    if form:
        hint = WRITE_FILE if VARIABLES[name] == FILE_PATH else f"correct or unset {name}"
        text = f"{name} holds {form}, not {VARIABLES[name]}"
        raise ConfigError(text, hint=hint, check="variable", command=f"unset {name}")
    return value or None


def format_moving(path: str | None) -> str:
    """Returns the command that moves a malformed file away."""
    import shlex  # 1 ms, needed only for a malformed file

    quoted = shlex.quote(path or "")
    return f"mv {quoted} {quoted}.broken"
