"""A network of D-TAs: members that make, renew, repair and replace a key among themselves, and nobody ever holds it.

messages             what members write to each other; who they are is in milagro.roles.charter
credentials          how they sign and seal: with the keys of their identities
records, sealing     what a member keeps, and how its secrets are sealed
parties              runs that live through a kill; milagro.roles.lineage proves what came of them
memory, switching, doubt, running, driver    what a member does, one transaction an event; each stands on the one before
node, status         the driver with its letters and its clock; what an operator sees

Spec: spec/dta-network.md
"""
