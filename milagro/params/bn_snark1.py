"""BN_SNARK1: alt_bn128, the Barreto-Naehrig curve of the Ethereum precompiles.

Equation:   E: y^2 = x^3 + 3 over Fp, embedding degree 12
Seed:       u = 0x44e992b44a6909f1
Field:      p = 36u^4 + 36u^3 + 24u^2 + 6u + 1, 254 bits, 32 octets
Order:      r = 36u^4 + 36u^3 + 18u^2 + 6u + 1, 254 bits, 32 octets
Trace:      t = 6u^2 + 1; #E(Fp) = p + 1 - t = h r, h = 1
Tower:      Fp2 = Fp[i]/(i^2 + 1), Fp12 = Fp2[w]/(w^6 - (9 + i))
Twist:      D-type, E': y^2 = x^3 + 3/(9 + i) over Fp2
Hashing:    BN254G1 by Shallue-van de Woestijne, Z = 1
            BN254G2 by Shallue-van de Woestijne, Z = 1
Security:   about 100 bits. Barbulescu and Duquesne, "Updating key size estimations for pairings" (J. Cryptology
            2019): exTNFS leaves a BN curve of 256 bits about 100.
Generators: those of EIP-197.
Used by:    Ethereum (EIP-196, EIP-197), libsnark, and most proof systems that say BN254 or bn254. r - 1 is
            divisible by 2^28.
Beware of:  BN254 (Nogami) or BN254CX. The suite ids BN254G1 and BN254G2 mean this curve. Its non-residue is 9 + i,
            not 1 + i.
"""

from __future__ import annotations

from milagro.params._model import CurveParams, SvdW

CURVE = CurveParams(
    name="BN_SNARK1",
    family="BN",
    u=0x44E992B44A6909F1,
    p=0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47,
    r=0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001,
    t=0x6F4D8248EEB859FBF83E9682E87CFD47,
    b=3,
    xi=(9, 1),
    twist="D",
    twist_b=(
        0x2B149D40CEB8AAAE81BE18991BE06AC3B5B4C5E559DBEFA33267E6DC24A138E5,
        0x9713B03AF0FED4CD2CAFADEED8FDF4A74FA084E52D1852E4A2BD0685C315D2,
    ),
    g1=(1, 2),
    g2=(
        (
            0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
            0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
        ),
        (
            0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
            0x90689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
        ),
    ),
    cofactor_g1=1,
    cofactor_g2=0x30644E72E131A029B85045B68181585E06CEECDA572A2489345F2299C0F9FA8D,
    h_eff_g1=1,
    ate_loop=0x19D797039BE763BA8,
    final_exponent_multiple=1,
    frobenius=(
        0x1284B71C2865A7DFE8B99FDD76E68B605C521E08292F2176D60B35DADCC9E470,
        0x246996F3B4FAE7E6A6327CFE12150B8E747992778EEEC7E5CA5CF05F80F362AC,
    ),
    cube_root_of_unity=0x59E26BCEA0D48BACD4F263F1ACDB5C4F5763473177FFFFFE,
    cube_root_of_unity_r=0xB3C4D79D41A917585BFC41088D8DAAA78B17EA66B99C90DD,
    map_g1=SvdW(
        z=(1, 0),
        c1=(4, 0),
        c2=(0x183227397098D014DC2822DB40C0AC2ECBC0B548B438E5469E10460B6C3E7EA3, 0),
        c3=(0x16789AF3A83522EB353C98FC6B36D713D5D8D1CC5DFFFFFFA, 0),
        c4=(0x10216F7BA065E00DE81AC1E7808072C9DD2B2385CD7B438469602EB24829A9BD, 0),
    ),
    map_g2=SvdW(
        z=(1, 0),
        c1=(
            0x2B149D40CEB8AAAE81BE18991BE06AC3B5B4C5E559DBEFA33267E6DC24A138E6,
            0x9713B03AF0FED4CD2CAFADEED8FDF4A74FA084E52D1852E4A2BD0685C315D2,
        ),
        c2=(0x183227397098D014DC2822DB40C0AC2ECBC0B548B438E5469E10460B6C3E7EA3, 0),
        c3=(
            0x29FD332AB7260112B801FA95B21AF64E2E6DA55F90A3E510FCBE57377B5CA1EC,
            0x303D1EFF1426764BF8408AEE24BA0B865E76F77B1267A846B1E9154D01565034,
        ),
        c4=(
            0x17365BBE63B1D2078632FE0EB2AC5A41B4E6A9C08B98676721010B008D4EAF99,
            0xF57FFE5FC79E19CD689D7AA4209CAD8FE164D7F4694786B388732A995D03755,
        ),
    ),
    suite_g1="BN254G1",
    suite_g2="BN254G2",
    field_bytes=32,
    scalar_bytes=32,
    hash_length=48,
    words=4,
    aliases=("alt_bn128", "BN254_ETH"),
    security_bits=100,
)
