"""Impersonated service account, with another token source as the base."""

from docker_credential_gcr.helper.tokens import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.config import Settings
    from docker_credential_gcr.helper.google_auth.endpoint import Endpoint
    from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest, TokenSource

API_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"  # gcloud's own
API_URL = "https://iamcredentials.googleapis.com/"


class Impersonated:
    """Token source of the impersonated account."""

    __slots__ = ("account", "api_url", "base", "delegates", "identity", "lifetime_s")

    is_cached = True

    def __init__(self, base: "TokenSource", settings: "Settings", environ: "Mapping[str, str]") -> None:
        self.base = base
        self.account = settings.impersonate or ""
        self.delegates = settings.delegates
        self.lifetime_s = settings.lifetime_s
        self.api_url = environ.get(API_VARIABLE) or API_URL
        chain = (self.api_url, self.account, cache.frame(self.delegates), str(self.lifetime_s))
        self.identity = ("impersonated", *chain, cache.frame(base.identity))

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Fetches a token of the impersonated account, with one of the base. Raises TokenError."""
        from docker_credential_gcr.helper.google_auth import impersonation  # 9 ms, which a cached token saves

        target = self.find_target(request)
        base = self.base.fetch(impersonation.make_base_request(target, request), deadline)
        return impersonation.exchange_token(
            target,
            base,
            delegates=self.delegates,
            scopes=request.scopes,
            lifetime_s=self.lifetime_s,
            deadline=deadline,
        )

    def find_target(self, request: "TokenRequest") -> "Endpoint":
        """Returns the URL that generates the account's tokens. Raises TokenError when it may not be asked."""
        from docker_credential_gcr.helper.google_auth import endpoint, impersonation  # 9 ms, as above

        target = endpoint.get_endpoint(impersonation.format_url(self.api_url, self.account), API_VARIABLE)
        endpoint.check_use(f"impersonation of {self.account}", "credential", target, request)
        return target
