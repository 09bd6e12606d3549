"""The verbs, one per module. They own the transaction boundaries: no call to Omneo inside one."""
