"""Operations of sharing: shares, proofs, and what several parties do together."""

from __future__ import annotations

from milagro.conformance.operations._registry import MOST_SHARES, Inputs, Results, operation
from milagro.groups import G1Point
from milagro.groups.batches import random_weights, weighted_sum
from milagro.protocols.bls import ietf
from milagro.protocols.sharing import commitments, dleq, issuing, octet_shares, shamir, threshold_bls, voprf
from milagro.protocols.sharing.refusals import InvalidProof
from milagro.protocols.sharing.shared_key import KeyShare, SharedKey, deal
from milagro.protocols.sharing.suite import Suite


def _point(x: Inputs, octets: bytes) -> G1Point:
    return x.E.g1_from_bytes(octets)


@operation("sharing.split")
def split(x: Inputs) -> Results:
    """Shares of a scalar."""
    suite = Suite(x.E)
    numbers = x.integer("threshold"), x.size("count", most=MOST_SHARES)
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


# -- octets -----------------------------------------------------------------------------------------------------------
@operation("sharing.split-octets")
def split_octets(x: Inputs) -> Results:
    """Shares of octets."""
    numbers = x.integer("threshold"), x.size("count", most=MOST_SHARES)
    shares = octet_shares.split(x.octets("secret"), *numbers, x.random(), epoch=x.integer("epoch", 0))
    return {"shares": [share.to_bytes().hex() for share in shares]}


@operation("sharing.combine-octets")
def combine_octets(x: Inputs) -> Results:
    """The octets of shares."""
    shares = [octet_shares.OctetShare.from_bytes(octets) for octets in x.octet_list("shares")]
    return {"secret": octet_shares.combine(shares).hex()}


@operation("sharing.interpolate-octets")
def interpolate_octets(x: Inputs) -> Results:
    """The value of polynomials over GF(256) at a place."""
    points = list(zip(x.integers("indices"), x.octet_list("values"), strict=True))
    return {"value": octet_shares.interpolate(points, x.integer("at")).hex()}


# -- commitments and keys ---------------------------------------------------------------------------------------------
@operation("sharing.commit")
def commit(x: Inputs) -> Results:
    """Commitments to a polynomial, blinded where blinding is given, and the share of an index with its product."""
    suite, E, index = Suite(x.E), x.E, x.integer("index")
    f = [E.scalar_from_bytes(octets) for octets in x.octet_list("coefficients")]
    share = shamir.evaluate(E, f, index)
    if "blinding" not in x:
        made = commitments.commit(suite, f)
        return {
            "commitments": made.to_bytes().hex(),
            "share": share.to_bytes().hex(),
            "at": made.at(index).to_bytes().hex(),
            "fits": commitments.fits(suite, made, index, share),
        }
    g = [E.scalar_from_bytes(octets) for octets in x.octet_list("blinding")]
    made, blind = commitments.commit_blinded(suite, f, g), shamir.evaluate(E, g, index)
    return {
        "H": suite.blinding_generator.to_bytes().hex(),
        "commitments": made.to_bytes().hex(),
        "share": share.to_bytes().hex(),
        "blind": blind.to_bytes().hex(),
        "at": made.at(index).to_bytes().hex(),
        "fits": commitments.fits_blinded(suite, made, index, share, blind),
    }


@operation("sharing.check-shares")
def check_shares(x: Inputs) -> Results:
    """The verdicts on shares of one polynomial."""
    suite, values = Suite(x.E), x.octet_list("shares")
    known = commitments.Commitments.from_bytes(suite, x.octets("commitments"), x.integer("threshold"))
    pairs = zip(x.integers("indices"), values, strict=True)
    openings = [commitments.Opening(known, i, x.E.scalar_from_bytes(value)) for i, value in pairs]
    try:
        commitments.check_openings(suite, openings, x.random())
    except InvalidProof as error:
        return {"culprits": list(error.culprits)}
    return {"culprits": []}


def _deal(x: Inputs) -> list[KeyShare]:
    numbers = x.integer("threshold"), x.size("count", most=MOST_SHARES)
    return deal(Suite(x.E), x.scalar("secret"), *numbers, x.random(), epoch=x.integer("epoch", 0))


@operation("sharing.deal")
def deal_key(x: Inputs) -> Results:
    """A key shared by a dealer."""
    shares = _deal(x)
    key = shares[0].key
    return {
        "key": key.to_bytes().hex(),
        "key_id": key.key_id.hex(),
        "public": key.public.to_bytes().hex(),
        "shares": [share.to_bytes().hex() for share in shares],
    }


@operation("sharing.read-key-share")
def read_key_share(x: Inputs) -> Results:
    """What a key share holds."""
    share = KeyShare.from_bytes(Suite(x.E), x.octets("share"))
    return {"index": share.index, "epoch": share.key.epoch, "holders": list(share.key.holders)}


