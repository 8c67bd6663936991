# The endomorphism psi of the twist; clearing cofactors and testing subgroups with it.    Spec: spec/curves.md#twist
# Points are anywhere on their curve here, so additions are complete.

cdef void psi(fp2_t* R, const fp2_t* P, const curve_t* E) noexcept nogil:
    # Untwist, p-power Frobenius, twist: (conj(x) c^2, conj(y) c^3), with c = gamma_1 (D) or 1/gamma_1 (M).
    # On G2 it is multiplication by p mod r.
    fp2_twisted_conj(&R[0], &P[0], &E.psi_x, E)
    fp2_twisted_conj(&R[1], &P[1], &E.psi_y, E)
    fp2_conj(&R[2], &P[2], E)


cdef void pt_double_often(element* T, int n, const curve_t* E) noexcept nogil:
    # 2^n T; Jacobian doublings are cheaper, but changing coordinates there and back costs six products
    cdef int i
    if n > 1:
        jac_from_projective(T, T, E)
        for i in range(n):
            jac_double(T, T, E)
        jac_to_projective(T, T, E)
    elif n == 1:
        pt_double(T, T, E)


cdef void pt_mul_seed(element* R, const element* P, const curve_t* E) noexcept nogil:
    # u*P by the signed digits of u; constant time in P
    cdef element T[3]
    cdef element plus[3]
    cdef element minus[3]
    cdef int i, run = 0
    pt_copy(plus, P)
    if E.seed_naf.negative:
        pt_neg(plus, P, E)
    pt_neg(minus, plus, E)
    pt_copy(T, plus)                        # the first digit is 1
    for i in range(1, E.seed_naf.size):
        run += 1
        if E.seed_naf.digits[i] != 0:
            pt_double_often(T, run, E)
            if E.seed_naf.digits[i] > 0:
                pt_add(T, T, plus, E)
            else:
                pt_add(T, T, minus, E)
            run = 0
    pt_double_often(T, run, E)
    pt_copy(R, T)
    mont_wipe(T, sizeof(T))
    mont_wipe(plus, sizeof(plus))
    mont_wipe(minus, sizeof(minus))


cdef void g1_clear_cofactor(fp_t* R, const fp_t* P, const curve_t* E) noexcept nogil:
    # (1 - u)P on a BLS12 curve; a BN curve has cofactor 1.                    Spec: spec/curves.md#clear-cofactor
    cdef fp_t T[3]
    if E.bn:
        pt_copy(R, P)
    else:
        pt_mul_seed(T, P, E)
        pt_neg(T, T, E)
        pt_add(R, P, T, E)
        mont_wipe(T, sizeof(T))


cdef void g2_clear_cofactor(fp2_t* R, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # Spec: spec/curves.md#clear-cofactor
    if E.bn:
        clear_cofactor_bn(R, Q, E)
    else:
        clear_cofactor_bls12(R, Q, E)


cdef void clear_cofactor_bn(fp2_t* R, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # uQ + psi(3uQ) + psi^2(uQ) + psi^3(Q)          (Fuentes-Castaneda, Knapp, Rodriguez-Henriquez 2011)
    cdef fp2_t uQ[3]
    cdef fp2_t T[3]
    cdef fp2_t S[3]
    pt_mul_seed(uQ, Q, E)
    psi(T, Q, E)                    # psi(psi(psi(Q) + uQ) + 3uQ) + uQ
    pt_add(T, T, uQ, E)
    psi(T, T, E)
    pt_double(S, uQ, E)
    pt_add(S, S, uQ, E)
    pt_add(T, T, S, E)
    psi(T, T, E)
    pt_add(R, T, uQ, E)


cdef void clear_cofactor_bls12(fp2_t* R, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # (u^2 - u - 1)Q + psi((u - 1)Q) + psi^2(2Q)    (Budroni, Pintore, eprint 2017/419)
    cdef fp2_t S[3]
    cdef fp2_t T[3]
    cdef fp2_t minus[3]
    pt_neg(minus, Q, E)
    pt_mul_seed(S, Q, E)
    pt_add(S, S, minus, E)          # (u - 1)Q
    pt_double(T, Q, E)
    psi(T, T, E)
    pt_add(T, T, S, E)
    psi(T, T, E)                    # psi^2(2Q) + psi((u - 1)Q)
    pt_add(T, T, minus, E)
    pt_mul_seed(S, S, E)
    pt_add(R, T, S, E)              # + u(u - 1)Q - Q


# ---- subgroup tests: tools/derive_params.py proves for each curve that they accept G1 and G2 and nothing else ------
# Spec: spec/curves.md#subgroup-check

cdef limb g1_in_subgroup(const fp_t* P, const curve_t* E) noexcept nogil:
    # (beta x, y) = (u^2 - 1)P on a BLS12 curve (Scott, eprint 2021/1130); E(Fp) of a BN curve has order r itself
    cdef fp_t S[3]
    cdef fp_t T[3]
    if E.bn:
        return 1
    pt_mul_seed(S, P, E)
    pt_mul_seed(S, S, E)
    pt_copy(T, P)
    fp_mul(&T[0], &T[0], &E.beta, E)
    pt_add(T, T, P, E)
    return pt_equal(<const fp_t*>S, <const fp_t*>T, E)


cdef limb g2_in_subgroup(const fp2_t* Q, const curve_t* E) noexcept nogil:
    # BN: (u + 1)Q + psi(uQ) + psi^2(uQ) = psi^3(2uQ)          (El Housni, Guillevic, Piellard, eprint 2022/352)
    # BLS12: psi(Q) = uQ                                         (Scott, eprint 2021/1130)
    cdef fp2_t uQ[3]
    cdef fp2_t S[3]
    cdef fp2_t T[3]
    pt_mul_seed(uQ, Q, E)
    psi(T, Q, E)
    if not E.bn:
        return pt_equal(<const fp2_t*>uQ, <const fp2_t*>T, E)
    pt_add(S, uQ, Q, E)
    psi(T, uQ, E)
    pt_add(S, S, T, E)
    psi(T, T, E)
    pt_add(S, S, T, E)
    psi(T, T, E)
    pt_double(T, T, E)
    return pt_equal(<const fp2_t*>S, <const fp2_t*>T, E)
