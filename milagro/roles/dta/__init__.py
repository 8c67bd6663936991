"""The D-TA: a member of a network that holds a share of the master secret, and issues from it.

    network   how members make the key together, hand it on, repair and rotate it
    holdings  the share that a member has now
    issuing   ticket --> checked, spent, entered in the log --> share = s_i * point, sealed to who may have it
    member    both in one server

No member ever holds the master secret, and any t of n are enough.

Spec: spec/dta-network.md, spec/issuing.md
"""
