# Fp2 = Fp[i]/(i^2 + 1), elements a + i*b.                                         Spec: spec/curves.md#towers
# An fp2_wide_t is a sum of products before its reduction, modulo p * 2^(64*NLIMBS).

cdef void fp2_add(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    fp_add(&z.a, &x.a, &y.a, E)
    fp_add(&z.b, &x.b, &y.b, E)


cdef void fp2_sub(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    fp_sub(&z.a, &x.a, &y.a, E)
    fp_sub(&z.b, &x.b, &y.b, E)


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


cdef inline void fp2_product(fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    # (a + ib)(c + id) = ac - bd + i((a + b)(c + d) - ac - bd), before its reduction: three products. Where p has a
    # spare bit the sums need no reduction, and ad + bc < 2p^2 < p * 2^(64*NLIMBS) comes out as it is.
    # Aranha et al., "Faster explicit formulas for computing pairings over ordinary curves" (eprint 2010/526).
    cdef fp_wide_t bd
    cdef fp_t s, t
    if E.p.spare:
        mont_raw_add(s.v, x.a.v, x.b.v)
        mont_raw_add(t.v, y.a.v, y.b.v)
        mont_product(z.b.v, s.v, t.v)
        mont_product(z.a.v, x.a.v, y.a.v)
        mont_product(bd.v, x.b.v, y.b.v)
        mont_wide_sub_plain(z.b.v, z.b.v, z.a.v)
        mont_wide_sub_plain(z.b.v, z.b.v, bd.v)
    else:
        fp_add(&s, &x.a, &x.b, E)
        fp_add(&t, &y.a, &y.b, E)
        mont_product(z.b.v, s.v, t.v)
        mont_product(z.a.v, x.a.v, y.a.v)
        mont_product(bd.v, x.b.v, y.b.v)
        mont_wide_sub(z.b.v, z.b.v, z.a.v, &E.p)
        mont_wide_sub(z.b.v, z.b.v, bd.v, &E.p)
    mont_wide_sub(z.a.v, z.a.v, bd.v, &E.p)


cdef inline void fp2_reduce(fp2_t* z, const fp2_wide_t* x, const curve_t* E) noexcept nogil:
    mont_redc(z.a.v, x.a.v, &E.p)
    mont_redc(z.b.v, x.b.v, &E.p)


cdef void fp2_mul(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    # Three products, two reductions
    cdef fp2_wide_t t
    fp2_product(&t, x, y, E)
    fp2_reduce(z, &t, E)


cdef void fp2_sqr(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # (a + ib)^2 = (a + b)(a - b) + i*2ab; a sum as second factor needs no reduction where p has a spare bit
    cdef fp_t s, d, aa
    fp_sub(&d, &x.a, &x.b, E)
    if E.p.spare:
        mont_raw_add(s.v, x.a.v, x.b.v)
        mont_raw_add(aa.v, x.a.v, x.a.v)
    else:
        fp_add(&s, &x.a, &x.b, E)
        fp_add(&aa, &x.a, &x.a, E)
    fp_mul(&z.b, &x.b, &aa, E)
    fp_mul(&z.a, &d, &s, E)


cdef void fp2_square_product(fp2_wide_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # fp2_sqr before its reduction
    cdef fp_t s, d, aa
    fp_sub(&d, &x.a, &x.b, E)
    if E.p.spare:
        mont_raw_add(s.v, x.a.v, x.b.v)
        mont_raw_add(aa.v, x.a.v, x.a.v)
    else:
        fp_add(&s, &x.a, &x.b, E)
        fp_add(&aa, &x.a, &x.a, E)
    mont_product(z.b.v, x.b.v, aa.v)
    mont_product(z.a.v, d.v, s.v)


cdef inline void fp2_mul_fp(fp2_t* z, const fp2_t* x, const fp_t* k, const curve_t* E) noexcept nogil:
    fp_mul(&z.a, &x.a, k, E)
    fp_mul(&z.b, &x.b, k, E)


cdef void fp2_mul_xi(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # (a + ib)(m + in) = ma - nb + i(mb + na); m, n are small public numbers, mostly 1
    cdef fp2_t mx, nx
    cdef fp_t sum
    cdef const fp_t* ma = &x.a
    cdef const fp_t* mb = &x.b
    cdef const fp_t* na = &x.a
    cdef const fp_t* nb = &x.b
    if E.xi_a != 1:
        fp_mul_small(&mx.a, &x.a, E.xi_a, E)
        fp_mul_small(&mx.b, &x.b, E.xi_a, E)
        ma, mb = &mx.a, &mx.b
    if E.xi_b != 1:
        fp_mul_small(&nx.a, &x.a, E.xi_b, E)
        fp_mul_small(&nx.b, &x.b, E.xi_b, E)
        na, nb = &nx.a, &nx.b
    fp_add(&sum, mb, na, E)
    fp_sub(&z.a, ma, nb, E)
    z.b = sum


cdef void fp2_wide_add(
    fp2_wide_t* z, const fp2_wide_t* x, const fp2_wide_t* y, const curve_t* E,
) noexcept nogil:
    mont_wide_add(z.a.v, x.a.v, y.a.v, &E.p)
    mont_wide_add(z.b.v, x.b.v, y.b.v, &E.p)


cdef void fp2_wide_sub(
    fp2_wide_t* z, const fp2_wide_t* x, const fp2_wide_t* y, const curve_t* E,
) noexcept nogil:
    mont_wide_sub(z.a.v, x.a.v, y.a.v, &E.p)
    mont_wide_sub(z.b.v, x.b.v, y.b.v, &E.p)


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
        mont_wide_add(t.v, t.v, t.v, &E.p)
        if k & bit:
            mont_wide_add(t.v, t.v, x.v, &E.p)
    z[0] = t


cdef void fp2_wide_mul_xi(fp2_wide_t* z, const fp2_wide_t* x, const curve_t* E) noexcept nogil:
    # As fp2_mul_xi
    cdef fp2_wide_t mx, nx
    cdef fp_wide_t sum
    cdef const fp_wide_t* ma = &x.a
    cdef const fp_wide_t* mb = &x.b
    cdef const fp_wide_t* na = &x.a
    cdef const fp_wide_t* nb = &x.b
    if E.xi_a != 1:
        fp_wide_mul_small(&mx.a, &x.a, E.xi_a, E)
        fp_wide_mul_small(&mx.b, &x.b, E.xi_a, E)
        ma, mb = &mx.a, &mx.b
    if E.xi_b != 1:
        fp_wide_mul_small(&nx.a, &x.a, E.xi_b, E)
        fp_wide_mul_small(&nx.b, &x.b, E.xi_b, E)
        na, nb = &nx.a, &nx.b
    mont_wide_add(sum.v, mb.v, na.v, &E.p)
    mont_wide_sub(z.a.v, ma.v, nb.v, &E.p)
    z.b = sum


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


cdef void fp2_roots(fp2_t* z, limb* found, const fp2_t* x, int lanes, const curve_t* E) noexcept nogil:
    # A root of each of at most LANES numbers x = a + ib, constant time; found is 1 if there is one.
    # n = sqrt(a^2 + b^2), d = (a + n)/2, or a where that is 0 (x = -n real); s = d^((p-3)/4), t = d*s, so t*s = +-1.
    # t^2 = d: the root is t + i*(b*s/2). t^2 = -d: then (a - n)/2 = (b*s/2)^2, and the root is -(b*s/2) + i*t.
    cdef fp_t n[LANES]
    cdef fp_t d[LANES]
    cdef fp_t s[LANES]
    cdef fp_t t
    cdef fp2_t root, square
    cdef limb straight
    cdef int k
    for k in range(lanes):
        fp2_norm(&n[k], &x[k], E)
    mont_pow_lanes(n[0].v, n[0].v, lanes, E.root.v, &E.p)
    for k in range(lanes):
        fp_add(&d[k], &x[k].a, &n[k], E)
        fp_halve(&d[k], &d[k], E)
        mont_move(d[k].v, x[k].a.v, mont_is_zero(d[k].v))
    mont_pow_lanes(s[0].v, d[0].v, lanes, E.root_inverse.v, &E.p)
    for k in range(lanes):
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
