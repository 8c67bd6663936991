"""The topics of our vectors: each function gives the file of one topic."""

from __future__ import annotations

from collections.abc import Callable

from milagro.conformance.topics import (
    bls,
    cbor,
    curves,
    encodings,
    envelope,
    envelope_steps,
    issuance,
    messaging,
    mpin_v1,
    mpin_v2,
    mpin_v2_refusals,
    sharing,
    sharing_keys,
    wcc,
)
from milagro.conformance.topics._book import Book
from milagro.conformance.topics.batches import TOPICS as BATCHES

TOPICS: tuple[Callable[[str], Book], ...] = (
    *BATCHES,
    *curves.TOPICS,
    *encodings.TOPICS,
    *mpin_v1.TOPICS,
    *wcc.TOPICS,
    *bls.TOPICS,
    *mpin_v2.TOPICS,
    *mpin_v2_refusals.TOPICS,
    *sharing.TOPICS,
    *sharing_keys.TOPICS,
    *cbor.TOPICS,
    *envelope_steps.TOPICS,
    *envelope.TOPICS,
    *messaging.TOPICS,
    *issuance.TOPICS,
)
"""Each takes the name of a backend."""
