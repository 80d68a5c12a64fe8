"""What a client may do with a scope, in the words of the consent page.

https://developers.google.com/identity/protocols/oauth2/scopes
"""

_PREFIX = "https://www.googleapis.com/auth/"
_DESCRIPTIONS = {
    "openid": "Know that it is you who comes back",
    "email": "See your e-mail address",
    "profile": "See your name",
    f"{_PREFIX}userinfo.email": "See your e-mail address",
    f"{_PREFIX}userinfo.profile": "See your name",
    f"{_PREFIX}cloud-platform": "See, change and delete whatever your roles let you",
    f"{_PREFIX}cloud-platform.read-only": "See whatever your roles let you",
    f"{_PREFIX}devstorage.read_only": "Pull images, and see what is in Cloud Storage",
    f"{_PREFIX}devstorage.read_write": "Push and pull images, and change what is in Cloud Storage",
    f"{_PREFIX}devstorage.full_control": "Change what is in Cloud Storage, images too, and who may use it",
    f"{_PREFIX}appengine.admin": "See and change App Engine applications",
    f"{_PREFIX}compute": "See and change Compute Engine resources",
    f"{_PREFIX}sqlservice.login": "Log in to Cloud SQL databases",
    f"{_PREFIX}accounts.reauth": "Ask you to prove again who you are",
}


def describe_scope(scope: str) -> str:
    """The words for a scope; empty for one that is not known here."""
    return _DESCRIPTIONS.get(scope, "")
