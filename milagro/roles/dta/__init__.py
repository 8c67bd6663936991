"""The D-TA: a trust authority that holds one additive share of the master secret and issues from it.

    ticket --check--> trusted, fresh, for this D-TA, purpose and identity
           --prove--> the caller holds the client key inside the identity
           --spend--> its id committed to the database, once and for all
           --issue--> share = s_i * point, the only thing that ever leaves

Spec: spec/mpin.md
"""
