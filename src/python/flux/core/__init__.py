"""The handle and what belongs to it."""
