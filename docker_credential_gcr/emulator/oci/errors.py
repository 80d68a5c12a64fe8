"""Errors of names, digests, scopes and manifests, without HTTP."""


class InvalidValue(ValueError):
    """A value breaks a grammar of the OCI distribution or image specification.

    InvalidValue
    ├── InvalidName       a repository's name
    ├── InvalidReference  a tag, or neither a tag nor a digest
    ├── InvalidDigest
    ├── InvalidScope
    └── InvalidManifest   the document, its media type or its descriptors
    """


class InvalidName(InvalidValue):
    """Not a repository's name by the grammar."""


class InvalidReference(InvalidValue):
    """Neither a tag nor a digest."""


class InvalidDigest(InvalidValue):
    """Not `algorithm:hex` of a known algorithm."""


class InvalidScope(InvalidValue):
    """Not `type:name:action,action`."""


class InvalidManifest(InvalidValue):
    """Not a manifest or index that can be stored and pulled again."""
