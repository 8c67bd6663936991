"""FP256BN: the 256-bit Barreto-Naehrig curve of ISO/IEC 15946-5.

Equation:   E: y^2 = x^3 + 3 over Fp, embedding degree 12
Seed:       u = -0x6882f5c030b0a801
Field:      p = 36u^4 + 36u^3 + 24u^2 + 6u + 1, 256 bits, 32 octets
Order:      r = 36u^4 + 36u^3 + 18u^2 + 6u + 1, 256 bits, 32 octets
Trace:      t = 6u^2 + 1; #E(Fp) = p + 1 - t = h r, h = 1
Tower:      Fp2 = Fp[i]/(i^2 + 1), Fp12 = Fp2[w]/(w^6 - (1 + i))
Twist:      M-type, E': y^2 = x^3 + 3(1 + i) = 3 + 3i over Fp2
Hashing:    FP256BNG1 by Shallue-van de Woestijne, Z = 1
            FP256BNG2 by Shallue-van de Woestijne, Z = 1
Security:   about 100 bits. Barbulescu and Duquesne, "Updating key size estimations for pairings" (J. Cryptology
            2019): exTNFS leaves a BN curve of 256 bits about 100.
Generators: G1 is (1, 2), as in the standard; G2 is the one of the Apache Milagro crypto library.
Used by:    TPM 2.0 (TPM_ECC_BN_P256), FIDO ECDAA, Hyperledger Fabric's idemix.
Beware of:  BN254, BN254CX, BN_SNARK1, and the bn256 packages of Go, which have another seed. p fills all its 256
            bits: no spare bit for flags or lazy carries.
"""

from __future__ import annotations

from milagro.params._model import CurveParams, Decomposition, SvdW

CURVE = CurveParams(
    name="FP256BN",
    family="BN",
    u=-0x6882F5C030B0A801,
    p=0xFFFFFFFFFFFCF0CD46E5F25EEE71A49F0CDC65FB12980A82D3292DDBAED33013,
    r=0xFFFFFFFFFFFCF0CD46E5F25EEE71A49E0CDC65FB1299921AF62D536CD10B500D,
    t=0xFFFFFFFFFFFE7867DCFBDA6EDDC7E007,
    b=3,
    xi=(1, 1),
    twist="M",
    twist_b=(3, 3),
    g1=(1, 2),
    g2=(
        (
            0xFE0C3350B4C96C2028560F577C28913ACE1C539A12BF843CD22616B689C09EFB,
            0x4EA66057738AC054DB5AE1C637D813B924DD78E287D03589D269ED34A37E6A2B,
        ),
        (
            0x702046E7C542A3B376770D75124E3E51EFCB24758D615848E909B481BEDC27FF,
            0x554E3BCD388C29042EEA649297EB29F8B4CBE80821A98B3E01281114AAD049B,
        ),
    ),
    cofactor_g1=1,
    cofactor_g2=0xFFFFFFFFFFFCF0CD46E5F25EEE71A4A00CDC65FB129682EAB025084A8C9B1019,
    h_eff_g1=1,
    ate_loop=-0x27311C2812423F004,
    final_exponent_multiple=1,
    frobenius=(
        0x3D617662CA786F352D1A6E8DDB0867CF39A171511E3AB28F74760328AF943106,
        0xC29E899D3584819819CB83D113693CCFD33AF4A9F45D57F35EB32AB2FF3EFF0D,
    ),
    cube_root_of_unity=0xFFFFFFFFFFFCF0CC0D5D111E5C618C39710E8E5D2104DD63F80D23B70B31780B,
    cube_root_of_unity_r=0xFFFFFFFFFFFCF0CAD3D42FDDCA5173CFD540B6BF2F77CEAA8F2534D938B81FF6,
    glv=Decomposition(
        eigenvalue=0xFFFFFFFFFFFCF0CAD3D42FDDCA5173CFD540B6BF2F77CEAA8F2534D938B81FF6,
        basis=(
            (0xD105EB8061615001, 0xFFFFFFFFFFFE78670BF5EEEE7C669004),
            (0xFFFFFFFFFFFE78663AF0036E1B054003, -0xD105EB8061615001),
        ),
        factors=(
            0xD105EB806163CF7B859835DDCE889A09,
            0x10000000000018799C50FFC943C01D4504FAC153ABC9B3109,
        ),
        bits=127,
    ),
    gls=Decomposition(
        eigenvalue=0xFFFFFFFFFFFE7867DCFBDA6EDDC7E006,
        basis=(
            (0xD105EB8061615001, -0x6882F5C030B0A801, -0x6882F5C030B0A800, -0x6882F5C030B0A801),
            (0x6882F5C030B0A800, 0x6882F5C030B0A801, 0x6882F5C030B0A801, -0xD105EB8061615002),
            (1, 0xD105EB8061615001, -1, 0xD105EB8061615002),
            (0xD105EB8061615001, 0, 0xD105EB8061615002, -1),
        ),
        factors=(
            0xD105EB8061628FBF42CC1AEDF2B9063F9B5B59ACE22BD9BD3902BA53C0E8FDB7,
            0xD105EB806163CF7B859835DDCE889A09,
            0x6882F5C030B147E021660D76F95D46ECB035AB208F16D706C45767C73EC21760,
            0x6882F5C030B147DF21660D76F95BBF5353A8A44C83C6EA74B7776D7B696CBAF5,
        ),
        bits=65,
    ),
    map_g1=SvdW(
        z=(1, 0),
        c1=(4, 0),
        c2=(0x7FFFFFFFFFFE7866A372F92F7738D24F866E32FD894C0541699496EDD7699809, 0),
        c3=(0x4E6238502484061966F375E77C64CB47B6C7028928E86E01E, 0),
        c4=(0x55555555555450446CF750CA4F7B36DFAEF421FE5B880380F10DB9F3E4F11001, 0),
    ),
    map_g2=SvdW(
        z=(1, 0),
        c1=(4, 3),
        c2=(0x7FFFFFFFFFFE7866A372F92F7738D24F866E32FD894C0541699496EDD7699809, 0),
        c3=(
            0x4355FD2D7A90ACA5E7559F0AA58254605CE24780284716FA5C61741CFD21441E,
            0x35FE0877904AEADB90E5153EFDEAA77DF6358F7A99C2C593BE04D184B76F63B9,
        ),
        c4=(
            0x55555555555450446CF750CA4F7B36DFAEF421FE5B880380F10DB9F3E4F11001,
            0xFFFFFFFFFFFCF0CD46E5F25EEE71A49F0CDC65FB12980A82D3292DDBAED3300F,
        ),
    ),
    suite_g1="FP256BNG1",
    suite_g2="FP256BNG2",
    field_bytes=32,
    scalar_bytes=32,
    hash_length=48,
    words=4,
    aliases=("TPM_ECC_BN_P256",),
    security_bits=100,
)
