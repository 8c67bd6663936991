"""The protocols, one slice each: sans-IO and clockless. Time and randomness are arguments; `verify` raises.

Slices do not import each other. What two of them share stands beside them: `bls` (signatures) and
`original_hash` (the hash of the original Milagro library).
"""
