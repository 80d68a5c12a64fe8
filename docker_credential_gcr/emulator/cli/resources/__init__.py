"""Commands for the resources of a running server: clients of its REST APIs."""
