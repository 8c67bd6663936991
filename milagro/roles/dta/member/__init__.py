"""A D-TA of a network as a server: its part in the network, and what it issues from the shares that it holds.

config       [dta], [dta.network], [dta.issuing], [[dta.authorities]]
service      the node and the issuing of one network, in one database
operations   what it answers, over HTTP and gRPC
"""

from __future__ import annotations
