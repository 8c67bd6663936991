# Products in Fp2, by words.                                                        Spec: spec/curves.md#towers

cdef inline void fp2_plain_add(fp2_t* z, const fp2_t* x, const fp2_t* y) noexcept nogil:
    # x + y, each half below 2p < 2^(64*NLIMBS)
    tower_plain_add(z.a.v, x.a.v, y.a.v)
    tower_plain_add(z.b.v, x.b.v, y.b.v)


cdef inline void fp2_product(fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    # (a + ib)(c + id) = ac - bd + i((a + b)(c + d) - ac - bd), before its reduction: three products. Where p has a
    # spare bit the sums need no reduction, and ad + bc < 2p^2 < p * 2^(64*NLIMBS) comes out as it is. Where E.lazy, x
    # and y may be sums that have not been reduced: ac - bd is right then, and ad + bc < 8p^2 not reduced. Without a
    # spare bit ad + bc = ac - (a - b)(c - d) + bd: a difference is cheaper than a sum.
    # Aranha et al., "Faster explicit formulas for computing pairings over ordinary curves" (eprint 2010/526).
    cdef fp_wide_t bd
    cdef fp_t s, t
    if E.p.spare:
        tower_plain_add(s.v, x.a.v, x.b.v)
        tower_plain_add(t.v, y.a.v, y.b.v)
        tower_product(z.b.v, s.v, t.v)
        tower_product(z.a.v, x.a.v, y.a.v)
        tower_product(bd.v, x.b.v, y.b.v)
        tower_wide_sub_both(z.b.v, z.a.v, bd.v)
    else:
        tower_sub(s.v, x.a.v, x.b.v, &E.p)
        tower_sub(t.v, y.a.v, y.b.v, &E.p)
        tower_product(z.b.v, s.v, t.v)
        tower_product(z.a.v, x.a.v, y.a.v)
        tower_product(bd.v, x.b.v, y.b.v)
        tower_wide_sub(z.b.v, z.a.v, z.b.v, &E.p)
        tower_wide_add(z.b.v, z.b.v, bd.v, &E.p)
    tower_wide_sub(z.a.v, z.a.v, bd.v, &E.p)


cdef void fp2_mul(fp2_t* z, const fp2_t* x, const fp2_t* y, const curve_t* E) noexcept nogil:
    # Three products, two reductions
    cdef fp2_wide_t t
    fp2_product(&t, x, y, E)
    fp2_reduce(z, &t, E)


cdef void fp2_sqr(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # (a + ib)^2 = (a + b)(a - b) + i*2ab; a sum as second factor needs no reduction where p has a spare bit
    cdef fp_t s, d, aa
    tower_sub(d.v, x.a.v, x.b.v, &E.p)
    if E.p.spare:
        tower_plain_add(s.v, x.a.v, x.b.v)
        tower_plain_add(aa.v, x.a.v, x.a.v)
    else:
        tower_add(s.v, x.a.v, x.b.v, &E.p)
        tower_add(aa.v, x.a.v, x.a.v, &E.p)
    tower_mul(z.b.v, x.b.v, aa.v, &E.p)
    tower_mul(z.a.v, d.v, s.v, &E.p)


cdef void fp2_square_product(fp2_wide_t* z, const fp2_t* x, const fp_t* d, const curve_t* E) noexcept nogil:
    # (a + ib)^2 = (a + b)d + i*2ab before its reduction, d = a - b. Where E.lazy, a and b may be unreduced sums.
    cdef fp_t s, aa
    if E.p.spare:
        tower_plain_add(s.v, x.a.v, x.b.v)
        tower_plain_add(aa.v, x.a.v, x.a.v)
    else:
        tower_add(s.v, x.a.v, x.b.v, &E.p)
        tower_add(aa.v, x.a.v, x.a.v, &E.p)
    tower_product(z.b.v, x.b.v, aa.v)
    tower_product(z.a.v, d.v, s.v)


cdef inline void fp2_wide_cross(
    fp2_wide_t* z, const fp2_t* x, const fp2_t* y, const fp2_t* m, const fp2_t* n,
    const fp2_wide_t* xm, const fp2_wide_t* yn, const curve_t* E,
) noexcept nogil:
    # xn + ym = (x + y)(m + n) - xm - yn = xm - (x - y)(m - n) + yn. Where E.lazy, nothing is reduced in the former but
    # the real parts: what remains of the imaginary ones is a sum of four products, below 4p^2.
    cdef fp2_t s, t
    if E.lazy:
        fp2_plain_add(&s, x, y)
        fp2_plain_add(&t, m, n)
        fp2_product(z, &s, &t, E)
        tower_wide_sub_both(z.b.v, xm.b.v, yn.b.v)
        tower_wide_sub(z.a.v, z.a.v, xm.a.v, &E.p)
        tower_wide_sub(z.a.v, z.a.v, yn.a.v, &E.p)
        return
    fp2_sub(&s, x, y, E)
    fp2_sub(&t, m, n, E)
    fp2_product(z, &s, &t, E)
    fp2_wide_sub(z, xm, z, E)
    fp2_wide_add(z, z, yn, E)


cdef inline void fp4_cross(
    fp2_t* z, const fp2_t* a, const fp2_t* b, const fp_t* da, const fp_t* db, const fp2_wide_t* aa,
    const fp2_wide_t* bb, const curve_t* E,
) noexcept nogil:
    # 2ab = (a + b)^2 - a^2 - b^2; da and db are the differences of the parts. Where E.lazy, a + b is left unreduced:
    # then the imaginary part of 2ab is what it is, below 4p^2.
    cdef fp2_wide_t ab
    cdef fp2_t t
    cdef fp_t dt
    tower_add(dt.v, da.v, db.v, &E.p)
    if E.lazy:
        fp2_plain_add(&t, a, b)
        fp2_square_product(&ab, &t, &dt, E)
        tower_wide_sub_both(ab.b.v, aa.b.v, bb.b.v)
        tower_wide_sub(ab.a.v, ab.a.v, aa.a.v, &E.p)
        tower_wide_sub(ab.a.v, ab.a.v, bb.a.v, &E.p)
    else:
        fp2_add(&t, a, b, E)
        fp2_square_product(&ab, &t, &dt, E)
        fp2_wide_sub(&ab, &ab, aa, E)
        fp2_wide_sub(&ab, &ab, bb, E)
    fp2_reduce(z, &ab, E)
