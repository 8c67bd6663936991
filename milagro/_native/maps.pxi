# From field elements to points. The maps of RFC 9380 are straight-line: constant time in their input, unless it is said
# to be public; then symbols are Jacobi's, in variable time.


cdef void el_with_sign_of(element* y, const element* u, const curve_t* E) noexcept nogil:
    # y or -y, so that sgn0(y) = sgn0(u)
    cdef element minus
    el_neg(&minus, y, E)
    el_move(y, &minus, el_sgn0(y, E) ^ el_sgn0(u, E))


# ---- Shallue-van de Woestijne ----------------------------------------------------------- Spec: spec/curves.md#svdw

cdef void svdw_value(element* U, element* V, const element* N, const element* D, const curve_t* E) noexcept nogil:
    # U/V = x^3 + b for x = N/D
    cdef element t
    el_sqr(&t, D, E)
    el_mul(V, &t, D, E)
    el_sqr(&t, N, E)
    el_mul(&t, &t, N, E)
    el_mul_b(U, V, E)
    el_add(U, U, &t, E)


cdef void svdw_x(
    element* N, element* D, element* U, element* V, const element* u, const element* c, bint public, const curve_t* E,
) noexcept nogil:
    # RFC 9380, section 6.6.1, without its inversion. With m = 1 - u^2 c1 and n = 1 + u^2 c1, x = N/D is the first of
    #   (c2 n - u c3)/n, (c2 n + u c3)/n, (Z m^2 + c4 n^2)/m^2
    # that lies under a point. Where mn = 0, inv0 of the RFC makes them c2, c2, Z. U/V is the value of the curve at x.
    # It is a square where UD is one, since V = D^3.
    cdef element m, n, d, t, one, value, other
    cdef limb vanishes, first, second
    el_one(&one, E)
    el_sqr(&t, u, E)
    el_mul(&t, &t, &c[SVDW_C1], E)
    el_add(&n, &one, &t, E)
    el_sub(&m, &one, &t, E)
    el_mul(&d, u, &c[SVDW_C3], E)
    vanishes = el_is_zero(&m) | el_is_zero(&n)
    memset(&t, 0, sizeof(t))
    el_move(&n, &one, vanishes)
    el_move(&d, &t, vanishes)
    D[0] = n
    el_mul(&t, &c[SVDW_C2], &n, E)
    el_sub(N, &t, &d, E)
    svdw_value(U, V, N, D, E)
    el_mul(&value, U, D, E)
    if public and el_is_square_of(&value, True, E):     # where u is public, the first that fits ends the search
        return
    el_add(&t, &t, &d, E)
    svdw_value(U, V, &t, D, E)
    el_mul(&other, U, D, E)
    if public:
        first, second = 0, el_is_square_of(&other, True, E)
    else:
        el_are_squares(&first, &second, &value, &other, E)
    el_move(N, &t, mont_not(first))
    if public and second:
        return
    el_sqr(&m, &m, E)
    el_sqr(&n, &n, E)
    el_dot(&t, &c[SVDW_Z], &m, &c[SVDW_C4], &n, E)
    el_move(&t, &c[SVDW_Z], vanishes)
    el_move(&m, &one, vanishes)
    el_move(N, &t, mont_not(first | second))
    el_move(D, &m, mont_not(first | second))
    svdw_value(U, V, N, D, E)


cdef void map_svdw(
    element* R, const element* u, int rows, const element* c, bint public, const curve_t* E,
) noexcept nogil:
    # Projective points (N : yD : D)
    cdef element U[ROWS]
    cdef element V[ROWS]
    cdef element y[ROWS]
    cdef limb found[ROWS]
    cdef int k
    for k in range(rows):
        svdw_x(&R[3 * k], &R[3 * k + 2], &U[k], &V[k], &u[k], c, public, E)
    el_roots_of_ratios(y, found, U, V, rows, E)
    for k in range(rows):
        el_with_sign_of(&y[k], &u[k], E)
        el_mul(&R[3 * k + 1], &y[k], &R[3 * k + 2], E)


# ---- Simplified SWU ----------------------------------------------------------------------- Spec: spec/curves.md#sswu
# It maps to y^2 = x^3 + Ax + B, whose points are Jacobian here. An isogeny is a homomorphism: points are added first
# and then brought to the curve together.

cdef void sswu_x(
    element* N, element* D, element* U, element* V, const element* u, const element* c, const curve_t* E,
) noexcept nogil:
    # RFC 9380, appendix F.2: t = Z u^2; the first x is N/D = -B/A (1 + 1/(t^2 + t)), or B/(ZA) where t^2 + t = 0;
    # U/V is the value of the curve at it
    cdef element t, s, one
    el_one(&one, E)
    el_sqr(&t, u, E)
    el_mul(&t, &t, &c[SSWU_Z], E)
    el_sqr(&s, &t, E)
    el_add(&s, &s, &t, E)
    el_add(N, &one, &s, E)
    el_mul(N, N, &c[SSWU_B], E)
    el_neg(D, &c[SSWU_A], E)
    el_mul(D, D, &s, E)
    el_mul(&t, &c[SSWU_A], &c[SSWU_Z], E)
    el_move(D, &t, el_is_zero(&s))
    el_sqr(&s, D, E)                        # (N^2 + A D^2) N + B D^3, D^3
    el_mul(V, &s, D, E)
    el_sqr(&t, N, E)
    el_mul(&s, &s, &c[SSWU_A], E)
    el_add(&t, &t, &s, E)
    el_dot(U, &t, N, &c[SSWU_B], V, E)


