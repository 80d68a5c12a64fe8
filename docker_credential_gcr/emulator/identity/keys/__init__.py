"""Keys and signatures: PEM, JWK, certificates and JWS."""
