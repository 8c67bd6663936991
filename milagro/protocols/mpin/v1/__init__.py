"""M-Pin version 1, octet for octet that of the original Milagro library, for those who must talk to it.

It departs from the original only by refusing what should never have been accepted (points outside the subgroup or
without a canonical encoding, the identity, zero scalars) and by finding a PIN error exactly. New deployments use
version 2.

    hashing           H(n, data), identities, days, challenges from time, the transcript
    issuing           what D-TAs hand out, and how shares are put together
    client, server    the two-pass and the one-pass protocol; each module draws its states
    pin_error         by how much the PIN was wrong
    full              the two-pass protocol with a session key
    dvs, signature    the client-key mode and its signatures
    permits_encoding  points that look like random octets
"""
