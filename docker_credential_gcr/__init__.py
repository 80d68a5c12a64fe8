"""Docker credential helper for Google's container registries.

As a library:

    from docker_credential_gcr import RegistryAuth, get_token
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_gcr.helper.tokens import AccessToken

    from .errors import CredentialsNotFound, Error, TokenError
    from .library import get_token
    from .requests_auth import RegistryAuth

__all__ = [
    "AccessToken",
    "CredentialsNotFound",
    "Error",
    "RegistryAuth",
    "TokenError",
    "__version__",
    "get_token",
]

_MODULES = {
    "AccessToken": "helper.tokens",
    "CredentialsNotFound": "errors",
    "Error": "errors",
    "RegistryAuth": "requests_auth",
    "TokenError": "errors",
    "get_token": "library",
}


def __getattr__(name: str) -> object:
    # Lazy, because Docker's verbs use none of these and must start fast.
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
