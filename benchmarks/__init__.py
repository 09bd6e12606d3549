"""Measurements that say what they measured, on which machine; each is one command of the Makefile."""
