# The cyclotomic subgroup of Fp12: x^(p^4 - p^2 + 1) = 1, where 1/x = conj(x).
#
# x = A + Bw + Cw^2 over Fp4 = Fp2[s]/(s^2 - xi), s = w^3: A = (c_0, c_3), B = (c_1, c_4), C = (c_2, c_5).
# Granger, Scott 2010:  x^2 = (3A^2 - 2conj(A)) + (3sC^2 + 2conj(B))w + (3B^2 - 2conj(C))w^2
# Karabina, eprint 2010/542: B and C of x^2 depend only on B and C of x, so a run of squarings leaves A out, and A
# follows at its end from B = b + sB', C = c + sC':
#   a' = (xi C'^2 + 3c^2 - 2B')/(4b)   or, where b = 0,   2cC'/B'          a = xi (2a'^2 + bC' - 3B'c) + 1

cdef inline void fp4_sqr(
    fp2_t* za, fp2_t* zb, const fp2_t* a, const fp2_t* b, const curve_t* E,
) noexcept nogil:
    # (a + sb)^2 = a^2 + xi*b^2 + s*2ab: six products, four reductions
    cdef fp2_wide_t aa, bb
    cdef fp_t da, db
    tower_sub(da.v, a.a.v, a.b.v, &E.p)
    tower_sub(db.v, b.a.v, b.b.v, &E.p)
    fp2_square_product(&aa, a, &da, E)
    fp2_square_product(&bb, b, &db, E)
    fp4_cross(zb, a, b, &da, &db, &aa, &bb, E)
    fp2_wide_add_xi(&aa, &aa, &bb, E)
    fp2_reduce(za, &aa, E)


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


cdef void fp12_compressed_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # B and C of x^2, six squarings; A of z is left as it is
    cdef fp2_t Ba, Bb, Ca, Cb, t
    fp4_sqr(&Ba, &Bb, &x.b.a, &x.a.c, E)
    fp4_sqr(&Ca, &Cb, &x.a.b, &x.b.c, E)
    fp2_mul_xi(&t, &Cb, E)
    fp2_3x_plus_2y(&z.b.a, &t, &x.b.a, E)
    fp2_3x_minus_2y(&z.a.c, &Ca, &x.a.c, E)
    fp2_3x_minus_2y(&z.a.b, &Ba, &x.a.b, E)
    fp2_3x_plus_2y(&z.b.c, &Bb, &x.b.c, E)


cdef void fp12_cyclotomic_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^2, nine squarings in Fp2
    cdef fp2_t Aa, Ab
    fp4_sqr(&Aa, &Ab, &x.a.a, &x.b.b, E)
    fp2_3x_minus_2y(&z.a.a, &Aa, &x.a.a, E)
    fp2_3x_plus_2y(&z.b.b, &Ab, &x.b.b, E)
    fp12_compressed_sqr(z, x, E)


cdef void decompression_ratio(fp2_t* num, fp2_t* den, const fp12_t* x, const curve_t* E) noexcept nogil:
    # a' = num/den, with no branch on x. b = B' = 0 only for x = 1, where C = 0 too: then it is 0/1.
    cdef fp2_t t, one
    cdef limb special = fp2_is_zero(&x.b.a)
    fp2_sqr(&t, &x.b.c, E)
    fp2_mul_xi(num, &t, E)
    fp2_sqr(&t, &x.a.b, E)
    fp2_add(num, num, &t, E)
    fp2_sub(&t, &t, &x.a.c, E)
    fp2_add(&t, &t, &t, E)
    fp2_add(num, num, &t, E)
    fp2_add(den, &x.b.a, &x.b.a, E)
    fp2_add(den, den, den, E)
    fp2_mul(&t, &x.a.b, &x.b.c, E)
    fp2_add(&t, &t, &t, E)
    fp2_move(num, &t, special)
    fp2_move(den, &x.a.c, special)
    fp2_one(&one, E)
    fp2_move(den, &one, fp2_is_zero(den))
    mont_wipe(&t, sizeof(t))
    mont_wipe(&special, sizeof(special))


