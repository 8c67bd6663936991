"""Operations of sharing: shares, proofs, and what several parties do together."""

from __future__ import annotations

from milagro.conformance.operations._registry import Inputs, Results, operation
from milagro.groups import G1Point
from milagro.groups.batches import random_weights, weighted_sum
from milagro.protocols.sharing import dleq, shamir
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.suite import Suite


def _point(x: Inputs, octets: bytes) -> G1Point:
    return x.E.g1_from_bytes(octets)


@operation("sharing.split")
def split(x: Inputs) -> Results:
    """Shares of a scalar."""
    suite = Suite(x.E)
    numbers = x.integer("threshold"), x.integer("count")
    shares = shamir.split(suite, x.scalar("secret"), *numbers, x.random(), epoch=x.integer("epoch", 0))
    return {"suite": suite.id, "shares": [share.to_bytes().hex() for share in shares]}


@operation("sharing.combine")
def combine(x: Inputs) -> Results:
    """The scalar of shares."""
    suite = Suite(x.E)
    shares = [shamir.Share.from_bytes(suite, octets) for octets in x.octet_list("shares")]
    return {"secret": shamir.combine(shares).to_bytes().hex()}


@operation("sharing.prove-possession")
def prove_possession(x: Inputs) -> Results:
    """A proof of knowing a logarithm."""
    suite, secret, context = Suite(x.E), x.scalar("secret"), x.octets("context")
    proof = dleq.prove_possession(suite, secret, context, x.random())
    dleq.verify_possession(suite, secret * x.E.g1, proof, context)
    return {"X": (secret * x.E.g1).to_bytes().hex(), "proof": proof.to_bytes().hex()}


@operation("sharing.verify-possession")
def verify_possession(x: Inputs) -> Results:
    """The verdict on a proof of knowing a logarithm."""
    suite, X = Suite(x.E), x.g1("X", None)
    dleq.verify_possession(suite, X, dleq.Possession.from_bytes(suite, x.octets("proof")), x.octets("context"))
    return {}


@operation("sharing.prove-equal")
def prove_equal(x: Inputs) -> Results:
    """A proof of equal logarithms."""
    suite = Suite(x.E)
    said, proof = dleq.prove_equal(suite, x.scalar("secret"), x.g1("A", None), x.octets("context"), x.random())
    return {"X": said.X.to_bytes().hex(), "Y": said.Y.to_bytes().hex(), "proof": proof.to_bytes().hex()}


@operation("sharing.verify-equal")
def verify_equal(x: Inputs) -> Results:
    """The verdicts on proofs of equal logarithms, and the sum that decides whether all hold."""
    suite, columns = Suite(x.E), [x.octet_list(name) for name in ("X", "A", "Y", "contexts", "proofs")]
    proofs = []
    for X, A, Y, context, proof in zip(*columns, strict=True):
        statement = dleq.Equality(_point(x, X), _point(x, A), _point(x, Y), context)
        proofs.append((statement, dleq.Dleq.from_bytes(suite, proof)))
    weights = random_weights(x.E, 2 * len(proofs), x.random())
    pairs = zip(proofs, weights[::2], weights[1::2], strict=True)
    terms = [term for (said, proof), d, e in pairs for term in dleq.equality_terms(suite, said, proof, d, e)]
    total = weighted_sum(x.E, [P for P, _ in terms], [k for _, k in terms])
    culprits: list[object] = []
    try:
        dleq.verify_equal_batch(suite, proofs, x.random())
    except InvalidProof as error:
        culprits = list(error.culprits)
    return {"culprits": culprits, "holds": total.is_identity()}
