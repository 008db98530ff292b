"""Constraints (RFC 31), and how people write them (RFC 35)."""