cdef void sswu_roots(
    element* y, limb* first, element* U, const element* V, const element* u, int rows, const element* c, bint public,
    const curve_t* E,
) noexcept nogil:
    # A root at the first x and first = 1, or one at the second, t times the first, where the value is t^3 U/V.
    # In Fp one power serves both: with y^2 = -U/V the root is u^3 Z Z^((p+1)/4) y, since Z is no square either.
    cdef element t, s
    cdef limb found[ROWS]
    cdef int k
    if element is fp_t:
        fp_roots_of_ratios(y, first, U, V, rows, E)
        for k in range(rows):
            fp_sqr(&t, &u[k], E)
            fp_mul(&t, &t, &u[k], E)
            fp_mul(&t, &t, &E.root_of_z, E)
            fp_mul(&t, &t, &y[k], E)
            el_move(&y[k], &t, mont_not(first[k]))
    else:
        for k in range(rows):
            fp2_mul(&t, &U[k], &V[k], E)
            first[k] = el_is_square_of(&t, public, E)
            fp2_sqr(&t, &u[k], E)
            fp2_mul(&t, &t, &c[SSWU_Z], E)
            fp2_sqr(&s, &t, E)
            fp2_mul(&t, &t, &s, E)
            fp2_mul(&t, &t, &U[k], E)
            el_move(&U[k], &t, mont_not(first[k]))
        el_roots_of_ratios(y, found, U, V, rows, E)


cdef void map_sswu(
    element* R, const element* u, int rows, const element* c, bint public, const curve_t* E,
) noexcept nogil:
    # Jacobian points (ND, yD^3, D), N times t where it is the second x
    cdef element U[ROWS]
    cdef element V[ROWS]
    cdef element y[ROWS]
    cdef element t
    cdef limb first[ROWS]
    cdef int k
    for k in range(rows):
        sswu_x(&R[3 * k], &R[3 * k + 2], &U[k], &V[k], &u[k], c, E)
    sswu_roots(y, first, U, V, u, rows, c, public, E)
    for k in range(rows):
        el_sqr(&t, &u[k], E)
        el_mul(&t, &t, &c[SSWU_Z], E)
        el_mul(&t, &t, &R[3 * k], E)
        el_move(&R[3 * k], &t, mont_not(first[k]))
        el_mul(&R[3 * k], &R[3 * k], &R[3 * k + 2], E)
        el_with_sign_of(&y[k], &u[k], E)
        el_mul(&R[3 * k + 1], &y[k], &V[k], E)


cdef void sswu_double(element* R, const element* P, const element* c, const curve_t* E) noexcept nogil:
    # M = 3X^2 + AZ^4, S = 4XY^2: X3 = M^2 - 2S, Y3 = M(S - X3) - 8Y^4, Z3 = 2YZ
    cdef element m, s, yy, t
    el_sqr(&t, &P[2], E)
    el_sqr(&t, &t, E)
    el_mul(&m, &t, &c[SSWU_A], E)
    el_sqr(&t, &P[0], E)
    el_add(&m, &m, &t, E)
    el_add(&m, &m, &t, E)
    el_add(&m, &m, &t, E)
    el_sqr(&yy, &P[1], E)
    el_add(&yy, &yy, &yy, E)                # 2Y^2
    el_mul(&s, &P[0], &yy, E)
    el_add(&s, &s, &s, E)
    el_mul(&t, &P[1], &P[2], E)
    el_add(&R[2], &t, &t, E)
    el_sqr(&t, &m, E)
    el_sub(&t, &t, &s, E)
    el_sub(&R[0], &t, &s, E)
    el_sub(&s, &s, &R[0], E)
    el_mul(&s, &s, &m, E)
    el_sqr(&yy, &yy, E)
    el_add(&yy, &yy, &yy, E)
    el_sub(&R[1], &s, &yy, E)


