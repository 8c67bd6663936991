"""Getting what t of n D-TAs issue: the tickets and messages that all sides share, and the side that asks.

    authority   Ticket --seal--> envelope, to all D-TAs of a network                             registrar, tickets
    holder      ticket + identity + reply key + signature --> request, to all n at once          requests, messages
    D-TA        .. milagro.roles.dta.issuing .. --> share, sealed to the reply key
    holder      verify each, combine the first t good ones, report the others                    requester

Spec: spec/issuing.md
"""

from milagro.protocols.issuance import Purpose, Ticket
from milagro.roles.issuance.registrar import Registrar
from milagro.roles.issuance.reports import Fault, Reason, Report
from milagro.roles.issuance.requester import Requester
from milagro.roles.issuance.tickets import seal_ticket
from milagro.roles.issuance.views import NetworkView, Node

__all__ = [
    "Fault",
    "NetworkView",
    "Node",
    "Purpose",
    "Reason",
    "Registrar",
    "Report",
    "Requester",
    "Ticket",
    "seal_ticket",
]
