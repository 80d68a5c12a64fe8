"""Refusals of the registry, as clients show them."""

NOT_AUTHORIZED = (
    "unauthorized: You don't have the needed permissions to perform this operation, and you may have "
    "invalid credentials. To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)
MAY_NOT_PUSH = (
    "denied: Token exchange failed for project 'my-project'. Caller does not have permission "
    "'storage.buckets.get'. To configure permissions, follow instructions at: "
    "https://cloud.google.com/container-registry/docs/access-control"
)
