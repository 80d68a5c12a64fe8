"""Pod identity as a token source: Google's STS exchanges the token of the pod's service account.

POST /v1/token grant_type=…:token-exchange&audience=//iam.googleapis.com/…&subject_token=eyJ…
answers {"access_token": "ya29.…", "issued_token_type": "…", "token_type": "Bearer", "expires_in": 3599}
https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
"""

import time
from collections.abc import Mapping

from docker_credential_gcr.errors import TokenError, TokenRefused
from docker_credential_gcr.helper.google_auth import endpoint, http, oauth
from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest, is_token

API_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS"  # gcloud's variable
API_URL = "https://sts.googleapis.com/"
TYPES = "urn:ietf:params:oauth:token-type:"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # https://www.rfc-editor.org/rfc/rfc8693
HINT = "check --sts-audience, the pool's provider, and the audience of the kubelet's tokens"


class PodIdentity:
    """The token of a pod's service account. Its access tokens are not cached: the kubelet caches them."""

    is_cached = False
    identity = ()

    def __init__(self, value: str, audience: str, environ: Mapping[str, str]) -> None:
        self._value = value
        self._audience = audience
        self._api_url = environ.get(API_VARIABLE) or API_URL

    def fetch(self, request: TokenRequest, deadline: float) -> AccessToken:
        """Returns the federated access token. Raises TokenError."""
        if not is_token(self._value):
            raise TokenError("the service account token is not a token that can be sent")
        target = endpoint.get_endpoint(f"{self._api_url.rstrip('/')}/v1/token", API_VARIABLE)
        endpoint.check_use("the service account token", "token service", target, request)
        form = {
            "grant_type": EXCHANGE,
            "audience": self._audience,
            "scope": " ".join(request.scopes),
            "requested_token_type": TYPES + "access_token",
            "subject_token": self._value,
            "subject_token_type": TYPES + "jwt",
        }
        asked_at = int(time.time())
        answer = http.send("POST", target, form=form, headers={}, deadline=deadline)
        members = oauth.parse_answer(target.host, answer, HINT)
        token = oauth.parse_token(target.host, members, asked_at)
        if not token.is_fresh(asked_at):
            raise TokenRefused(f"{target.host} answered an expired access token")
        return token
