"""The operations of a D-TA of a network."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import milagro
from milagro.roles import logs
from milagro.roles.issuance.messages import (
    HistoryAnswer,
    HistoryRequest,
    IssueAnswer,
    IssueRequest,
    KeyView,
    LogHead,
    WitnessAnswer,
    WitnessRequest,
)
from milagro.roles.messages import MemberOperatorStatusAnswer, MemberStatusAnswer, NetworkMember
from milagro.roles.transport.operations import Call, Caller, NoRequest, Operation, Service

if TYPE_CHECKING:
    from prometheus_client import Counter

    from milagro.roles.dta.member.service import Member
    from milagro.roles.dta.network.status import MemberStatus
    from milagro.roles.transport.readiness import Readiness

_log = logs.logger(__name__)


@dataclass(slots=True)
class Desk:
    """What the operations work with."""

    member: Member
    readiness: Readiness
    issued: Counter
    started: int = field(default_factory=lambda: int(time.time()))


def issue(desk: Desk, request: IssueRequest, _call: Call) -> IssueAnswer:
    """A share, sealed."""
    answer = desk.member.issuing().issue(request)
    desk.issued.labels("network").inc()
    return answer


def keys(desk: Desk, _request: NoRequest, _call: Call) -> KeyView:
    """What this D-TA says of the network's keys."""
    return desk.member.issuing().keys()


def history(desk: Desk, request: HistoryRequest, _call: Call) -> HistoryAnswer:
    """How the network came to its members and its key, with proof."""
    steps, bundles = desk.member.node.history(request.after or b"")
    return HistoryAnswer(steps=steps, bundles=bundles)


def witness(desk: Desk, request: WitnessRequest, _call: Call) -> WitnessAnswer:
    """What this D-TA knows of the replicas of an MFA server."""
    return desk.member.issuing().witness(request)


def head(desk: Desk, _request: NoRequest, _call: Call) -> LogHead:
    """The head of the audit log."""
    return desk.member.issuing().head()


def status(desk: Desk, _request: NoRequest, _call: Call) -> MemberStatusAnswer:
    """What everyone may know."""
    found = desk.member.status()
    return MemberStatusAnswer(
        role="dta",
        name=found.node,
        did=found.did,
        network=found.network,
        network_name=found.name,
        curve=found.curve,
        threshold=found.threshold,
        epoch=found.epoch,
        key_id=found.key_id,
        holds_share=found.holds_share,
    )


def operator_status(desk: Desk, _request: NoRequest, _call: Call) -> MemberOperatorStatusAnswer:
    """What the operator may know."""
    found = desk.member.status()
    return MemberOperatorStatusAnswer(
        name=found.node,
        version=milagro.__version__,
        ready=desk.readiness.holds(),
        draining=desk.readiness.draining,
        started=desk.started,
        failure_tolerance=found.tolerance,
        members=[_shown(one) for one in found.members],
    )


def _shown(one: MemberStatus) -> NetworkMember:
    return NetworkMember(name=one.name, did=one.did, up=one.up, holds=one.holds, fault=one.fault)


SERVICE = Service(
    name="Member",
    package="milagro.dta.network.v1",
    summary="A D-TA of a network: it issues shares of a key that any t of n members are enough for.",
    proto=Path(__file__).with_name("member.proto"),
    operations=(
        Operation(
            "Issue",
            "A share of what the ticket is for, once a ticket, sealed to who may have it.",
            issue,
            IssueRequest,
            IssueAnswer,
            "/v1/issue",
            tag="issuing",
            cross_origin=True,
        ),
        Operation(
            "Keys",
            "The keys that are accepted now, signed by this D-TA.",
            keys,
            NoRequest,
            KeyView,
            "/v1/keys",
            "GET",
            tag="issuing",
            cross_origin=True,
        ),
        Operation(
            "History",
            "How the network came from one key to the next, and to other members: each switch with its proof.",
            history,
            HistoryRequest,
            HistoryAnswer,
            "/v1/history",
        ),
        Operation(
            "Witness",
            "Keeps how far the replicas of an MFA server are, and tells it how far they were.",
            witness,
            WitnessRequest,
            WitnessAnswer,
            "/v1/witness",
            tag="witnessing",
        ),
        Operation(
            "AuditHead",
            "The head of the audit log, signed by this D-TA.",
            head,
            NoRequest,
            LogHead,
            "/v1/audit/head",
            "GET",
            tag="audit",
        ),
        Operation(
            "Status",
            "The D-TA's name and identity, its network and the key of it.",
            status,
            NoRequest,
            MemberStatusAnswer,
            "/v1/status",
            "GET",
        ),
        Operation(
            "OperatorStatus",
            "How the D-TA and the other members are, for its operator.",
            operator_status,
            NoRequest,
            MemberOperatorStatusAnswer,
            "/v1/operator/status",
            "GET",
            Caller.OPERATOR,
        ),
    ),
)
