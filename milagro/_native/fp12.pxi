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


cdef void fp12_mul(fp12_t* z, const fp12_t* x, const fp12_t* y, const curve_t* E) noexcept nogil:
    # (a + wb)(c + wd) = ac + v*bd + w*((a + b)(c + d) - ac - bd), reduced once at the end: 54 products, 12 reductions
    cdef fp6_wide_t ac, bd, cross
    cdef fp6_t s, t
    fp6_add(&s, &x.a, &x.b, E)
    fp6_add(&t, &y.a, &y.b, E)
    fp6_product(&ac, &x.a, &y.a, E)
    fp6_product(&bd, &x.b, &y.b, E)
    fp6_product(&cross, &s, &t, E)
    fp6_wide_sub(&cross, &cross, &ac, E)
    fp6_wide_sub(&cross, &cross, &bd, E)
    fp6_reduce(&z.b, &cross, E)
    fp6_wide_mul_v(&bd, &bd, E)
    fp6_wide_add(&ac, &ac, &bd, E)
    fp6_reduce(&z.a, &ac, E)


cdef void fp12_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # (a + wb)^2 = (a + b)(a + v*b) - ab - v*ab + w*2ab: 36 products, 12 reductions
    cdef fp6_wide_t ab, square
    cdef fp6_t s, t
    fp6_add(&s, &x.a, &x.b, E)
    fp6_mul_v(&t, &x.b, E)
    fp6_add(&t, &x.a, &t, E)
    fp6_product(&ab, &x.a, &x.b, E)
    fp6_product(&square, &s, &t, E)
    fp6_wide_sub(&square, &square, &ab, E)
    fp6_reduce(&t, &ab, E)
    fp6_wide_mul_v(&ab, &ab, E)
    fp6_wide_sub(&square, &square, &ab, E)
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


cdef inline void fp4_sqr(
    fp2_t* za, fp2_t* zb, const fp2_t* a, const fp2_t* b, const curve_t* E,
) noexcept nogil:
    # (a + sb)^2 = a^2 + xi*b^2 + s*((a + b)^2 - a^2 - b^2) in Fp4 = Fp2[s]/(s^2 - xi)
    cdef fp2_t aa, bb, t
    fp2_sqr(&aa, a, E)
    fp2_sqr(&bb, b, E)
    fp2_add(&t, a, b, E)
    fp2_sqr(&t, &t, E)
    fp2_sub(&t, &t, &aa, E)
    fp2_sub(zb, &t, &bb, E)
    fp2_mul_xi(&bb, &bb, E)
    fp2_add(za, &aa, &bb, E)


