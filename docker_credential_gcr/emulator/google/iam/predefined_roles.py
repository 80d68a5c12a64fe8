"""Predefined roles of IAM as resources (iam.googleapis.com): gcloud reads what a policy's roles permit.

https://cloud.google.com/iam/docs/reference/rest/v1/roles/get
"""

from docker_credential_gcr.emulator.google.rest.calls import Call
from docker_credential_gcr.emulator.google.rest.methods import Result, method
from docker_credential_gcr.emulator.identity.roles import ROLES


@method()
async def show_role(call: Call) -> Result:
    """Returns the permissions of a role that the emulator checks: none if it does not know the role.

    A policy may name any role of Google. Every caller may read roles.
    """
    name = f"roles/{call.path['role']}"
    permissions = sorted(ROLES.get(name, ()))
    # Google's etag of each predefined role.
    role = {"name": name, "stage": "GA", "etag": "AA=="}
    return {**role, "includedPermissions": permissions} if permissions else role
