"""Secrets that no single party holds: shared, proved, made and renewed by t of n.

Sans-IO and clockless: randomness is an argument, time is the caller's.

Spec: spec/sharing.md
"""
