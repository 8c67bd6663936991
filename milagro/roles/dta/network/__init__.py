"""A network of D-TAs: members that make, renew, repair and replace a key among themselves, and nobody ever holds it.

charter, messages    who the members are, and what they write to each other
credentials          how they sign and seal: with the keys of their identities
records, sealing     what a member keeps, and how its secrets are sealed
parties, lineage     runs that live through a kill, and proof of what came of them
memory, switching, doubt, running, driver    what a member does, one transaction an event; each stands on the one before
node, status         the driver with its letters and its clock; what an operator sees

Spec: spec/dta-network.md
"""
