# From field elements to points. The maps of RFC 9380 are straight-line: constant time in their input, unless it is said
# to be public; then symbols are Jacobi's, in variable time.

cdef enum:                  # positions in map1_data, map2_data
    SVDW_Z = 0
    SVDW_C1 = 1
    SVDW_C2 = 2
    SVDW_C3 = 3
    SVDW_C4 = 4
    SSWU_A = 0
    SSWU_B = 1
    SSWU_Z = 2
    SSWU_POLYNOMIALS = 3    # x_num, x_den, y_num, y_den, lowest coefficient first


cdef void el_with_sign_of(element* y, const element* u, const curve_t* E) noexcept nogil:
    # y or -y, so that sgn0(y) = sgn0(u)
    cdef element minus
    el_neg(&minus, y, E)
    el_move(y, &minus, el_sgn0(y, E) ^ el_sgn0(u, E))


cdef void map_svdw(element* R, const element* u, const element* c, bint public, const curve_t* E) noexcept nogil:
    # Shallue, van de Woestijne (RFC 9380, section 6.6.1); inv0(0) = 0.                Spec: spec/curves.md#svdw
    #   m = 1 - u^2 c1, n = 1 + u^2 c1, i = inv0(mn), d = u m i c3, and x is the first of
    #   c2 - d, c2 + d, Z + c4 (n^2 i)^2 that lies under a point
    cdef element m, n, i, d, x, t, value
    cdef limb first, second
    el_sqr(&t, u, E)
    el_mul(&t, &t, &c[SVDW_C1], E)
    el_one(&m, E)
    el_add(&n, &m, &t, E)
    el_sub(&m, &m, &t, E)
    el_mul(&i, &m, &n, E)
    el_inv(&i, &i, E)
    el_mul(&d, u, &m, E)
    el_mul(&d, &d, &i, E)
    el_mul(&d, &d, &c[SVDW_C3], E)
    el_sqr(&x, &n, E)
    el_mul(&x, &x, &i, E)
    el_sqr(&x, &x, E)
    el_mul(&x, &x, &c[SVDW_C4], E)
    el_add(&x, &x, &c[SVDW_Z], E)
    el_sub(&t, &c[SVDW_C2], &d, E)
    el_curve_value(&value, &t, E)
    first = el_is_square_of(&value, public, E)
    el_move(&x, &t, first)
    if not public or not first:             # where u is public, the first that fits ends the search
        el_add(&t, &c[SVDW_C2], &d, E)
        el_curve_value(&value, &t, E)
        second = el_is_square_of(&value, public, E)
        el_move(&x, &t, second & (first ^ 1))
    el_curve_value(&value, &x, E)
    R[0] = x
    el_sqrt(&R[1], &value, E)
    el_with_sign_of(&R[1], u, E)
    el_one(&R[2], E)


cdef void isogenous_value(element* z, const element* x, const element* c, const curve_t* E) noexcept nogil:
    # x^3 + Ax + B
    cdef element t
    el_sqr(&t, x, E)
    el_add(&t, &t, &c[SSWU_A], E)
    el_mul(&t, &t, x, E)
    el_add(z, &t, &c[SSWU_B], E)


cdef void polynomial(element* z, const element* x, const element* c, int terms, const curve_t* E) noexcept nogil:
    # c_0 + c_1 x + .. by Horner's rule
    cdef element t = c[terms - 1]
    cdef int k
    for k in range(terms - 2, -1, -1):
        el_mul(&t, &t, x, E)
        el_add(&t, &t, &c[k], E)
    z[0] = t


cdef void isogeny(
    element* R, const element* x, const element* y, const element* c, const map_t* shape, const curve_t* E,
) noexcept nogil:
    # (x_num/x_den, y y_num/y_den) as a projective point, the identity where a denominator is 0 (RFC 9380, 6.6.3)
    cdef element value[4]
    cdef element identity[3]
    cdef int k
    cdef limb vanishes
    for k in range(4):
        polynomial(&value[k], x, c, shape.terms[k], E)
        c += shape.terms[k]
    el_mul(&R[0], &value[0], &value[3], E)
    el_mul(&R[1], &value[1], &value[2], E)
    el_mul(&R[1], &R[1], y, E)
    el_mul(&R[2], &value[1], &value[3], E)
    pt_identity(identity, E)
    vanishes = el_is_zero(&R[2])
    for k in range(3):
        el_move(&R[k], &identity[k], vanishes)


