# Products in Fp2, by lanes.                                                        Spec: spec/curves.md#towers

cdef inline void fp2_product(fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    lanes_fp2_product(z.a.v, z.b.v, x.a.v, x.b.v, y.a.v, y.b.v)


cdef inline void fp2_mul(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    lanes_fp2_mul(z.a.v, z.b.v, x.a.v, x.b.v, y.a.v, y.b.v, &E.p)


cdef inline void fp2_sqr(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    lanes_fp2_sqr(z.a.v, z.b.v, x.a.v, x.b.v, &E.p)


cdef inline void fp2_square_product(fp2_wide_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    lanes_fp2_square_product(z.a.v, z.b.v, x.a.v, x.b.v, &E.p)