@operation("sharing.issue")
def issue(x: Inputs) -> Results:
    """What every holder issues for a point, and what some of it combines to."""
    shares, A, context, random = _deal(x), x.g1("A", None), x.octets("context"), x.random("randoms")
    client = [issuing.issue_client_share(share, A, random, context) for share in shares]
    server = [issuing.issue_server_share(share) for share in shares]
    some = [i - 1 for i in x.integers("some")]
    key = shares[0].key
    together = issuing.combine_client_shares(key, [client[i] for i in some], A, random, context)
    return {
        "client_shares": [one.to_bytes().hex() for one in client],
        "server_shares": [one.to_bytes().hex() for one in server],
        "client_secret": together.to_bytes().hex(),
        "server_secret": issuing.combine_server_shares(key, [server[i] for i in some], random).to_bytes().hex(),
    }


@operation("sharing.combine-client-shares")
def combine_client_shares(x: Inputs) -> Results:
    """The client secret of client shares."""
    suite = Suite(x.E)
    key = SharedKey.from_bytes(suite, x.octets("key"))
    shares = [issuing.ClientShare.from_bytes(suite, octets) for octets in x.octet_list("shares")]
    made = issuing.combine_client_shares(key, shares, x.g1("A", None), x.random(), x.octets("context"))
    return {"client_secret": made.to_bytes().hex()}


@operation("sharing.combine-server-shares")
def combine_server_shares(x: Inputs) -> Results:
    """The server secret of server shares."""
    suite = Suite(x.E)
    key = SharedKey.from_bytes(suite, x.octets("key"))
    shares = [issuing.ServerShare.from_bytes(suite, octets) for octets in x.octet_list("shares")]
    return {"server_secret": issuing.combine_server_shares(key, shares, x.random()).to_bytes().hex()}


@operation("sharing.issue-receiver-shares")
def issue_receiver_shares(x: Inputs) -> Results:
    """What every holder issues for a point of G2, and what some of it combines to."""
    shares, B = _deal(x), x.g2("B", None)
    made = [issuing.issue_receiver_share(share, B) for share in shares]
    together = issuing.combine_receiver_shares(
        shares[0].key, [made[i - 1] for i in x.integers("some")], B, x.random("weights")
    )
    return {"receiver_shares": [one.to_bytes().hex() for one in made], "receiver_key": together.to_bytes().hex()}


@operation("sharing.combine-receiver-shares")
def combine_receiver_shares(x: Inputs) -> Results:
    """The receiver key of receiver shares."""
    suite = Suite(x.E)
    key = SharedKey.from_bytes(suite, x.octets("key"))
    shares = [issuing.ReceiverShare.from_bytes(suite, octets) for octets in x.octet_list("shares")]
    return {"receiver_key": issuing.combine_receiver_shares(key, shares, x.g2("B", None), x.random()).to_bytes().hex()}


@operation("sharing.sign")
def sign(x: Inputs) -> Results:
    """Partial signatures of all holders, and the signature of some."""
    shares, message = _deal(x), x.octets("message")
    signing = ietf.Suite(x.E, scheme=ietf.Scheme[x.text("scheme")])
    partials = [threshold_bls.sign(signing, share, message) for share in shares]
    some = [partials[i - 1] for i in x.integers("some")]
    made = threshold_bls.combine(signing, shares[0].key, message, some, x.random("weights"))
    threshold_bls.verify(signing, shares[0].key, message, made.signature)
    return {"partials": [one.to_bytes().hex() for one in partials], "signature": made.signature.to_bytes().hex()}


@operation("sharing.combine-signatures")
def combine_signatures(x: Inputs) -> Results:
    """The signature of partial signatures, and who sent wrong ones."""
    suite, signing = Suite(x.E), ietf.Suite(x.E)
    key = SharedKey.from_bytes(suite, x.octets("key"))
    partials = [threshold_bls.PartialSignature.from_bytes(suite, octets) for octets in x.octet_list("partials")]
    made = threshold_bls.combine(signing, key, x.octets("message"), partials, x.random())
    return {"signature": made.signature.to_bytes().hex(), "culprits": list(made.culprits)}


@operation("sharing.oprf")
def oprf(x: Inputs) -> Results:
    """A blinded input, the evaluations of all holders, and the output of some."""
    shares, random, info = _deal(x), x.random("randoms"), x.octets("info")
    blinded = voprf.Blinded.create(Suite(x.E), x.octets("input"), random)
    answers = [voprf.evaluate(share, blinded.M, random, info) for share in shares]
    some = [answers[i - 1] for i in x.integers("some")]
    output = blinded.finish(shares[0].key, some, random, info)
    return {
        "M": blinded.M.to_bytes().hex(),
        "evaluations": [one.to_bytes().hex() for one in answers],
        "output": output.octets.hex(),
    }


@operation("sharing.oprf-finish")
def oprf_finish(x: Inputs) -> Results:
    """The output of evaluations, and who sent wrong ones."""
    suite = Suite(x.E)
    key = SharedKey.from_bytes(suite, x.octets("key"))
    blinded = voprf.Blinded(suite, x.octets("input"), x.scalar("blind"))
    answers = [voprf.Evaluation.from_bytes(suite, octets) for octets in x.octet_list("evaluations")]
    output = blinded.finish(key, answers, x.random(), x.octets("info"))
    return {"output": output.octets.hex(), "culprits": list(output.culprits)}
