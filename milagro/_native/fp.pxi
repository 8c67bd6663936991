# Fp, and numbers modulo r.                                                        Spec: spec/curves.md#fields
# Every function has the curve as its last argument and allows the result to be one of the operands.

cdef inline void fp_add(fp_t* z, const fp_t* x, const fp_t* y, const curve_t* E) noexcept nogil:
    tower_add(z.v, x.v, y.v, &E.p)


cdef inline void fp_sub(fp_t* z, const fp_t* x, const fp_t* y, const curve_t* E) noexcept nogil:
    tower_sub(z.v, x.v, y.v, &E.p)


cdef inline void fp_neg(fp_t* z, const fp_t* x, const curve_t* E) noexcept nogil:
    mont_neg(z.v, x.v, &E.p)


cdef inline void fp_halve(fp_t* z, const fp_t* x, const curve_t* E) noexcept nogil:
    mont_halve(z.v, x.v, &E.p)


cdef inline void fp_mul(fp_t* z, const fp_t* x, const fp_t* y, const curve_t* E) noexcept nogil:
    mont_mul(z.v, x.v, y.v, &E.p)


cdef inline void fp_sqr(fp_t* z, const fp_t* x, const curve_t* E) noexcept nogil:
    mont_sqr(z.v, x.v, &E.p)


cdef inline unsigned int top_bit(unsigned int k) noexcept nogil:
    # The highest power of 2 that is not above k > 0
    cdef unsigned int bit = 1
    while bit <= k // 2:
        bit *= 2
    return bit


cdef void fp_mul_small(fp_t* z, const fp_t* x, unsigned int k, const curve_t* E) noexcept nogil:
    # k*x for a small public k, by doubling and adding
    cdef fp_t t = x[0]
    cdef unsigned int bit
    if k == 0:
        memset(z, 0, sizeof(fp_t))
        return
    bit = top_bit(k)
    while bit > 1:
        bit //= 2
        fp_add(&t, &t, &t, E)
        if k & bit:
            fp_add(&t, &t, x, E)
    z[0] = t


cdef inline void fp_inv(fp_t* z, const fp_t* x, const curve_t* E) noexcept nogil:
    # 1/x, and 0 for 0: 1/(xR) * R^3 / R = R/x
    mont_inverse(z.v, x.v, &E.p)
    mont_mul(z.v, z.v, E.p.r3, &E.p)


cdef limb fp_sqrt(fp_t* z, const fp_t* x, const curve_t* E) noexcept nogil:
    # The principal root x^((p+1)/4), itself a square; 1 if x is a square or 0, else 0 and z is a root of -x.
    cdef fp_t t, square
    mont_pow(t.v, x.v, E.root.v, &E.p)
    fp_sqr(&square, &t, E)
    cdef limb found = mont_equal(square.v, x.v)
    z[0] = t
    return found


cdef void fp_roots_of_ratios(
    fp_t* y, limb* found, const fp_t* U, const fp_t* V, int n, const curve_t* E,
) noexcept nogil:
    # A root of U/V for each of n <= ROWS ratios, V not 0, and 1 if U/V is a square, else 0 and a root of -U/V:
    # y = UV (UV^3)^((p-3)/4)                                                    (RFC 9380, appendix F.2.1.2)
    cdef fp_t t[ROWS]
    cdef fp_t square
    cdef int k
    memset(t, 0, sizeof(t))
    for k in range(n):
        fp_mul(&y[k], &U[k], &V[k], E)
        fp_sqr(&t[k], &V[k], E)
        fp_mul(&t[k], &t[k], &y[k], E)
    mont_pow_rows(t[0].v, t[0].v, n, E.root_inverse.v, &E.p)
    for k in range(n):
        fp_mul(&y[k], &y[k], &t[k], E)
        fp_sqr(&square, &y[k], E)
        fp_mul(&square, &square, &V[k], E)
        found[k] = mont_equal(square.v, U[k].v)
    mont_wipe(t, sizeof(t))
    mont_wipe(&square, sizeof(square))


cdef inline limb fp_is_square(const fp_t* x, const curve_t* E) noexcept nogil:
    # Whether x is a square or 0
    return mont_is_square(x.v, &E.p)


cdef void fp_are_squares(limb* first, limb* second, const fp_t* x, const fp_t* y, const curve_t* E) noexcept nogil:
    # The same for x and for y
    mont_are_squares(first, second, x.v, y.v, &E.p)


cdef inline limb fp_is_square_vartime(const fp_t* x, const curve_t* E) noexcept nogil:
    # The same for a public x
    return mont_is_square_vartime(x.v, &E.p)


cdef limb fp_sgn0(const fp_t* x, const curve_t* E) noexcept nogil:
    # Parity of the canonical number, sgn0 of RFC 9380, section 4.1
    return mont_odd(x.v, &E.p)


cdef inline void fp_one(fp_t* z, const curve_t* E) noexcept nogil:
    memcpy(z, E.p.one, sizeof(fp_t))
