"""Keys and signatures: their forms, certificates and JWS."""
