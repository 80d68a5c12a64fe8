"""Registry API, /v2/: plain ASGI, a route table, and a function for each method and resource."""
