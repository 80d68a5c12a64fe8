"""Texts that are not a host, for every option and variable that takes a host."""

# idna, ipaddress, ssl, urllib and the resolver refuse these, each with another exception.
MALFORMED = {
    "a label of 64 letters": "a" * 64,
    "a label of 64 letters in a name": f"registry.{'a' * 64}.example",
    "254 letters": ".".join(["a" * 50] * 5),
    "an empty label": "registry..example",
    "a dot": ".",
    "nothing": "",
    "a space": "my registry",
    "a bracket": "[::1",
    "brackets": "[]",
    "an address with too many parts": "::1::2",
    "an address with a zone of nothing": "fe80::1%",
    "letters that idna refuses": "\u2024\uff0e\u3002",
    "long letters that idna encodes": "\u00fc" * 64,
    "a surrogate": "caf\udce9",
    "a percent sign": "a%00b",
}
