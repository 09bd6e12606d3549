"""Check out many times while Omneo and processes fail, then audit; and run mutants of the plugin."""
