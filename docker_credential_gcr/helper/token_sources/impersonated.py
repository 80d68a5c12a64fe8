"""A service account that is impersonated, with any other source as the way to it."""

from docker_credential_gcr.helper.tokens import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.config import Settings
    from docker_credential_gcr.helper.tokens.access_token import AccessToken

    from . import TokenRequest, TokenSource

API_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"  # gcloud's own
API_URL = "https://iamcredentials.googleapis.com/"


class Impersonated:
    """A source whose tokens are the impersonated account's."""

    __slots__ = ("account", "api_url", "base", "delegates", "identity", "lifetime_s")

    is_kept = True

    def __init__(self, base: "TokenSource", settings: "Settings", environ: "Mapping[str, str]") -> None:
        self.base = base
        self.account = settings.impersonate or ""
        self.delegates = settings.delegates
        self.lifetime_s = settings.lifetime_s
        self.api_url = environ.get(API_VARIABLE) or API_URL
        chain = (self.api_url, self.account, cache.frame(self.delegates), str(self.lifetime_s))
        self.identity = ("impersonated", *chain, cache.frame(base.identity))

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """A token of the impersonated account. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import impersonation

        return impersonation.fetch_token(self, request, deadline)
