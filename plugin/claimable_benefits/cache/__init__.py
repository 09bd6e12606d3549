"""Keep what is slow to fetch, and fetch it without being felt: memory, threads, patience, and a cache of the fleet.

Nothing here knows what a benefit is.
"""
