"""Content stores: blocks of octets under the name that their hash gives them.

memory    a dictionary
folder    files on this machine; crash-safe, shared by processes
ipfs      a Kubo daemon and the swarm that it is in
cached    a store of one's own in front of others', which are asked for what it lacks
http      the blocks that a server of `milagro.stores.messaging.http` hands out
"""

from __future__ import annotations

from milagro.stores.content.store import MAX_BLOCK_OCTETS, BlockSource, ContentStore

__all__ = ["MAX_BLOCK_OCTETS", "BlockSource", "ContentStore"]
