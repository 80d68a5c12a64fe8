"""Docker credential helper for Google's container registries."""

__version__ = "0.1.0"

__all__ = ["Error", "__version__"]


def __getattr__(name: str) -> type[Exception]:
    # Lazy: Docker's verbs start without loading what they do not use.
    if name == "Error":
        from docker_credential_gcr.errors import Error

        return Error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
