"""An HTTP server whose connections can be cut."""
