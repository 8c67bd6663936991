# Points of y^2 = x^3 + b over Fp and over Fp2: homogeneous projective, complete formulas.
# Spec: spec/curves.md#curves
# Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves" (eprint 2015/1060), the case
# a = 0, algorithms 7 and 9. They hold for every pair of points, equal, opposite or identity, as long as no point has
# order 2; the orders of all nine curves and of their twists are odd, so that is everywhere.

cdef inline void pt_identity(element* R, const curve_t* E) noexcept nogil:
    memset(R, 0, 3 * sizeof(element))
    el_one(&R[1], E)


cdef inline void pt_copy(element* R, const element* P) noexcept nogil:
    R[0] = P[0]
    R[1] = P[1]
    R[2] = P[2]


cdef inline void pt_neg(element* R, const element* P, const curve_t* E) noexcept nogil:
    R[0] = P[0]
    el_neg(&R[1], &P[1], E)
    R[2] = P[2]


cdef inline void el_cross(
    element* z, const element* x, const element* y, const element* m, const element* n,
    const element* xm, const element* yn, const curve_t* E,
) noexcept nogil:
    # xn + ym = (x + y)(m + n) - xm - yn
    cdef element s, t
    el_add(&s, x, y, E)
    el_add(&t, m, n, E)
    el_mul(&s, &s, &t, E)
    el_sub(&s, &s, xm, E)
    el_sub(z, &s, yn, E)


cdef void pt_add(element* R, const element* P, const element* Q, const curve_t* E) noexcept nogil:
    # With xx = X1X2, yy = Y1Y2, bzz = 3bZ1Z2, xy = X1Y2 + X2Y1, yz = Y1Z2 + Y2Z1, bxz = 3b(X1Z2 + X2Z1):
    #   X3 = xy (yy - bzz) - bxz yz
    #   Y3 = (yy + bzz)(yy - bzz) + 3 xx bxz
    #   Z3 = yz (yy + bzz) + 3 xx xy
    cdef element xx, yy, zz, xy, yz, xz, minus, plus, t
    el_mul(&xx, &P[0], &Q[0], E)
    el_mul(&yy, &P[1], &Q[1], E)
    el_mul(&zz, &P[2], &Q[2], E)
    el_cross(&xy, &P[0], &P[1], &Q[0], &Q[1], &xx, &yy, E)
    el_cross(&yz, &P[1], &P[2], &Q[1], &Q[2], &yy, &zz, E)
    el_cross(&xz, &P[0], &P[2], &Q[0], &Q[2], &xx, &zz, E)
    el_mul_3b(&zz, &zz, E)
    el_mul_3b(&xz, &xz, E)
    el_add(&t, &xx, &xx, E)
    el_add(&xx, &t, &xx, E)
    el_sub(&minus, &yy, &zz, E)
    el_add(&plus, &yy, &zz, E)
    el_mul(&R[0], &xy, &minus, E)
    el_mul(&t, &xz, &yz, E)
    el_sub(&R[0], &R[0], &t, E)
    el_mul(&R[1], &plus, &minus, E)
    el_mul(&t, &xx, &xz, E)
    el_add(&R[1], &R[1], &t, E)
    el_mul(&R[2], &yz, &plus, E)
    el_mul(&t, &xx, &xy, E)
    el_add(&R[2], &R[2], &t, E)


cdef void pt_add_affine(element* R, const element* P, const element* xy, const curve_t* E) noexcept nogil:
    # P + (x, y), any P: the same with Z2 = 1, algorithm 8
    cdef element xx, yy, bzz, cross, yz, xz, minus, plus, t
    el_mul(&xx, &P[0], &xy[0], E)
    el_mul(&yy, &P[1], &xy[1], E)
    el_cross(&cross, &P[0], &P[1], &xy[0], &xy[1], &xx, &yy, E)
    el_mul(&yz, &xy[1], &P[2], E)
    el_add(&yz, &yz, &P[1], E)
    el_mul(&xz, &xy[0], &P[2], E)
    el_add(&xz, &xz, &P[0], E)
    el_mul_3b(&bzz, &P[2], E)
    el_mul_3b(&xz, &xz, E)
    el_add(&t, &xx, &xx, E)
    el_add(&xx, &t, &xx, E)
    el_sub(&minus, &yy, &bzz, E)
    el_add(&plus, &yy, &bzz, E)
    el_mul(&R[0], &cross, &minus, E)
    el_mul(&t, &xz, &yz, E)
    el_sub(&R[0], &R[0], &t, E)
    el_mul(&R[1], &plus, &minus, E)
    el_mul(&t, &xx, &xz, E)
    el_add(&R[1], &R[1], &t, E)
    el_mul(&R[2], &yz, &plus, E)
    el_mul(&t, &xx, &cross, E)
    el_add(&R[2], &R[2], &t, E)


