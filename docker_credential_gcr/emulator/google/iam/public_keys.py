"""Public keys of service accounts (www.googleapis.com), which verify their signatures.

GET /service_accounts/v1/metadata/x509/EMAIL   {KEY ID: "-----BEGIN CERTIFICATE-----\\n…"}
GET /service_accounts/v1/jwk/EMAIL             {"keys": [{"kid": KEY ID, "kty": "RSA", …}]}

https://cloud.google.com/iam/docs/samples/iam-verify-signed-jwt
"""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse

from docker_credential_gcr.emulator.database.accounts import service_account_keys
from docker_credential_gcr.emulator.google.dependencies import GoogleServices
from docker_credential_gcr.emulator.google.rest.errors import NotFound
from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.keys.encoding import format_jwk, load_public_rsa

from .authorization import find_active_account


async def list_certificates(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the account's keys as certificates; needs no credential."""
    found = await _list_keys(request, services)
    return JSONResponse({key.key_id: services.issuer.format_certificate(key) for key in found})


async def list_jwks(request: Request, services: GoogleServices) -> JSONResponse:
    """Returns the account's keys as JSON Web Keys; needs no credential."""
    found = await _list_keys(request, services)
    return JSONResponse({"keys": [format_jwk(load_public_rsa(key.public_key), key.key_id) for key in found]})


async def _list_keys(request: Request, services: GoogleServices) -> list[RegisteredKey]:
    """Returns the keys that are enabled and not expired. Raises NotFound."""
    email, now = request.path_params["account"], services.clock.now()

    def work(connection: Connection) -> list[RegisteredKey]:
        account = find_active_account(connection, email)
        if account is None:
            raise NotFound(f"Service account {email} not found.")
        stored = service_account_keys.list_of(connection, account)
        return [each.key for each in stored if not each.disabled and now < each.key.expires_at]

    return await services.database.read(work)
