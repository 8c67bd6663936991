# The same points in Jacobian coordinates (X, Y, Z) for (X/Z^2, Y/Z^3), any Z = 0 the identity. Doubling is complete,
# since no point has order 2; additions are not, and each says what it leaves out. With a = 0 no formula needs b, so
# all of them hold on the isomorphic curves y^2 = x^3 + b c^6 too: points that share a Z can be taken for affine ones.

cdef inline void jac_from_projective(element* R, const element* P, const curve_t* E) noexcept nogil:
    # (XZ, YZ^2, Z)
    cdef element t
    el_mul(&R[0], &P[0], &P[2], E)
    el_sqr(&t, &P[2], E)
    el_mul(&R[1], &P[1], &t, E)
    R[2] = P[2]


cdef inline void jac_to_projective(element* R, const element* P, const curve_t* E) noexcept nogil:
    # (XZ, Y, Z^3), and (0, 1, 0) for the identity
    cdef element t, one
    cdef limb identity = el_is_zero(&P[2])
    el_mul(&R[0], &P[0], &P[2], E)
    el_sqr(&t, &P[2], E)
    R[1] = P[1]
    el_mul(&R[2], &P[2], &t, E)
    el_one(&one, E)
    el_move(&R[1], &one, identity)


cdef void jac_double(element* R, const element* P, const curve_t* E) noexcept nogil:
    # dbl-2009-l of the Explicit-Formulas Database with M = 3X^2/2 and D = XY^2, which halves its Z and saves doublings:
    #   X3 = M^2 - 2D, Y3 = M(D - X3) - Y^4, Z3 = YZ
    cdef element m, yy, d, t
    el_sqr(&t, &P[0], E)
    el_halve(&m, &t, E)
    el_add(&m, &m, &t, E)
    el_sqr(&yy, &P[1], E)
    el_mul(&d, &P[0], &yy, E)
    el_mul(&R[2], &P[1], &P[2], E)
    el_sqr(&t, &m, E)
    el_sub(&t, &t, &d, E)
    el_sub(&R[0], &t, &d, E)
    el_sqr(&yy, &yy, E)
    el_sub(&d, &d, &R[0], E)
    el_mul(&d, &d, &m, E)
    el_sub(&R[1], &d, &yy, E)


cdef limb jac_add_affine(element* R, const element* P, const element* xy, const curve_t* E) noexcept nogil:
    # P + (x, y), wrong if P is the identity or (x, y); 1 if the x agree, the identity if P = -(x, y)
    #   h = xZ^2 - X, s = yZ^3 - Y: X3 = s^2 - h^3 - 2Xh^2, Y3 = s(Xh^2 - X3) - Yh^3, Z3 = Zh
    cdef element h, s, hh, v, t
    el_sqr(&t, &P[2], E)
    el_mul(&h, &xy[0], &t, E)
    el_mul(&t, &t, &P[2], E)
    el_mul(&s, &xy[1], &t, E)
    el_sub(&h, &h, &P[0], E)
    el_sub(&s, &s, &P[1], E)
    el_sqr(&hh, &h, E)
    el_mul(&v, &P[0], &hh, E)
    el_mul(&hh, &hh, &h, E)
    el_mul(&t, &P[1], &hh, E)
    el_mul(&R[2], &P[2], &h, E)
    el_sqr(&R[0], &s, E)
    el_sub(&R[0], &R[0], &hh, E)
    el_sub(&R[0], &R[0], &v, E)
    el_sub(&R[0], &R[0], &v, E)
    el_sub(&v, &v, &R[0], E)
    el_mul(&v, &v, &s, E)
    el_sub(&R[1], &v, &t, E)
    return el_is_zero(&h)


