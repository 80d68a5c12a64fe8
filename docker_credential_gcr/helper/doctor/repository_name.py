"""Checks an image's repository name before a registry is asked: which names there can be, and the right form.

https://distribution.github.io/distribution/spec/api/#overview
"""

import re

COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
MAX_SIZE = 255


def find_fault(name: str, *, is_artifact_registry: bool) -> tuple[str, str] | None:
    """Why a repository cannot have this name, and the name that was likely meant; None if it can."""
    form = ("PROJECT", "REPOSITORY", "IMAGE") if is_artifact_registry else ("PROJECT", "IMAGE")
    components = name.split("/")
    if name != name.lower():
        return "upper case is not allowed", name.lower()
    if len(name) > MAX_SIZE:
        return f"it is longer than {MAX_SIZE} characters", "/".join(form)
    wrong = next((part for part in components if not COMPONENT.fullmatch(part)), None)
    if wrong is not None:
        return f"{wrong!r} is more than a-z and 0-9 with single separators", "/".join(form)
    domain = components[:1] if "." in components[0] else []  # of a project such as example.com/my-project
    given = components[len(domain) :]
    if len(given) < len(form):
        likely = (*domain, *given[:-1], *form[max(0, len(given) - 1) : -1], *(given[-1:] or form[-1:]))
        return f"it is not {'/'.join(form)}", "/".join(likely)
    return None
