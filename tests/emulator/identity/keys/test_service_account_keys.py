"""Google's clients can read a key file."""

import json

from google.oauth2 import service_account

from docker_credential_gcr.emulator.identity.keys import service_account_keys


def test_a_key_file_has_googles_fields_and_googles_client_loads_it() -> None:
    key = service_account_keys.generate()
    document = json.loads(
        service_account_keys.format_key_file(
            key, project_id="my-project", email="ci@my-project.iam.gserviceaccount.com", unique_id="123"
        )
    )

    credentials = service_account.Credentials.from_service_account_info(document)

    assert credentials.service_account_email == "ci@my-project.iam.gserviceaccount.com"
    assert len(key.key_id) == 40
    assert document == {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": key.key_id,
        "private_key": key.private_key,
        "client_email": "ci@my-project.iam.gserviceaccount.com",
        "client_id": "123",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/"
        "ci%40my-project.iam.gserviceaccount.com",
        "universe_domain": "googleapis.com",
    }


def test_a_key_keeps_its_secret_out_of_its_repr() -> None:
    assert "PRIVATE" not in repr(service_account_keys.ServiceAccountKey("id", "PRIVATE", "public"))
