"""Issuing by one of n D-TAs: a share of what a ticket names, once, counted and logged before it leaves.

    request --ticket--> opened, trusted, fresh, for this network, purpose and subject            checking, authorities
            --holder--> signed by the client key inside the identity
            --key-----> a share of the key that the ticket names                                 holdings
            --spend---> jti, quotas and the audit entry in one transaction, then the watermark   records, watermark
            --issue---> share with its proof, sealed to the reply key                            service

Spec: spec/issuing.md
"""

from milagro.roles.dta.issuing.authorities import Authorities, AuthorityTerms, read_authorities
from milagro.roles.dta.issuing.records import IssuingRecords, Quotas
from milagro.roles.dta.issuing.service import IssuingNode, IssuingService

__all__ = [
    "Authorities",
    "AuthorityTerms",
    "IssuingNode",
    "IssuingRecords",
    "IssuingService",
    "Quotas",
    "read_authorities",
]
