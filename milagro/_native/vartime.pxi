# Multiples by public scalars, in variable time: the parts of glv.pxi in non-adjacent form of width NAF_WIDTH, and
# Jacobian additions that branch on their exceptions. Points of order r or 1 only, but for clearing the cofactor.
# Spec: spec/curves.md#scalar-multiplication

cdef void jac_add_vartime(element* T, const element* xy, bint minus, const curve_t* E) noexcept nogil:
    # T +- (x, y) for every T; (x, y) is not the identity
    cdef element S[3]
    cdef element Q[3]
    Q[0] = xy[0]
    Q[1] = xy[1]
    if minus:
        el_neg(&Q[1], &Q[1], E)
    el_one(&Q[2], E)
    if el_is_zero(&T[2]):
        pt_copy(T, Q)
    elif not jac_add_affine(S, T, Q, E):
        pt_copy(T, S)
    else:                                   # equal or opposite
        el_sqr(&S[0], &T[2], E)
        el_mul(&S[0], &S[0], &T[2], E)
        el_mul(&S[0], &S[0], &Q[1], E)
        if el_equal(&S[0], &T[1]):
            jac_double(T, Q, E)
        else:
            memset(T, 0, 3 * sizeof(element))


cdef void jac_sum_of_nafs(
    element* T, const element* tables, const int8_t* digits, Py_ssize_t n, int size, const curve_t* E,
) noexcept nogil:
    # sum over n tables of odd multiples and n rows of SHORT_DIGITS digits, `size` of which are used (Straus 1964)
    cdef Py_ssize_t j
    cdef int at, digit
    memset(T, 0, 3 * sizeof(element))
    for at in range(size - 1, -1, -1):
        if not el_is_zero(&T[2]):
            jac_double(T, T, E)
        for j in range(n):
            digit = digits[SHORT_DIGITS * j + at]
            if digit > 0:
                jac_add_vartime(T, &tables[2 * ODD * j + digit - 1], False, E)
            elif digit < 0:
                jac_add_vartime(T, &tables[2 * ODD * j - digit - 1], True, E)


cdef void el_images(element* tables, int size, int parts, const curve_t* E) noexcept nogil:
    # From `size` pairs (x, y) their images under the powers of the endomorphism, one table after the other
    cdef int i
    for i in range(2 * size, parts * 2 * size, 2):
        el_endomorphism(&tables[i], &tables[i - 2 * size], E)


cdef void pt_mul_vartime(element* R, const element* P, const scalar_t* k, const curve_t* E) noexcept nogil:
    # k*P for a public k and P of order r or 1
    cdef element tables[PARTS * 2 * ODD]
    cdef int8_t digits[PARTS * SHORT_DIGITS]
    cdef scalar_t a[PARTS]
    cdef element T[3]
    cdef element z
    cdef const split_t* D = el_split(P, E)
    cdef int i
    if el_is_zero(&P[2]):
        pt_identity(R, E)
        return
    scalar_split(a, k, D)
    for i in range(D.parts):
        split_naf(&digits[SHORT_DIGITS * i], D.bits + 1, a[i].v, NAF_WIDTH)
    jac_odd_multiples(tables, &z, P, E)
    el_images(tables, ODD, D.parts, E)
    jac_sum_of_nafs(T, tables, digits, D.parts, D.bits + 1, E)
    el_mul(&T[2], &T[2], &z, E)
    jac_to_projective(R, T, E)


cdef void g1_clear_cofactor_vartime(fp_t* R, const fp_t* P, const curve_t* E) noexcept nogil:
    # (1 - u)P as g1_clear_cofactor, for a public P anywhere on the curve. P's Z is left out until the end.
    cdef fp_t base[3]
    cdef fp_t T[3]
    cdef int i
    if E.bn or el_is_zero(&P[2]):
        pt_copy(R, P)
        return
    jac_from_projective(base, P, E)
    pt_copy(T, base)
    fp_one(&T[2], E)
    for i in range(1, E.seed_naf.size):     # the first digit of |u| is 1
        jac_double(T, T, E)
        if E.seed_naf.digits[i] != 0:
            jac_add_vartime(T, base, E.seed_naf.digits[i] < 0, E)
    jac_add_vartime(T, base, not E.seed_naf.negative, E)
    if not E.seed_naf.negative:
        fp_neg(&T[1], &T[1], E)
    fp_mul(&T[2], &T[2], &base[2], E)
    jac_to_projective(R, T, E)
