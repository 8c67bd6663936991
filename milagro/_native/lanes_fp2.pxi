# Products in Fp2, by lanes.                                                        Spec: spec/curves.md#towers

cdef inline void fp2_product(fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    lanes_fp2_product(z.a.v, z.b.v, x.a.v, x.b.v, y.a.v, y.b.v)


cdef inline void fp2_mul(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    lanes_fp2_mul(z.a.v, z.b.v, x.a.v, x.b.v, y.a.v, y.b.v, &E.p)


cdef inline void fp2_sqr(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    lanes_fp2_sqr(z.a.v, z.b.v, x.a.v, x.b.v, &E.p)


cdef inline void fp2_square_product(fp2_wide_t* z, const fp2_t* x, const fp_t* d, const curve_t* E) noexcept nogil:
    # The difference d of the parts is not needed
    lanes_fp2_square_product(z.a.v, z.b.v, x.a.v, x.b.v, &E.p)


cdef inline void fp2_wide_cross(
    fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const fp2_t* m, const fp2_t* n,
    const fp2_wide_t* xm, const fp2_wide_t* yn, const curve_t* E,
) noexcept nogil:
    # xn + ym = xm - (x - y)(m - n) + yn
    cdef fp2_t s, t
    fp2_sub(&s, x, y, E)
    fp2_sub(&t, m, n, E)
    fp2_product(z, &s, &t, E)
    fp2_wide_sub(z, xm, z, E)
    fp2_wide_add(z, z, yn, E)


cdef inline void fp4_cross(
    fp2_t* z, const fp2_t* a, const fp2_t* b, const fp_t* da, const fp_t* db, const fp2_wide_t* aa,
    const fp2_wide_t* bb, const curve_t* E,
) noexcept nogil:
    # 2ab = (a + b)^2 - a^2 - b^2
    cdef fp2_wide_t ab
    cdef fp2_t t
    fp2_add(&t, a, b, E)
    fp2_square_product(&ab, &t, da, E)
    fp2_wide_sub(&ab, &ab, aa, E)
    fp2_wide_sub(&ab, &ab, bb, E)
    fp2_reduce(z, &ab, E)
