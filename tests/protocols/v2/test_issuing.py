"""Issuing and recombination."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from milagro import errors
from milagro.groups import curve
from milagro.protocols.mpin import v2

ISSUERS = ("one.example", "two.example")


def test_the_sum_is_the_secret(deployment: Any) -> None:
    suite, (one, two) = deployment.suite, deployment.masters
    s = suite.curve.scalar_from_bytes(one.to_bytes()) + suite.curve.scalar_from_bytes(two.to_bytes())
    assert deployment.server_secret.point == s * suite.curve.g2
    assert deployment.client_secret(deployment.identity).point == s * suite.hash_identity(deployment.identity)


def test_octets_of_everything_issued(deployment: Any, now: int) -> None:
    suite, master = deployment.suite, deployment.masters[0]
    values = [master.commitment(), master.server_share(), master.client_share(deployment.identity)]
    values += [deployment.server_secret, deployment.client_secret(deployment.identity), deployment.credential.token]
    if suite.slot is not None:
        values += [master.permit_share(deployment.identity, suite.slot_at(now)), deployment.permit]
    for value in values:
        octets = value.to_bytes()
        again = type(value).from_bytes(suite, octets)
        assert again.to_bytes() == octets
        assert again.point == value.point
        for kind in {type(other) for other in values} - {type(value)}:
            with pytest.raises(errors.MalformedEnvelope):
                kind.from_bytes(suite, octets)
    restored = v2.MasterShare.from_bytes(suite, master.issuer, master.to_bytes())
    assert restored.commitment() == master.commitment()


def test_a_false_server_share_is_named(deployment: Any) -> None:
    suite, masters = deployment.suite, deployment.masters
    shares = [master.server_share() for master in masters]
    commitments = [master.commitment() for master in masters]
    shares[1] = v2.ServerShare(suite, "two.example", shares[1].point + suite.curve.g2)
    with pytest.raises(errors.InvalidShare) as caught:
        v2.combine_server_shares(shares, commitments)
    assert caught.value.culprits == ("two.example",)
    v2.check_server_share(shares[0], commitments[0])
    with pytest.raises(errors.ParameterError):
        v2.check_server_share(shares[0], commitments[1])


def test_exactly_one_share_from_each_issuer(deployment: Any) -> None:
    one, two = (master.client_share(deployment.identity) for master in deployment.masters)
    stranger = v2.ClientShare(deployment.suite, "three.example", deployment.identity, two.point)
    for shares in ([], [one], [one, one], [one, two, two], [one, stranger], [one, two, stranger]):
        with pytest.raises(errors.ParameterError):
            v2.combine_client_shares(shares, ISSUERS)
    for issuers in ([], ["one.example"], ["one.example", "one.example"]):
        with pytest.raises(errors.ParameterError):
            v2.combine_client_shares([one, two], issuers)
    with pytest.raises(errors.ParameterError):
        v2.combine_server_shares([m.server_share() for m in deployment.masters], [deployment.masters[0].commitment()])


def test_two_equal_points_and_shares_that_cancel(deployment: Any) -> None:
    suite, identity = deployment.suite, deployment.identity
    one = deployment.masters[0].client_share(identity)
    with pytest.raises(errors.InvalidShare):
        v2.combine_client_shares([one, v2.ClientShare(suite, "two.example", identity, one.point)], ISSUERS)
    with pytest.raises(errors.IdentityElement):
        v2.combine_client_shares([one, v2.ClientShare(suite, "two.example", identity, -one.point)], ISSUERS)
    s = suite.curve.scalar_from_bytes(deployment.masters[0].to_bytes())
    pair = [deployment.masters[0], v2.MasterShare(suite, "two.example", -s)]
    with pytest.raises(errors.IdentityElement):
        v2.combine_server_shares([m.server_share() for m in pair], [m.commitment() for m in pair])


def test_shares_of_different_identities_slots_or_suites(permits: Any, backend_name: str) -> None:
    one, two = permits.masters
    other = permits.new_identity(permits.key, "bob")
    with pytest.raises(errors.ParameterError):
        v2.combine_client_shares([one.client_share(permits.identity), two.client_share(other)], ISSUERS)
    with pytest.raises(errors.ParameterError):
        v2.combine_permit_shares(
            [one.permit_share(permits.identity, 1), two.permit_share(permits.identity, 2)], ISSUERS
        )
    with pytest.raises(errors.ParameterError):
        v2.combine_permit_shares([one.permit_share(permits.identity, 1), two.permit_share(other, 1)], ISSUERS)
    suite = v2.Suite(curve("BN254CX", backend=backend_name), slot=timedelta(days=1))
    foreign = v2.MasterShare(suite, "two.example", suite.curve.scalar(7))
    with pytest.raises(errors.ParameterError):
        v2.combine_client_shares([one.client_share(permits.identity), foreign.client_share(permits.identity)], ISSUERS)


def test_an_identity_of_another_suite_gets_nothing(deployment: Any) -> None:
    other = v2.Suite(deployment.suite.curve, "sha384", deployment.suite.slot)
    with pytest.raises(errors.ParameterError):
        v2.MasterShare(other, "one.example", other.curve.scalar(5)).client_share(deployment.identity)
    with pytest.raises(errors.MalformedEnvelope):
        v2.Token.from_bytes(other, deployment.credential.token.to_bytes())


def test_master_shares_from_octets(deployment: Any) -> None:
    E = deployment.suite.curve
    with pytest.raises(errors.NonCanonical):
        v2.MasterShare.from_bytes(deployment.suite, "one.example", bytes(E.scalar_bytes))
    with pytest.raises(errors.NonCanonical):
        v2.MasterShare.from_bytes(deployment.suite, "one.example", E.order.to_bytes(E.scalar_bytes, "big"))
    with pytest.raises(errors.WrongLength):
        v2.MasterShare.from_bytes(deployment.suite, "one.example", b"")
    with pytest.raises(errors.ParameterError):
        v2.MasterShare.from_bytes(deployment.suite, "", b"\x01".rjust(E.scalar_bytes, b"\x00"))


def test_bad_points_in_shares(deployment: Any, bad_points: Any) -> None:
    suite = deployment.suite
    share = deployment.masters[0].client_share(deployment.identity)
    for error, octets in bad_points(suite.curve, share.point).items():
        bad = suite.labelled("CLIENT-SHARE_", b"one.example", deployment.identity.to_bytes(), octets)
        with pytest.raises(getattr(errors, error)):
            v2.ClientShare.from_bytes(suite, bad)
    identity = suite.labelled("SERVER-SECRET_", suite.curve.g2_identity.to_bytes())
    with pytest.raises(errors.IdentityElement):
        v2.ServerSecret.from_bytes(suite, identity)


@pytest.mark.parametrize("name", [b"", b"\xff", "a\u0308".encode(), b"a\n", b"x" * 254])
def test_issuers_are_text_in_one_form(deployment: Any, name: bytes) -> None:
    point = deployment.suite.curve.g1.to_bytes()
    with pytest.raises(errors.MalformedEnvelope):
        v2.Commitment.from_bytes(deployment.suite, deployment.suite.labelled("COMMITMENT_", name, point))


def test_a_token_that_would_be_the_identity(deployment: Any) -> None:
    suite, identity = deployment.suite, deployment.identity
    secret = v2.ClientSecret(suite, identity, suite.pin_point(identity, "1234"))
    with pytest.raises(errors.IdentityElement):
        secret.token("1234")
