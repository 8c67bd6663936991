"""Messages between parties that share a content store and a way to send each other hints.

entry      one entry of a sender's log: signed, numbered, linked to the ones before it
channel    how hints travel: in this process; over HTTP in `http`; by the pubsub of Kubo in `pubsub`
outbox     one's own log
inbox      the logs of others: which entries come next, and what speaks against their sender
herald     the thread that listens, announces, asks and answers
mailbox    all of it: every envelope of every sender once and in order, whatever the channel loses
"""

from __future__ import annotations
