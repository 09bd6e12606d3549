"""A cache for what is slow to load: in memory and in Redis, loaded by a thread pool, within a wait budget.

Nothing here knows what a benefit is, or Omneo.
"""