cdef void decompress(fp12_t* x, int n, const curve_t* E) noexcept nogil:
    # A of n compressed elements, n <= SEED_RUNS, with one inversion (Montgomery's trick)
    cdef fp2_t num[SEED_RUNS]
    cdef fp2_t den[SEED_RUNS]
    cdef fp2_t before[SEED_RUNS]
    cdef fp2_t inverse, t
    cdef int i
    fp2_one(&inverse, E)
    for i in range(n):
        decompression_ratio(&num[i], &den[i], &x[i], E)
        before[i] = inverse
        if i:
            fp2_mul(&inverse, &inverse, &den[i], E)
        else:
            inverse = den[0]
    fp2_inv(&inverse, &inverse, E)
    for i in range(n - 1, -1, -1):
        fp2_mul(&num[i], &num[i], &inverse, E)
        if i:
            fp2_mul(&num[i], &num[i], &before[i], E)
            fp2_mul(&inverse, &inverse, &den[i], E)
        x[i].b.b = num[i]
        fp2_sqr(&x[i].a.a, &num[i], E)          # a = xi (2 (a'^2 - B'c) + bC' - B'c) + 1
        fp2_mul(&t, &x[i].a.c, &x[i].a.b, E)
        fp2_sub(&x[i].a.a, &x[i].a.a, &t, E)
        fp2_add(&x[i].a.a, &x[i].a.a, &x[i].a.a, E)
        fp2_sub(&x[i].a.a, &x[i].a.a, &t, E)
        fp2_mul(&t, &x[i].b.a, &x[i].b.c, E)
        fp2_add(&t, &x[i].a.a, &t, E)
        fp2_mul_xi(&x[i].a.a, &t, E)
        fp2_one(&t, E)
        fp2_add(&x[i].a.a, &x[i].a.a, &t, E)
    mont_wipe(num, sizeof(num))
    mont_wipe(den, sizeof(den))
    mont_wipe(before, sizeof(before))
    mont_wipe(&inverse, sizeof(inverse))


cdef void power_by_runs(fp12_t* z, const fp12_t* x, const seed_power_t* e, const curve_t* E) noexcept nogil:
    # The product of x^(+-2^place) over the digits, least significant first. The squarings between two of the digits
    # are compressed, and all that is wanted of those is decompressed at once.
    cdef fp12_t t = x[0]
    cdef fp12_t product
    cdef fp12_t run[SEED_RUNS]
    cdef int i, j, at = 0, n = 0
    fp12_one(&product, E)
    for i in range(e.count):
        for j in range(e.place[i] - at):
            if e.first < i <= e.last:
                fp12_compressed_sqr(&t, &t, E)
            else:
                fp12_cyclotomic_sqr(&t, &t, E)
        at = e.place[i]
        if e.first < i <= e.last:
            run[n] = t
            n += 1
            if i < e.last:
                continue
            decompress(run, n, E)
            for j in range(n):
                step_of_runs(&product, &run[j], i - n + 1 + j, e, E)
            t = run[n - 1]
        else:
            step_of_runs(&product, &t, i, e, E)
    z[0] = product
    mont_wipe(run, sizeof(run))
    mont_wipe(&product, sizeof(product))
    mont_wipe(&t, sizeof(t))


cdef inline void step_of_runs(
    fp12_t* product, const fp12_t* x, int i, const seed_power_t* e, const curve_t* E,
) noexcept nogil:
    # The factor of digit i
    if i:
        multiply_by_digit(product, x, e.sign[i], E)
    elif e.sign[0] > 0:
        product[0] = x[0]
    else:
        fp12_conj(product, x, E)


cdef void power_of_seed(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^u; u is public
    if E.seed_power.by_runs:
        power_by_runs(z, x, &E.seed_power, E)
    else:
        power_by_windows(z, x, &E.seed_power.windows, E)
    if E.seed_naf.negative:
        fp12_conj(z, z, E)


cdef inline void fp12_scale_by(fp2_t* z, const fp2_t* x, const fp_t* k, bint minus, const curve_t* E) noexcept nogil:
    fp2_mul_fp(z, x, k, E)
    if minus:
        fp2_neg(z, z, E)


cdef void fp12_frob2(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^(p^2): c_k becomes zeta^k c_k, and zeta^3 = -1
    z.a.a = x.a.a
    fp12_scale_by(&z.b.a, &x.b.a, &E.zeta, 0, E)
    fp12_scale_by(&z.a.b, &x.a.b, &E.zeta2, 0, E)
    fp2_neg(&z.b.b, &x.b.b, E)
    fp12_scale_by(&z.a.c, &x.a.c, &E.zeta, 1, E)
    fp12_scale_by(&z.b.c, &x.b.c, &E.zeta2, 1, E)


cdef limb fp12_in_cyclotomic_subgroup(const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^(p^4) x = x^(p^2) and x is not 0
    cdef fp12_t square, fourth, zero
    memset(&zero, 0, sizeof(zero))
    fp12_frob2(&square, x, E)
    fp12_frob2(&fourth, &square, E)
    fp12_mul(&fourth, &fourth, x, E)
    return fp12_equal(&fourth, &square) & mont_not(fp12_equal(x, &zero))
