"""Inject faults into Omneo and kill processes, as the plan says."""