cdef void map_sswu(
    element* R, const element* u, const element* c, const map_t* shape, bint public, const curve_t* E,
) noexcept nogil:
    # Simplified SWU (RFC 9380, section 6.6.2) and the isogeny.                        Spec: spec/curves.md#sswu
    #   t = Z u^2, i = inv0(t^2 + t), x1 = -B/A (1 + i), or B/(ZA) where i = 0; x2 = t x1
    # In Fp one power serves both: with y = g(x1)^((p+1)/4) and g(x1) no square, g(x2) = t^3 g(x1) has the root
    # Z u^3 Z^((p+1)/4) y, since Z is no square either.
    cdef element t, i, x, x2, y, value
    cdef limb square
    el_sqr(&t, u, E)
    el_mul(&t, &t, &c[SSWU_Z], E)
    el_sqr(&i, &t, E)
    el_add(&i, &i, &t, E)
    el_neg(&value, &c[SSWU_A], E)
    el_mul(&value, &value, &i, E)           # x1 = B(1 + t^2 + t) / -A(t^2 + t), one inversion for both cases
    el_mul(&x2, &c[SSWU_A], &c[SSWU_Z], E)
    el_move(&value, &x2, el_is_zero(&i))
    el_inv(&value, &value, E)
    el_one(&x, E)
    el_add(&x, &x, &i, E)
    el_mul(&x, &x, &c[SSWU_B], E)
    el_mul(&x, &x, &value, E)
    el_mul(&x2, &x, &t, E)
    isogenous_value(&value, &x, c, E)
    if element is fp_t:
        square = fp_sqrt(&y, &value, E)
        el_mul(&t, &t, u, E)
        el_mul(&t, &t, &E.root_of_z, E)
        el_mul(&t, &t, &y, E)
        el_move(&y, &t, square ^ 1)
        el_move(&x, &x2, square ^ 1)
    else:
        square = el_is_square_of(&value, public, E)
        el_move(&x, &x2, square ^ 1)
        isogenous_value(&value, &x, c, E)
        el_sqrt(&y, &value, E)
    el_with_sign_of(&y, u, E)
    isogeny(R, &x, &y, &c[SSWU_POLYNOMIALS], shape, E)


cdef void map_to_curve(element* R, const element* u, bint public, const curve_t* E) noexcept nogil:
    if element is fp_t:
        if E.map1.sswu:
            map_sswu(R, u, E.map1_data, &E.map1, public, E)
        else:
            map_svdw(R, u, E.map1_data, public, E)
    else:
        if E.map2.sswu:
            map_sswu(R, u, E.map2_data, &E.map2, public, E)
        else:
            map_svdw(R, u, E.map2_data, public, E)


cdef void clear_cofactor(element* R, const element* P, const curve_t* E) noexcept nogil:
    # RFC 9380, section 7, with the multiplier of the suite.                  Spec: spec/curves.md#clear-cofactor
    if element is fp_t:
        g1_clear_cofactor(R, P, E)
    else:
        g2_clear_cofactor(R, P, E)


cdef void map_original_g1(fp_t* R, const uint8_t* h, size_t size, const curve_t* E) noexcept nogil:
    # mapit: x = h, h + 1, .. until x^3 + b is a square other than 0; even y; times the cofactor. h is public: variable
    # time.
    # Spec: spec/curves.md#map-original-g1
    cdef fp_t one, value
    cdef fp_t T[3]
    fp_one(&one, E)
    fp_reduce(&T[0], h, size, E)
    while True:
        el_curve_value(&value, &T[0], E)
        if mont_jacobi(value.v, &E.p) == 1 and pt_from_x(T, 0, False, E):
            pt_mul_integer(R, T, &E.cofactor, E)
            if not mont_is_zero(R[2].v):
                return
        fp_add(&T[0], &T[0], &one, E)


cdef void map_original_g2(fp2_t* R, const uint8_t* h, size_t size, const curve_t* E) noexcept nogil:
    # mapit2: X = 1 + i*h, 1 + i*(h + 1), .. until X^3 + b' has a root under the original rule; that root; cofactor.
    # Spec: spec/curves.md#map-original-g2
    cdef fp_t one
    cdef fp2_t value
    cdef fp2_t T[3]
    fp_one(&one, E)
    el_one(&T[2], E)
    T[0].a = one
    fp_reduce(&T[0].b, h, size, E)
    while True:
        el_curve_value(&value, &T[0], E)
        if fp2_sqrt_original(&T[1], &value, E):
            break
        fp_add(&T[0].b, &T[0].b, &one, E)
    g2_clear_cofactor(R, T, E)