cdef limb sswu_add_different(element* R, const element* P, const element* Q, const curve_t* E) noexcept nogil:
    # P + Q, wrong if they are equal or one is the identity; 1 if they are equal and not the identity
    #   h = X2 Z1^2 - X1 Z2^2, s = Y2 Z1^3 - Y1 Z2^3, v = X1 Z2^2 h^2:
    #   X3 = s^2 - h^3 - 2v, Y3 = s(v - X3) - Y1 Z2^3 h^3, Z3 = h Z1 Z2
    cdef element h, s, v, y, t, z
    el_sqr(&t, &P[2], E)
    el_mul(&h, &Q[0], &t, E)
    el_mul(&t, &t, &P[2], E)
    el_mul(&s, &Q[1], &t, E)
    el_sqr(&t, &Q[2], E)
    el_mul(&v, &P[0], &t, E)
    el_mul(&t, &t, &Q[2], E)
    el_mul(&y, &P[1], &t, E)
    el_sub(&h, &h, &v, E)
    el_sub(&s, &s, &y, E)
    el_mul(&z, &P[2], &Q[2], E)
    cdef limb equal = el_is_zero(&h) & el_is_zero(&s) & mont_not(el_is_zero(&z))
    el_mul(&R[2], &z, &h, E)
    el_sqr(&t, &h, E)
    el_mul(&v, &v, &t, E)
    el_mul(&t, &t, &h, E)
    el_mul(&y, &y, &t, E)
    el_sqr(&R[0], &s, E)
    el_sub(&R[0], &R[0], &t, E)
    el_sub(&R[0], &R[0], &v, E)
    el_sub(&R[0], &R[0], &v, E)
    el_sub(&v, &v, &R[0], E)
    el_mul(&v, &v, &s, E)
    el_sub(&R[1], &v, &y, E)
    return equal


cdef void sswu_add(
    element* R, const element* P, const element* Q, const element* c, bint public, const curve_t* E,
) noexcept nogil:
    # P + Q in all cases, R another point; without a branch unless they are public
    cdef element T[3]
    cdef limb equal = sswu_add_different(R, P, Q, E)
    cdef int i
    if not public or equal:
        sswu_double(T, P, c, E)
        for i in range(3):
            el_move(&R[i], &T[i], equal)
    for i in range(3):
        el_move(&T[i], &P[i], 1)
        el_move(&T[i], &Q[i], el_is_zero(&P[2]))
        el_move(&R[i], &T[i], el_is_zero(&P[2]) | el_is_zero(&Q[2]))


cdef void isogeny(
    element* R, const element* P, const element* c, const map_t* shape, const curve_t* E,
) noexcept nogil:
    # (x_num/x_den, y y_num/y_den) of RFC 9380, section 6.6.3, on Jacobian points; R may be P. The denominators are h^2
    # and h^3 for the polynomial h of the kernel. Of f of degree n take F = Z^2n f(X/Z^2), by Horner's rule;
    # the degrees are 2d + 1, 3d and d: the result is (X_num, Y Y_num, Z H), the identity where a denominator is 0.
    cdef element powers[TERMS]              # of Z^2
    cdef element value[3]
    cdef int k, j, degree
    el_sqr(&powers[1], &P[2], E)
    for k in range(2, shape.terms[1]):
        el_mul(&powers[k], &powers[k - 1], &powers[1], E)
    for k in range(3):
        degree = shape.terms[k] - 1
        value[k] = c[degree]
        for j in range(1, degree + 1):
            el_dot(&value[k], &value[k], &P[0], &c[degree - j], &powers[j], E)
        c += degree + 1
    R[0] = value[0]
    el_mul(&R[1], &P[1], &value[1], E)
    el_mul(&R[2], &P[2], &value[2], E)


# ---- both ---------------------------------------------------------------------------------------------------------

cdef inline const map_t* map_of(const element* which, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return &E.map1
    else:
        return &E.map2


cdef inline const element* map_data(const element* which, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return E.map1_data
    else:
        return E.map2_data


cdef void add_maps(
    element* S, bint begun, const element* t, int rows, bint public, const curve_t* E,
) noexcept nogil:
    # The sum of map_to_curve(t_k) for at most ROWS elements, or S plus that where it has begun; of SSWU still on its
    # own curve. Constant time in t unless it is public.
    cdef element Q[3 * ROWS]
    cdef element T[3]
    cdef const element* c = map_data(<const element*>S, E)
    cdef bint sswu = map_of(<const element*>S, E).sswu
    cdef int k
    if sswu:
        map_sswu(Q, t, rows, c, public, E)
    else:
        map_svdw(Q, t, rows, c, public, E)
    for k in range(rows):
        if not begun and k == 0:
            pt_copy(S, Q)
        elif sswu:
            sswu_add(T, S, &Q[3 * k], c, public, E)
            pt_copy(S, T)
        else:
            pt_add(S, S, &Q[3 * k], E)
    mont_wipe(Q, sizeof(Q))
    mont_wipe(T, sizeof(T))


cdef void finish_maps(element* S, const curve_t* E) noexcept nogil:
    # What add_maps made, on the curve and projective
    if map_of(<const element*>S, E).sswu:
        isogeny(S, S, &map_data(<const element*>S, E)[SSWU_POLYNOMIALS], map_of(<const element*>S, E), E)
        jac_to_projective(S, S, E)


cdef void clear_cofactor(element* R, const element* P, const curve_t* E) noexcept nogil:
    # RFC 9380, section 7, with the multiplier of the suite.                  Spec: spec/curves.md#clear-cofactor
    if element is fp_t:
        g1_clear_cofactor(R, P, E)
    else:
        g2_clear_cofactor(R, P, E)