cdef void jac_add_same_z(element* R, element* P, element* ratio, const curve_t* E) noexcept nogil:
    # R += P for R != P, -P, O with one Z; P is brought to the new one, `ratio` times the old. (X, Y) only. Meloni 2007:
    #   d = X_P - X_R, A = X_R d^2, B = X_P d^2: X3 = (Y_P - Y_R)^2 - A - B, Y3 = (Y_P - Y_R)(B - X3) - Y_P(B - A)
    cdef element d, a, b, s, t
    el_sub(&d, &P[0], &R[0], E)
    ratio[0] = d
    el_sqr(&d, &d, E)
    el_mul(&a, &R[0], &d, E)
    el_mul(&b, &P[0], &d, E)
    el_sub(&s, &P[1], &R[1], E)
    el_sub(&t, &b, &a, E)
    el_mul(&P[1], &P[1], &t, E)
    P[0] = b
    el_sqr(&t, &s, E)
    el_sub(&t, &t, &a, E)
    el_sub(&R[0], &t, &b, E)
    el_sub(&t, &b, &R[0], E)
    el_mul(&t, &t, &s, E)
    el_sub(&R[1], &t, &P[1], E)


cdef void jac_double_same_z(element* twice, element* first, const element* P, const curve_t* E) noexcept nogil:
    # 2P as (X, Y, Z) and P as (X, Y) with the same Z = YZ: (XY^2, Y^4). P is projective.
    cdef element base[3]
    cdef element t
    jac_from_projective(base, P, E)
    el_sqr(&t, &base[1], E)
    el_mul(&first[0], &base[0], &t, E)
    el_sqr(&first[1], &t, E)
    jac_double(twice, base, E)
    mont_wipe(base, sizeof(base))


cdef void jac_progression(
    element* table, element* z, element* step, int begin, int end, const curve_t* E,
) noexcept nogil:
    # Continues table[begin - 1] by adding `step` each time, entries below `begin` and step having the Z in z; then
    # brings all `end` entries to one Z and puts it in z. In Fp2 that Z is brought into Fp, so that psi, which
    # conjugates it, stays on the same isomorphic curve.
    cdef element ratio[MULTIPLES]
    cdef element s, t
    cdef int i
    for i in range(begin, end):
        table[2 * i] = table[2 * i - 2]
        table[2 * i + 1] = table[2 * i - 1]
        jac_add_same_z(&table[2 * i], step, &ratio[i], E)
        el_mul(z, z, &ratio[i], E)
    if element is fp_t:
        el_one(&s, E)
    else:
        fp2_conj(&s, z, E)
    el_mul(z, z, &s, E)
    for i in range(end - 1, -1, -1):
        el_sqr(&t, &s, E)
        el_mul(&table[2 * i], &table[2 * i], &t, E)
        el_mul(&t, &t, &s, E)
        el_mul(&table[2 * i + 1], &table[2 * i + 1], &t, E)
        if i >= begin:
            el_mul(&s, &s, &ratio[i], E)
    mont_wipe(ratio, sizeof(ratio))
    mont_wipe(&s, sizeof(s))
    mont_wipe(&t, sizeof(t))


cdef void jac_multiples(element* table, element* z, const element* P, const curve_t* E) noexcept nogil:
    # P, 2P, .., MULTIPLES*P for P of order above MULTIPLES, or O: pairs (x, y) on the curve that the common z makes
    # isomorphic to E
    cdef element twice[3]
    cdef element first[2]
    jac_double_same_z(twice, first, P, E)
    table[0] = first[0]
    table[1] = first[1]
    table[2] = twice[0]
    table[3] = twice[1]
    z[0] = twice[2]
    jac_progression(table, z, first, 2, MULTIPLES, E)
    mont_wipe(twice, sizeof(twice))
    mont_wipe(first, sizeof(first))


cdef void jac_odd_multiples(element* table, element* z, const element* P, const curve_t* E) noexcept nogil:
    # P, 3P, .., (2 ODD - 1)P, likewise
    cdef element twice[3]
    jac_double_same_z(twice, table, P, E)
    z[0] = twice[2]
    jac_progression(table, z, twice, 1, ODD, E)
