"""Model test: a repository and a plain dictionary give the same results for any operations."""

import json
import tempfile
from pathlib import Path

import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from support.backing_services import serve
from support.images import OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.pytest_plugin import GcrEmulator

PATH = "/v2/my-project/app"
TAGS = st.sampled_from(["a", "b", "c"])


class Repository(RuleBasedStateMachine):
    """Pushes and deletes blobs, manifests, tags and referrers in any order."""

    blobs = Bundle("blobs")
    manifests = Bundle("manifests")

    @initialize()
    def start(self):
        self.server = serve(Settings(port=0))
        self.url = self.server.__enter__().url
        self.session = requests.Session()
        self.session.trust_env = False
        with tempfile.TemporaryDirectory() as folder:
            key = GcrEmulator(self.session, self.url, "", Path(folder)).key().read_text()
        scope = {"scope": "repository:my-project/app:pull,push,delete"}
        answer = self.session.get(f"{self.url}/v2/token", params=scope, auth=("_json_key", key))
        self.session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        self.known_blobs, self.known_manifests, self.known_tags = {}, {}, {}

    def teardown(self):
        if hasattr(self, "server"):
            self.session.close()
            self.server.__exit__(None, None, None)

    def call(self, method, path, **options):
        return self.session.request(method, f"{self.url}{PATH}{path}", timeout=30, **options)

    @rule(target=blobs, size=st.sampled_from([0, 5, 70_000]), seed=st.integers(0, 3))
    def push_blob(self, size, seed):
        data = bytes([seed]) * size
        answer = self.call("POST", f"/blobs/uploads/?digest={digest_of(data)}", data=data)
        assert answer.status_code == 201
        self.known_blobs[digest_of(data)] = data
        return digest_of(data)

    @rule(digest=blobs)
    def delete_blob(self, digest):
        answer = self.call("DELETE", f"/blobs/{digest}")
        assert answer.status_code == (202 if self.known_blobs.pop(digest, None) is not None else 404)

    @rule(digest=blobs)
    def mount_blob(self, digest):
        known = digest in self.known_blobs
        assert self.call("POST", f"/blobs/uploads/?mount={digest}").status_code == (201 if known else 202)

    @rule(target=manifests, config=blobs, subject=st.none() | manifests, tag=TAGS | st.none())
    def push_manifest(self, config, subject, tag):
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": "application/x", "digest": config, "size": 1},
            "layers": [],
        }
        if subject is not None:
            document["subject"] = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
        return self.put(document, tag, complete=config in self.known_blobs)

    @rule(target=manifests, children=st.lists(manifests, max_size=2, unique=True), tag=TAGS)
    def push_index(self, children, tag):
        entries = [{"mediaType": OCI_MANIFEST, "digest": child, "size": 1} for child in children]
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return self.put(document, tag, complete=all(child in self.known_manifests for child in children))

    def put(self, document, tag, *, complete):
        data = json.dumps(document).encode()
        reference = tag or digest_of(data)
        content_type = {"Content-Type": document["mediaType"]}
        answer = self.call("PUT", f"/manifests/{reference}", data=data, headers=content_type)
        assert answer.status_code == (201 if complete else 400)
        if not complete:
            return multiple()
        self.known_manifests[digest_of(data)] = (data, document)
        if tag:
            self.known_tags[tag] = digest_of(data)
        return digest_of(data)

    @rule(tag=TAGS)
    def delete_tag(self, tag):
        answer = self.call("DELETE", f"/manifests/{tag}")
        assert answer.status_code == (202 if self.known_tags.pop(tag, None) else 404)

    @rule(digest=manifests)
    def delete_manifest(self, digest):
        answer = self.call("DELETE", f"/manifests/{digest}")
        if digest not in self.known_manifests:
            assert answer.status_code == 404
        elif digest in self.known_tags.values() or digest in self.find_children():
            assert answer.status_code == 400
        else:
            assert answer.status_code == 202
            del self.known_manifests[digest]

    @rule(digest=manifests)
    def list_referrers(self, digest):
        listed = self.call("GET", f"/referrers/{digest}").json()["manifests"]
        assert [entry["digest"] for entry in listed] == sorted(
            known
            for known, (_, document) in self.known_manifests.items()
            if document.get("subject", {}).get("digest") == digest
        )

    def find_children(self):
        documents = [document for _, document in self.known_manifests.values()]
        return {entry["digest"] for document in documents for entry in document.get("manifests", [])}

    @invariant()
    def every_blob_manifest_and_tag_is_as_it_was_pushed(self):
        if not hasattr(self, "url"):
            return
        for digest, data in self.known_blobs.items():
            assert self.call("GET", f"/blobs/{digest}").content == data
        for digest, (data, document) in self.known_manifests.items():
            answer = self.call("GET", f"/manifests/{digest}")
            assert (answer.content, answer.headers["Content-Type"]) == (data, document["mediaType"])
        listed = self.call("GET", "/tags/list")
        if not self.known_manifests:
            assert listed.status_code == 404
            return
        assert listed.json()["tags"] == sorted(self.known_tags)
        for tag, digest in self.known_tags.items():
            assert self.call("HEAD", f"/manifests/{tag}").headers["Docker-Content-Digest"] == digest


TestRepository = Repository.TestCase
TestRepository.settings = settings(
    deadline=None,
    max_examples=15,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