cdef inline void fp2_3x_minus_2y(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    cdef fp2_t t
    fp2_sub(&t, x, y, E)
    fp2_add(&t, &t, &t, E)
    fp2_add(z, &t, x, E)


cdef inline void fp2_3x_plus_2y(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    cdef fp2_t t
    fp2_add(&t, x, y, E)
    fp2_add(&t, &t, &t, E)
    fp2_add(z, &t, x, E)


cdef void fp12_cyclotomic_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # Squaring where x^(p^4 - p^2 + 1) = 1 (Granger, Scott 2010). With x = A + Bw + Cw^2 over Fp4 and conj(s) = -s:
    # x^2 = (3A^2 - 2conj(A)) + (3sC^2 + 2conj(B))w + (3B^2 - 2conj(C))w^2
    cdef fp2_t Aa, Ab, Ba, Bb, Ca, Cb
    fp4_sqr(&Aa, &Ab, &x.a.a, &x.b.b, E)
    fp4_sqr(&Ba, &Bb, &x.b.a, &x.a.c, E)
    fp4_sqr(&Ca, &Cb, &x.a.b, &x.b.c, E)
    fp2_mul_xi(&Cb, &Cb, E)
    fp2_3x_minus_2y(&z.a.a, &Aa, &x.a.a, E)
    fp2_3x_plus_2y(&z.b.b, &Ab, &x.b.b, E)
    fp2_3x_plus_2y(&z.b.a, &Cb, &x.b.a, E)
    fp2_3x_minus_2y(&z.a.c, &Ca, &x.a.c, E)
    fp2_3x_minus_2y(&z.a.b, &Ba, &x.a.b, E)
    fp2_3x_plus_2y(&z.b.c, &Bb, &x.b.c, E)


cdef void cyclotomic_pow(fp12_t* z, const fp12_t* x, const naf_t* e, const curve_t* E) noexcept nogil:
    # x^e for a public e and x in the cyclotomic subgroup, where the inverse is the conjugate
    cdef fp12_t base = x[0], inverse, t
    cdef int i
    if e.negative:
        fp12_conj(&base, &base, E)
    fp12_conj(&inverse, &base, E)
    t = base
    for i in range(1, e.size):
        fp12_cyclotomic_sqr(&t, &t, E)
        if e.digits[i] > 0:
            fp12_mul(&t, &t, &base, E)
        elif e.digits[i] < 0:
            fp12_mul(&t, &t, &inverse, E)
    z[0] = t


cdef limb fp12_in_cyclotomic_subgroup(const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^(p^4) * x = x^(p^2)
    cdef fp12_t square, fourth
    fp12_frob(&square, x, E)
    fp12_frob(&square, &square, E)
    fp12_frob(&fourth, &square, E)
    fp12_frob(&fourth, &fourth, E)
    fp12_mul(&fourth, &fourth, x, E)
    return fp12_equal(&fourth, &square)


cdef limb gt_in_subgroup(const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^r = 1, for public x. 0 passes the first test but not the second.     Spec: spec/curves.md#subgroup-check
    cdef fp12_t t = x[0]
    cdef int i
    if not fp12_in_cyclotomic_subgroup(x, E):
        return 0
    for i in range(8 * E.order.size):
        if integer_bit(&E.order, i):
            break
    for i in range(i + 1, 8 * E.order.size):
        fp12_cyclotomic_sqr(&t, &t, E)
        if integer_bit(&E.order, i):
            fp12_mul(&t, &t, x, E)
    return fp12_is_one(&t, E)


cdef inline int integer_bit(const integer_t* e, int i) noexcept nogil:
    # Bit i of a public integer, counted from the top of its octets
    return (e.octets[i // 8] >> (7 - i % 8)) & 1


cdef void gt_pow(fp12_t* z, const fp12_t* x, const scalar_t* k, const curve_t* E) noexcept nogil:
    # x^k for x in GT and secret k: fixed windows, every table entry read for every window.
    # Spec: spec/curves.md#scalar-multiplication
    cdef fp12_t table[TABLE]
    cdef fp12_t t, entry
    cdef limb digit
    cdef int i, window, top = 8 * E.scalar_bytes // WINDOW - 1
    fp12_one(&table[0], E)
    for i in range(1, TABLE):
        fp12_mul(&table[i], &table[i - 1], x, E)
    fp12_one(&t, E)
    for window in range(top, -1, -1):
        if window != top:
            for i in range(WINDOW):
                fp12_cyclotomic_sqr(&t, &t, E)
        digit = scalar_window(k, window)
        memset(&entry, 0, sizeof(entry))
        for i in range(TABLE):
            mont_gather(<limb*>&entry, <limb*>&table[i], sizeof(fp12_t) // sizeof(limb), mont_word_equal(digit, i))
        fp12_mul(&t, &t, &entry, E)
    z[0] = t
    mont_wipe(table, sizeof(table))
    mont_wipe(&entry, sizeof(entry))
    mont_wipe(&t, sizeof(t))
    mont_wipe(&digit, sizeof(digit))


cdef inline limb scalar_window(const scalar_t* k, int window) noexcept nogil:
    # WINDOW bits of k, from bit WINDOW*window
    return (k.v[window // (64 // WINDOW)] >> (WINDOW * (window % (64 // WINDOW)))) & (TABLE - 1)


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