cdef void pt_double(element* R, const element* P, const curve_t* E) noexcept nogil:
    # With bzz = 3bZ^2:
    #   X3 = 2 XY (Y^2 - 3 bzz)
    #   Y3 = (Y^2 - 3 bzz)(Y^2 + bzz) + 8 Y^2 bzz
    #   Z3 = 8 Y^2 YZ
    cdef element yy, yy8, bzz, xy, yz, minus, plus
    el_sqr(&yy, &P[1], E)
    el_add(&yy8, &yy, &yy, E)
    el_add(&yy8, &yy8, &yy8, E)
    el_add(&yy8, &yy8, &yy8, E)
    el_mul(&yz, &P[1], &P[2], E)
    el_mul(&xy, &P[0], &P[1], E)
    el_sqr(&bzz, &P[2], E)
    el_mul_3b(&bzz, &bzz, E)
    el_add(&plus, &yy, &bzz, E)
    el_add(&minus, &bzz, &bzz, E)
    el_add(&minus, &minus, &bzz, E)
    el_sub(&minus, &yy, &minus, E)
    el_mul(&R[0], &xy, &minus, E)
    el_add(&R[0], &R[0], &R[0], E)
    el_mul(&plus, &plus, &minus, E)
    el_mul(&bzz, &bzz, &yy8, E)
    el_add(&R[1], &plus, &bzz, E)
    el_mul(&R[2], &yy8, &yz, E)


cdef limb pt_equal(const element* P, const element* Q, const curve_t* E) noexcept nogil:
    # X1Z2 = X2Z1 and Y1Z2 = Y2Z1; a lone identity fails the second, since its Y is not 0
    cdef element s, t
    cdef limb same
    el_mul(&s, &P[0], &Q[2], E)
    el_mul(&t, &Q[0], &P[2], E)
    same = el_equal(&s, &t)
    el_mul(&s, &P[1], &Q[2], E)
    el_mul(&t, &Q[1], &P[2], E)
    return same & el_equal(&s, &t)


cdef void pt_affine(element* xy, const element* P, const curve_t* E) noexcept nogil:
    # (X/Z, Y/Z), and (0, 0) for the identity
    cdef element t
    el_inv(&t, &P[2], E)
    el_mul(&xy[0], &P[0], &t, E)
    el_mul(&xy[1], &P[1], &t, E)
    mont_wipe(&t, sizeof(t))


cdef void affine_each(element* xy, const element* P, Py_ssize_t n, element* work, const curve_t* E) noexcept nogil:
    # (x, y) of each point, (0, 0) for the identity, by one inversion; work: 2n
    cdef Py_ssize_t i
    for i in range(n):
        work[i] = P[3 * i + 2]
    el_inv_batch(work, work + n, n, E)
    for i in range(n):
        el_mul(&xy[2 * i], &P[3 * i], &work[i], E)
        el_mul(&xy[2 * i + 1], &P[3 * i + 1], &work[i], E)


cdef limb pt_from_affine(element* R, const curve_t* E) noexcept nogil:
    # Completes (x, y) in R to a point; 1 if it is on the curve
    cdef element s, t
    el_one(&R[2], E)
    el_sqr(&s, &R[1], E)
    el_curve_value(&t, &R[0], E)
    return el_equal(&s, &t)


cdef limb pt_from_x(element* R, limb sign, bint larger, const curve_t* E) noexcept nogil:
    # Completes x in R to the point whose y has this sign; 1 if there is one
    cdef element t, minus
    cdef limb found
    el_curve_value(&t, &R[0], E)
    found = el_sqrt(&R[1], &t, E)
    el_neg(&minus, &R[1], E)
    el_move(&R[1], &minus, el_sign(&R[1], larger, E) ^ sign)
    el_one(&R[2], E)
    return found


cdef void pt_mul_integer(element* R, const element* P, const integer_t* k, const curve_t* E) noexcept nogil:
    # k*P for a public k by doubling and adding; constant time in P.       Spec: spec/curves.md#scalar-multiplication
    cdef element T[3]
    cdef element base[3]
    cdef int i
    if k.negative:
        pt_neg(base, P, E)
    else:
        pt_copy(base, P)
    pt_identity(T, E)
    for i in range(8 * k.size):
        pt_double(T, T, E)
        if integer_bit(k, i):
            pt_add(T, T, base, E)
    pt_copy(R, T)
    mont_wipe(T, sizeof(T))
    mont_wipe(base, sizeof(base))
