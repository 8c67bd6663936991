# The endomorphism psi of the twist, and clearing the cofactor of G2 with it.          Spec: spec/curves.md#twist

cdef void psi(fp2_t* R, const fp2_t* P, const curve_t* E) noexcept nogil:
    # Untwist, p-power Frobenius, twist: (conj(x) c^2, conj(y) c^3), with c = gamma_1 (D) or 1/gamma_1 (M).
    # On G2 it is multiplication by p mod r.
    fp2_twisted_conj(&R[0], &P[0], &E.psi_x, E)
    fp2_twisted_conj(&R[1], &P[1], &E.psi_y, E)
    fp2_conj(&R[2], &P[2], E)


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
    pt_mul_integer(uQ, Q, &E.seed, E)
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
    pt_mul_integer(S, Q, &E.seed, E)
    pt_add(S, S, minus, E)          # (u - 1)Q
    pt_double(T, Q, E)
    psi(T, T, E)
    pt_add(T, T, S, E)
    psi(T, T, E)                    # psi^2(2Q) + psi((u - 1)Q)
    pt_add(T, T, minus, E)
    pt_mul_integer(S, S, &E.seed, E)
    pt_add(R, T, S, E)              # + u(u - 1)Q - Q
