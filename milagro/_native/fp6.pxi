# Fp6 = Fp2[v]/(v^3 - xi), elements a + v*b + v^2*c.                               Spec: spec/curves.md#towers

cdef void fp6_add(fp6_t* z, const fp6_t* x, const fp6_t* y, const curve_t* E) noexcept nogil:
    fp2_add(&z.a, &x.a, &y.a, E)
    fp2_add(&z.b, &x.b, &y.b, E)
    fp2_add(&z.c, &x.c, &y.c, E)


cdef void fp6_sub(fp6_t* z, const fp6_t* x, const fp6_t* y, const curve_t* E) noexcept nogil:
    fp2_sub(&z.a, &x.a, &y.a, E)
    fp2_sub(&z.b, &x.b, &y.b, E)
    fp2_sub(&z.c, &x.c, &y.c, E)


cdef void fp6_neg(fp6_t* z, const fp6_t* x, const curve_t* E) noexcept nogil:
    fp2_neg(&z.a, &x.a, E)
    fp2_neg(&z.b, &x.b, E)
    fp2_neg(&z.c, &x.c, E)


cdef void fp6_mul_v(fp6_t* z, const fp6_t* x, const curve_t* E) noexcept nogil:
    # v*(a + vb + v^2c) = xi*c + va + v^2b
    cdef fp2_t t
    fp2_mul_xi(&t, &x.c, E)
    z.c = x.b
    z.b = x.a
    z.a = t


cdef void fp6_product(fp6_wide_t* z, const fp6_t* x, const fp6_t* y, const curve_t* E) noexcept nogil:
    # (aA + xi*(bC + cB)) + v*(aB + bA + xi*cC) + v^2*(aC + cA + bB) before its reduction: six products by Karatsuba
    cdef fp2_wide_t aa, bb, cc
    fp2_product(&aa, &x.a, &y.a, E)
    fp2_product(&bb, &x.b, &y.b, E)
    fp2_product(&cc, &x.c, &y.c, E)
    fp2_wide_cross(&z.a, &x.b, &x.c, &y.b, &y.c, &bb, &cc, E)
    fp2_wide_cross(&z.b, &x.a, &x.b, &y.a, &y.b, &aa, &bb, E)
    fp2_wide_cross(&z.c, &x.a, &x.c, &y.a, &y.c, &aa, &cc, E)
    fp2_wide_add_xi(&z.a, &aa, &z.a, E)
    fp2_wide_add_xi(&z.b, &z.b, &cc, E)
    fp2_wide_add(&z.c, &z.c, &bb, E)


cdef void fp6_reduce(fp6_t* z, const fp6_wide_t* x, const curve_t* E) noexcept nogil:
    fp2_reduce(&z.a, &x.a, E)
    fp2_reduce(&z.b, &x.b, E)
    fp2_reduce(&z.c, &x.c, E)


cdef void fp6_wide_sub(fp6_wide_t* z, const fp6_wide_t* x, const fp6_wide_t* y, const curve_t* E) noexcept nogil:
    fp2_wide_sub(&z.a, &x.a, &y.a, E)
    fp2_wide_sub(&z.b, &x.b, &y.b, E)
    fp2_wide_sub(&z.c, &x.c, &y.c, E)


cdef inline void fp6_wide_add_v(
    fp6_wide_t* z, const fp6_wide_t* x, const fp6_wide_t* y, const curve_t* E,
) noexcept nogil:
    # x + v*y, see fp6_mul_v
    fp2_wide_add_xi(&z.a, &x.a, &y.c, E)
    fp2_wide_add(&z.b, &x.b, &y.a, E)
    fp2_wide_add(&z.c, &x.c, &y.b, E)


cdef inline void fp6_wide_sub_v(
    fp6_wide_t* z, const fp6_wide_t* x, const fp6_wide_t* y, const curve_t* E,
) noexcept nogil:
    # x - v*y
    cdef fp2_wide_t t
    fp2_wide_mul_xi(&t, &y.c, E)
    fp2_wide_sub(&z.a, &x.a, &t, E)
    fp2_wide_sub(&z.b, &x.b, &y.a, E)
    fp2_wide_sub(&z.c, &x.c, &y.b, E)


cdef inline void fp6_add_v(fp6_t* z, const fp6_t* x, const fp6_t* y, const curve_t* E) noexcept nogil:
    # x + v*y, not over y
    cdef fp2_t t
    fp2_mul_xi(&t, &y.c, E)
    fp2_add(&z.a, &x.a, &t, E)
    fp2_add(&z.b, &x.b, &y.a, E)
    fp2_add(&z.c, &x.c, &y.b, E)


