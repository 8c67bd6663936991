# Products in Fp2, by words.                                                        Spec: spec/curves.md#towers

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
