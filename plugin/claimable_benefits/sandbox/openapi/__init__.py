"""The OpenAPI document of the sandbox."""
