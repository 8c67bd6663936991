# Fp2 = Fp[i]/(i^2 + 1), elements a + i*b.                                         Spec: spec/curves.md#towers
# An fp2_wide_t is a sum of products before its reduction, modulo p * 2^(64*NLIMBS).

cdef void fp2_add(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    tower_add(z.a.v, x.a.v, y.a.v, &E.p)
    tower_add(z.b.v, x.b.v, y.b.v, &E.p)


cdef void fp2_sub(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    tower_sub(z.a.v, x.a.v, y.a.v, &E.p)
    tower_sub(z.b.v, x.b.v, y.b.v, &E.p)


cdef inline void fp2_neg(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    fp_neg(&z.a, &x.a, E)
    fp_neg(&z.b, &x.b, E)


cdef inline void fp2_conj(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # a - i*b, also the p-power Frobenius since p = 3 mod 4
    z.a = x.a
    fp_neg(&z.b, &x.b, E)


cdef inline void fp2_halve(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    fp_halve(&z.a, &x.a, E)
    fp_halve(&z.b, &x.b, E)


cdef inline void fp2_reduce(fp2_t* z, const fp2_wide_t* x, const curve_t* E) noexcept nogil:
    tower_redc(z.a.v, x.a.v, &E.p)
    tower_redc(z.b.v, x.b.v, &E.p)


cdef inline void fp2_mul_fp(fp2_t* z, const fp2_t* x, const fp_t* k, const curve_t* E) noexcept nogil:
    tower_mul(z.a.v, x.a.v, k.v, &E.p)
    tower_mul(z.b.v, x.b.v, k.v, &E.p)


cdef void fp2_mul_xi(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # (a + ib)(m + in) = ma - nb + i(mb + na), not over x; m, n are small public numbers, mostly 1
    cdef fp2_t mx, nx
    cdef const fp2_t* m = x
    cdef const fp2_t* n = x
    if E.xi_a != 1:
        fp_mul_small(&mx.a, &x.a, E.xi_a, E)
        fp_mul_small(&mx.b, &x.b, E.xi_a, E)
        m = &mx
    if E.xi_b != 1:
        fp_mul_small(&nx.a, &x.a, E.xi_b, E)
        fp_mul_small(&nx.b, &x.b, E.xi_b, E)
        n = &nx
    tower_sub(z.a.v, m.a.v, n.b.v, &E.p)
    tower_add(z.b.v, m.b.v, n.a.v, &E.p)


cdef void fp2_wide_add(
    fp2_wide_t* z, const fp2_wide_t* x, const fp2_wide_t* y, const curve_t* E,
) noexcept nogil:
    tower_wide_add(z.a.v, x.a.v, y.a.v, &E.p)
    tower_wide_add(z.b.v, x.b.v, y.b.v, &E.p)


cdef void fp2_wide_sub(
    fp2_wide_t* z, const fp2_wide_t* x, const fp2_wide_t* y, const curve_t* E,
) noexcept nogil:
    tower_wide_sub(z.a.v, x.a.v, y.a.v, &E.p)
    tower_wide_sub(z.b.v, x.b.v, y.b.v, &E.p)


cdef void fp_wide_mul_small(fp_wide_t* z, const fp_wide_t* x, unsigned int k, const curve_t* E) noexcept nogil:
    # As fp_mul_small
    cdef fp_wide_t t = x[0]
    cdef unsigned int bit
    if k == 0:
        memset(z, 0, sizeof(fp_wide_t))
        return
    bit = top_bit(k)
    while bit > 1:
        bit //= 2
        tower_wide_add(t.v, t.v, t.v, &E.p)
        if k & bit:
            tower_wide_add(t.v, t.v, x.v, &E.p)
    z[0] = t


cdef void fp2_wide_mul_xi(fp2_wide_t* z, const fp2_wide_t* x, const curve_t* E) noexcept nogil:
    # As fp2_mul_xi, not over x
    cdef fp2_wide_t mx, nx
    cdef const fp2_wide_t* m = x
    cdef const fp2_wide_t* n = x
    if E.xi_a != 1:
        fp_wide_mul_small(&mx.a, &x.a, E.xi_a, E)
        fp_wide_mul_small(&mx.b, &x.b, E.xi_a, E)
        m = &mx
    if E.xi_b != 1:
        fp_wide_mul_small(&nx.a, &x.a, E.xi_b, E)
        fp_wide_mul_small(&nx.b, &x.b, E.xi_b, E)
        n = &nx
    tower_wide_sub(z.a.v, m.a.v, n.b.v, &E.p)
    tower_wide_add(z.b.v, m.b.v, n.a.v, &E.p)


cdef inline void fp2_wide_add_xi(
    fp2_wide_t* z, const fp2_wide_t* x, const fp2_wide_t* y, const curve_t* E,
) noexcept nogil:
    # x + xi*y
    cdef fp2_wide_t t
    fp2_wide_mul_xi(&t, y, E)
    fp2_wide_add(z, x, &t, E)


cdef void fp2_norm(fp_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # a^2 + b^2
    cdef fp_wide_t aa, bb
    mont_square(aa.v, x.a.v)
    mont_square(bb.v, x.b.v)
    mont_wide_add(aa.v, aa.v, bb.v, &E.p)
    mont_redc(z.v, aa.v, &E.p)


cdef void fp2_inv(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # (a - ib)/(a^2 + b^2), and 0 for 0
    cdef fp_t t
    fp2_norm(&t, x, E)
    fp_inv(&t, &t, E)
    fp_mul(&z.a, &x.a, &t, E)
    fp_neg(&t, &t, E)
    fp_mul(&z.b, &x.b, &t, E)


cdef inline limb fp2_is_zero(const fp2_t* x) noexcept nogil:
    return mont_is_zero(x.a.v) & mont_is_zero(x.b.v)


cdef inline limb fp2_equal(const fp2_t* x, const fp2_t* y) noexcept nogil:
    return mont_equal(x.a.v, y.a.v) & mont_equal(x.b.v, y.b.v)


cdef inline void fp2_move(fp2_t* z, const fp2_t* x, limb bit) noexcept nogil:
    mont_move(z.a.v, x.a.v, bit)
    mont_move(z.b.v, x.b.v, bit)


cdef inline limb fp2_is_square(const fp2_t* x, const curve_t* E) noexcept nogil:
    # x is a square in Fp2 exactly if its norm is one in Fp
    cdef fp_t norm
    fp2_norm(&norm, x, E)
    return fp_is_square(&norm, E)


cdef void fp2_roots(fp2_t* z, limb* found, const fp2_t* x, int rows, const curve_t* E) noexcept nogil:
    # A root of each of at most ROWS numbers x = a + ib, constant time; found is 1 if there is one.
    # n = sqrt(a^2 + b^2), d = (a + n)/2, or a where that is 0 (x = -n real); s = d^((p-3)/4), t = d*s, so t*s = +-1.
    # t^2 = d: the root is t + i*(b*s/2). t^2 = -d: then (a - n)/2 = (b*s/2)^2, and the root is -(b*s/2) + i*t.
    cdef fp_t n[ROWS]
    cdef fp_t d[ROWS]
    cdef fp_t s[ROWS]
    cdef fp_t t
    cdef fp2_t root, square
    cdef limb straight
    cdef int k
    for k in range(rows):
        fp2_norm(&n[k], &x[k], E)
    mont_pow_rows(n[0].v, n[0].v, rows, E.root.v, &E.p)
    for k in range(rows):
        fp_add(&d[k], &x[k].a, &n[k], E)
        fp_halve(&d[k], &d[k], E)
        mont_move(d[k].v, x[k].a.v, mont_is_zero(d[k].v))
    mont_pow_rows(s[0].v, d[0].v, rows, E.root_inverse.v, &E.p)
    for k in range(rows):
        fp_mul(&t, &d[k], &s[k], E)
        fp_mul(&s[k], &s[k], &x[k].b, E)
        fp_halve(&s[k], &s[k], E)
        fp_sqr(&n[k], &t, E)
        straight = mont_equal(n[k].v, d[k].v)
        fp_neg(&root.a, &s[k], E)
        root.b = t
        mont_move(root.a.v, t.v, straight)
        mont_move(root.b.v, s[k].v, straight)
        fp2_sqr(&square, &root, E)
        found[k] = fp2_equal(&square, &x[k])
        z[k] = root


cdef inline limb fp2_sqrt(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    cdef limb found
    fp2_roots(z, &found, x, 1, E)
    return found


cdef limb fp2_sqrt_original(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # The root whose real part is a square; none for a real x that is no square in Fp. For public values: variable time.
    # Spec: spec/curves.md#map-original-g2
    cdef fp2_t value = x[0]
    if mont_is_zero(value.b.v) and not fp_is_square_vartime(&value.a, E):
        return 0
    if not fp2_sqrt(z, &value, E):
        return 0
    if not fp_is_square_vartime(&z.a, E):
        fp2_neg(z, z, E)
    return 1


cdef inline limb fp2_sgn0(const fp2_t* x, const curve_t* E) noexcept nogil:
    # sgn0 of the real part, or of the imaginary part where the real part is 0 (RFC 9380, section 4.1)
    return fp_sgn0(&x.a, E) | (mont_is_zero(x.a.v) & fp_sgn0(&x.b, E))


cdef inline limb fp2_larger(const fp2_t* x, const curve_t* E) noexcept nogil:
    # 1 if x > -x, compared on the imaginary part, or on the real part where that is 0
    return fp_larger(&x.b, E) | (mont_is_zero(x.b.v) & fp_larger(&x.a, E))


cdef inline void fp2_one(fp2_t* z, const curve_t* E) noexcept nogil:
    memset(z, 0, sizeof(fp2_t))
    fp_one(&z.a, E)


cdef inline limb fp2_from_octets(fp2_t* z, const uint8_t* octets, const curve_t* E) noexcept nogil:
    cdef limb canonical = fp_from_octets(&z.a, octets, E)
    return canonical & fp_from_octets(&z.b, octets + E.field_bytes, E)


cdef inline void fp2_to_octets(uint8_t* octets, const fp2_t* x, const curve_t* E) noexcept nogil:
    fp_to_octets(octets, &x.a, E)
    fp_to_octets(octets + E.field_bytes, &x.b, E)
