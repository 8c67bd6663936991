# Fp12 = Fp6[w]/(w^2 - v), elements a + w*b; w^6 = xi.                             Spec: spec/curves.md#towers
# Over Fp2 that is c_0 + c_1 w + .. + c_5 w^5 with a = (c_0, c_2, c_4), b = (c_1, c_3, c_5). The original library writes
# Fp12 = Fp4[w]/(w^3 - s), Fp4 = Fp2[s]/(s^2 - xi), s = w^3: ((c_0, c_3), (c_1, c_4), (c_2, c_5)).

cdef void fp12_one(fp12_t* z, const curve_t* E) noexcept nogil:
    memset(z, 0, sizeof(fp12_t))
    fp_one(&z.a.a.a, E)


cdef void fp12_add(fp12_t* z, const fp12_t* x, const fp12_t* y, const curve_t* E) noexcept nogil:
    fp6_add(&z.a, &x.a, &y.a, E)
    fp6_add(&z.b, &x.b, &y.b, E)


cdef void fp12_sub(fp12_t* z, const fp12_t* x, const fp12_t* y, const curve_t* E) noexcept nogil:
    fp6_sub(&z.a, &x.a, &y.a, E)
    fp6_sub(&z.b, &x.b, &y.b, E)


cdef void fp12_neg(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    fp6_neg(&z.a, &x.a, E)
    fp6_neg(&z.b, &x.b, E)


cdef inline void fp12_conj(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # a - w*b = x^(p^6), which is 1/x in the cyclotomic subgroup
    z.a = x.a
    fp6_neg(&z.b, &x.b, E)


cdef void fp12_from_products(
    fp12_t* z, fp6_wide_t* ac, fp6_wide_t* bd, fp6_wide_t* cross, const curve_t* E,
) noexcept nogil:
    # ac + v*bd + w*(cross - ac - bd), reduced; the products are used up
    fp6_wide_sub(cross, cross, ac, E)
    fp6_wide_sub(cross, cross, bd, E)
    fp6_reduce(&z.b, cross, E)
    fp6_wide_add_v(ac, ac, bd, E)
    fp6_reduce(&z.a, ac, E)


cdef void fp12_mul(fp12_t* z, const fp12_t* x, const fp12_t* y, const curve_t* E) noexcept nogil:
    # (a + wb)(c + wd) = ac + v*bd + w*((a + b)(c + d) - ac - bd), reduced once at the end: 54 products, 12 reductions
    cdef fp6_wide_t ac, bd, cross
    cdef fp6_t s, t
    fp6_add(&s, &x.a, &x.b, E)
    fp6_add(&t, &y.a, &y.b, E)
    fp6_product(&ac, &x.a, &y.a, E)
    fp6_product(&bd, &x.b, &y.b, E)
    fp6_product(&cross, &s, &t, E)
    fp12_from_products(z, &ac, &bd, &cross, E)


cdef void fp12_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # (a + wb)^2 = (a + b)(a + v*b) - ab - v*ab + w*2ab: 36 products, 12 reductions
    cdef fp6_wide_t ab, square
    cdef fp6_t s, t
    fp6_add(&s, &x.a, &x.b, E)
    fp6_add_v(&t, &x.a, &x.b, E)
    fp6_product(&ab, &x.a, &x.b, E)
    fp6_product(&square, &s, &t, E)
    fp6_wide_sub(&square, &square, &ab, E)
    fp6_reduce(&t, &ab, E)
    fp6_wide_sub_v(&square, &square, &ab, E)
    fp6_reduce(&z.a, &square, E)
    fp6_add(&z.b, &t, &t, E)


cdef void fp12_inv(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # (a - wb)/(a^2 - v*b^2), and 0 for 0
    cdef fp6_t s, t
    fp6_mul(&s, &x.a, &x.a, E)
    fp6_mul(&t, &x.b, &x.b, E)
    fp6_mul_v(&t, &t, E)
    fp6_sub(&s, &s, &t, E)
    fp6_inv(&s, &s, E)
    fp6_mul(&z.a, &x.a, &s, E)
    fp6_neg(&s, &s, E)
    fp6_mul(&z.b, &x.b, &s, E)


cdef inline void fp2_twisted_conj(fp2_t* z, const fp2_t* x, const fp2_t* k, const curve_t* E) noexcept nogil:
    fp2_conj(z, x, E)
    fp2_mul(z, z, k, E)


cdef void fp12_frob(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^p: each c_k becomes conj(c_k) * gamma_k
    fp2_conj(&z.a.a, &x.a.a, E)
    fp2_twisted_conj(&z.b.a, &x.b.a, &E.gamma[1], E)
    fp2_twisted_conj(&z.a.b, &x.a.b, &E.gamma[2], E)
    fp2_twisted_conj(&z.b.b, &x.b.b, &E.gamma[3], E)
    fp2_twisted_conj(&z.a.c, &x.a.c, &E.gamma[4], E)
    fp2_twisted_conj(&z.b.c, &x.b.c, &E.gamma[5], E)


cdef limb fp12_equal(const fp12_t* x, const fp12_t* y) noexcept nogil:
    return (
        fp2_equal(&x.a.a, &y.a.a) & fp2_equal(&x.a.b, &y.a.b) & fp2_equal(&x.a.c, &y.a.c)
        & fp2_equal(&x.b.a, &y.b.a) & fp2_equal(&x.b.b, &y.b.b) & fp2_equal(&x.b.c, &y.b.c)
    )


cdef limb fp12_is_one(const fp12_t* x, const curve_t* E) noexcept nogil:
    cdef fp12_t one
    fp12_one(&one, E)
    return fp12_equal(x, &one)


cdef inline int integer_bit(const integer_t* e, int i) noexcept nogil:
    # Bit i of a public integer, counted from the top of its octets
    return (e.octets[i // 8] >> (7 - i % 8)) & 1


cdef inline fp2_t* original_order(fp12_t* x, int i) noexcept nogil:
    # Coefficient i in the octet order of the original library: c_0, c_3, c_1, c_4, c_2, c_5
    if i == 0:
        return &x.a.a
    if i == 1:
        return &x.b.b
    if i == 2:
        return &x.b.a
    if i == 3:
        return &x.a.c
    if i == 4:
        return &x.a.b
    return &x.b.c


cdef limb fp12_from_octets(fp12_t* z, const uint8_t* octets, const curve_t* E) noexcept nogil:
    cdef limb canonical = 1
    cdef int i
    for i in range(6):
        canonical &= fp2_from_octets(original_order(z, i), octets + 2 * i * E.field_bytes, E)
    return canonical


cdef void fp12_to_octets(uint8_t* octets, const fp12_t* x, const curve_t* E) noexcept nogil:
    cdef fp12_t t = x[0]
    cdef int i
    for i in range(6):
        fp2_to_octets(octets + 2 * i * E.field_bytes, original_order(&t, i), E)
    mont_wipe(&t, sizeof(t))


cdef void fp12_trace(fp2_t* za, fp2_t* zb, const fp12_t* x, const curve_t* E) noexcept nogil:
    # The trace to Fp4 of A + Bw + Cw^2 is 3A: (3c_0, 3c_3)
    fp2_add(za, &x.a.a, &x.a.a, E)
    fp2_add(za, za, &x.a.a, E)
    fp2_add(zb, &x.b.b, &x.b.b, E)
    fp2_add(zb, zb, &x.b.b, E)
