"""The `WWW-Authenticate` challenge of a registry.

https://distribution.github.io/distribution/spec/auth/token/
"""

from functools import lru_cache


# A registry says few of them, and says them to every client first.
@lru_cache(1024)
def format_challenge(realm: str, service: str, scope: str | None = None) -> str:
    """`Bearer realm="…",service="…"[,scope="…"]`.

    No blank after a comma: gcloud splits at the first blank and then at commas, without trimming.
    """
    fields = [("realm", realm), ("service", service)]
    if scope is not None:
        fields.append(("scope", scope))
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields)
