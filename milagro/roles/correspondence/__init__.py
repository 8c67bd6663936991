"""Correspondents: parties who know each other's identities, write envelopes, and need no server to meet.

keys            the envelope keys of an identity: private ones in its folder, public ones in its log
directory       identities as they are now, found from their names by way of a content store
entries         how an identity signs the entries of its message log, and tells where its own log ends
finder          learns later operations of others while messages go on
correspondent   all of it: letters sealed to current keys, signed, delivered once and in order

The first two need no server library, so that the command line has them everywhere.

Spec: spec/correspondence.md
"""

from __future__ import annotations
