"""The OpenAPI document of the sandbox: ``openapi.yaml``, and the switches applied to it."""
