"""The MFA server: it enrols clients, sells them no secret, and checks their logins with at most three wrong PINs.

An account's device:

    invited --enrol--> pending --confirm or first login--> active --remove--> removed (its identity never returns)

A login, each arrow durable before the next begins:

    pass 1 --signature, pinned, not suspended, not locked--> session stored --> challenge leaves
    pass 2 --session read, signature--> session deleted and attempt counted, in one transaction
           --pairing--> wrong: the count stays;  right: the count is set to 0, then the answer leaves

    network   its D-TAs: the keys that they accept, the secrets of these, and the tickets that it signs

Spec: spec/mpin.md
"""
