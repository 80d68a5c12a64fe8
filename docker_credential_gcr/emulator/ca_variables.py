"""The variables by which clients name the certificate authorities that they trust: for run, env and trust."""

# The variable: the clients that read it.
CA_VARIABLES = {
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": "gcloud",
    "CURL_CA_BUNDLE": "curl",
    "DENO_CERT": "Deno",
    "DOCKER_CREDENTIAL_GCR_CA_FILE": "docker-credential-gcr",
    "GCR_EMULATOR_CA": "gcr-emulator",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": "gRPC",
    "HTTPLIB2_CA_CERTS": "google-api-python-client",
    "NODE_EXTRA_CA_CERTS": "Node",
    "RCLONE_CA_CERT": "rclone",
    "REQUESTS_CA_BUNDLE": "Python's requests",
    "SSL_CERT_FILE": "OpenSSL, Go, httpx and uv",
}

# gcloud takes these before its own variable, and other hosts than the emulator's fail with them.
OVER_GCLOUD = frozenset({"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})