cdef void fp6_mul(fp6_t* z, const fp6_t* x, const fp6_t* y, const curve_t* E) noexcept nogil:
    cdef fp6_wide_t t
    fp6_product(&t, x, y, E)
    fp6_reduce(z, &t, E)


cdef void fp6_product_fp2(fp6_wide_t* z, const fp6_t* x, const fp2_t* k, const curve_t* E) noexcept nogil:
    fp2_product(&z.a, &x.a, k, E)
    fp2_product(&z.b, &x.b, k, E)
    fp2_product(&z.c, &x.c, k, E)


cdef void fp6_product_v_fp2(fp6_wide_t* z, const fp6_t* x, const fp2_t* k, const curve_t* E) noexcept nogil:
    # v*x*k
    cdef fp2_wide_t t
    fp2_product(&z.b, &x.a, k, E)
    fp2_product(&z.c, &x.b, k, E)
    fp2_product(&t, &x.c, k, E)
    fp2_wide_mul_xi(&z.a, &t, E)


cdef void fp2_products_pair(
    fp2_wide_t* za, fp2_wide_t* zb, fp2_wide_t* zc, const fp6_t* x, const fp2_t* m, const fp2_t* n, const curve_t* E,
) noexcept nogil:
    # (a + vb + v^2c)(m + vn) = (am + xi*cn) + v*(an + bm) + v^2*(bn + cm), five products
    cdef fp2_wide_t am, cn
    fp2_product(&am, &x.a, m, E)
    fp2_product(zc, &x.b, n, E)
    fp2_wide_cross(zb, &x.a, &x.b, m, n, &am, zc, E)
    fp2_product(&cn, &x.c, n, E)
    fp2_wide_add_xi(za, &am, &cn, E)
    fp2_product(&cn, &x.c, m, E)
    fp2_wide_add(zc, zc, &cn, E)


cdef void fp6_product_pair(
    fp6_wide_t* z, const fp6_t* x, const fp2_t* m, const fp2_t* n, const curve_t* E,
) noexcept nogil:
    # x*(m + vn)
    fp2_products_pair(&z.a, &z.b, &z.c, x, m, n, E)


cdef void fp6_product_v_pair(
    fp6_wide_t* z, const fp6_t* x, const fp2_t* m, const fp2_t* n, const curve_t* E,
) noexcept nogil:
    # v*x*(m + vn)
    cdef fp2_wide_t t
    fp2_products_pair(&z.b, &z.c, &t, x, m, n, E)
    fp2_wide_mul_xi(&z.a, &t, E)


cdef void fp6_mul_pair(
    fp6_t* z, const fp6_t* x, const fp2_t* m, const fp2_t* n, const curve_t* E,
) noexcept nogil:
    cdef fp6_wide_t t
    fp6_product_pair(&t, x, m, n, E)
    fp6_reduce(z, &t, E)


cdef void fp6_inv(fp6_t* z, const fp6_t* x, const curve_t* E) noexcept nogil:
    # With A = a^2 - xi*bc, B = xi*c^2 - ab, C = b^2 - ac: 1/x = (A + vB + v^2C)/(aA + xi*(bC + cB)); 0 for 0.
    cdef fp2_t A, B, C, t, norm
    fp2_mul(&B, &x.b, &x.c, E)
    fp2_mul_xi(&t, &B, E)
    fp2_sqr(&A, &x.a, E)
    fp2_sub(&A, &A, &t, E)
    fp2_sqr(&t, &x.c, E)
    fp2_mul_xi(&B, &t, E)
    fp2_mul(&t, &x.a, &x.b, E)
    fp2_sub(&B, &B, &t, E)
    fp2_sqr(&C, &x.b, E)
    fp2_mul(&t, &x.a, &x.c, E)
    fp2_sub(&C, &C, &t, E)
    fp2_mul(&norm, &x.b, &C, E)
    fp2_mul(&t, &x.c, &B, E)
    fp2_add(&t, &norm, &t, E)
    fp2_mul_xi(&norm, &t, E)
    fp2_mul(&t, &x.a, &A, E)
    fp2_add(&norm, &norm, &t, E)
    fp2_inv(&norm, &norm, E)
    fp2_mul(&z.a, &A, &norm, E)
    fp2_mul(&z.b, &B, &norm, E)
    fp2_mul(&z.c, &C, &norm, E)
