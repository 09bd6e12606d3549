"""Turns of the worker, and what runs them: a thread, a pool, Celery."""
