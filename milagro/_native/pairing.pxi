# The Miller loop of the optimal ate pairing e(P, Q), P in G1, Q in G2.                Spec: spec/curves.md#pairing
#
# T on the twist is homogeneous projective. A line through T on E(Fp12), taken at P and scaled by factors that the
# final exponentiation removes (elements of Fp4), has three coefficients l0, l1, l2 in Fp2:
#   D: l0*yP + l1*xP w + l2 w^3         M: l2 + l1*xP w^2 + l0*yP w^3
# tangent at T = (X : Y : Z):           l0 = 2YZ,      l1 = -3X^2,        l2 = Y^2 - 3b'Z^2
# chord through T and Q = (x, y):       l0 = X - xZ,   l1 = -(Y - yZ),    l2 = (Y - yZ)x - (X - xZ)y
# A prepared line has been divided by -l0: m = -l1/l0 (the slope) and n = l2/l0. Divided by yP too, it is monic:
#   D: 1 + m X w + n Y w^3              M: n Y + m X w^2 + w^3              with (X, Y) = (-xP/yP, 1/yP)
#
# Lines are multiplied in pairs before f is multiplied by them. Products in Fp2, besides those by numbers in Fp:
#   f by a line 13, by two 6 + 17;  by a monic line 10, by two 3 + 17;  a tangent 3 and 6 squarings, a chord 11 and 2.

cdef struct pair_t:         # one pair of a product
    fp_t P[3]               # projective at first; then affine: (x, y), or (-x/y, 1/y) if Q is prepared
    fp2_t Q[3]              # projective at first; then affine
    fp2_t T[3]              # the running point
    const fp2_t* lines      # if Q is prepared, m and n of the lines of the loop in their order; else NULL
    fp_t before[2]          # for the inversion that all share


cdef struct line_t:
    fp2_t l0
    fp2_t l1
    fp2_t l2


cdef struct monic_t:        # m X and n Y
    fp2_t m
    fp2_t n


cdef struct sparse_t:       # c + w*(d0 + v*d1) or, on an M-twist, c + w*v*(d0 + v*d1)
    fp6_t c
    fp2_t d0
    fp2_t d1


cdef struct product_t:      # f, and lines that wait for a second one; what waits depends on public numbers only
    fp12_t f
    line_t line
    monic_t monic
    bint has_f
    bint has_line
    bint has_monic


cdef void fp2_mul_3b(fp2_t* z, const fp2_t* x, const curve_t* E) noexcept nogil:
    # 3b'*x; by additions where 3b' = scale*(m + in) with |m|, |n| <= 2
    cdef fp2_t t
    if E.b3_scale == 0:
        fp2_mul(z, x, &E.twist_b3, E)
        return
    fp_multiple(&t.a, &x.a, E.b3_a, &x.b, -E.b3_b, E)
    fp_multiple(&t.b, &x.b, E.b3_a, &x.a, E.b3_b, E)
    fp_mul_small(&z.a, &t.a, E.b3_scale, E)
    fp_mul_small(&z.b, &t.b, E.b3_scale, E)


cdef inline void fp_multiple(
    fp_t* z, const fp_t* x, int m, const fp_t* y, int n, const curve_t* E,
) noexcept nogil:
    # m*x + n*y, m in {1, 2}, n in {-2, -1, 1, 2}
    cdef fp_t t = x[0]
    if m == 2:
        fp_add(&t, &t, x, E)
    if n > 0:
        fp_add(&t, &t, y, E)
        if n == 2:
            fp_add(&t, &t, y, E)
    else:
        fp_sub(&t, &t, y, E)
        if n == -2:
            fp_sub(&t, &t, y, E)
    z[0] = t


cdef void line_double(line_t* l, fp2_t* T, const curve_t* E) noexcept nogil:
    # The tangent, then T = 2T (Costello, Lange, Naehrig 2010; Aranha et al., eprint 2010/526), with B = 3b'Z^2:
    #   X3 = XY/2 (Y^2 - 3B),  Y3 = ((Y^2 + 3B)/2)^2 - 3B^2,  Z3 = 2 Y^2 YZ
    cdef fp2_t xy, yy, zz, B, B3, t
    fp2_mul(&xy, &T[0], &T[1], E)
    fp2_halve(&xy, &xy, E)
    fp2_sqr(&yy, &T[1], E)
    fp2_sqr(&zz, &T[2], E)
    fp2_add(&l.l0, &T[1], &T[2], E)             # 2YZ = (Y + Z)^2 - Y^2 - Z^2
    fp2_sqr(&l.l0, &l.l0, E)
    fp2_sub(&l.l0, &l.l0, &yy, E)
    fp2_sub(&l.l0, &l.l0, &zz, E)
    fp2_mul_3b(&B, &zz, E)
    fp2_add(&B3, &B, &B, E)
    fp2_add(&B3, &B3, &B, E)
    fp2_sqr(&t, &T[0], E)
    fp2_add(&l.l1, &t, &t, E)
    fp2_add(&l.l1, &l.l1, &t, E)
    fp2_neg(&l.l1, &l.l1, E)
    fp2_sub(&l.l2, &yy, &B, E)
    fp2_sub(&t, &yy, &B3, E)
    fp2_mul(&T[0], &xy, &t, E)
    fp2_mul(&T[2], &yy, &l.l0, E)
    fp2_add(&t, &yy, &B3, E)
    fp2_halve(&t, &t, E)
    fp2_sqr(&t, &t, E)
    fp2_sqr(&B, &B, E)
    fp2_sub(&t, &t, &B, E)
    fp2_add(&B, &B, &B, E)
    fp2_sub(&T[1], &t, &B, E)


cdef void line_add(line_t* l, fp2_t* T, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # The chord, then T = T + Q. With m = X - xZ, n = Y - yZ, g = X m^2, h = m^3 + Z n^2 - 2g:
    #   X3 = m h,  Y3 = n (g - h) - Y m^3,  Z3 = Z m^3
    cdef fp2_t m, n, mm, mmm, g, h, t
    fp2_mul(&t, &Q[0], &T[2], E)
    fp2_sub(&m, &T[0], &t, E)
    fp2_mul(&t, &Q[1], &T[2], E)
    fp2_sub(&n, &T[1], &t, E)
    l.l0 = m
    fp2_neg(&l.l1, &n, E)
    fp2_mul(&l.l2, &n, &Q[0], E)
    fp2_mul(&t, &m, &Q[1], E)
    fp2_sub(&l.l2, &l.l2, &t, E)
    fp2_sqr(&mm, &m, E)
    fp2_mul(&mmm, &mm, &m, E)
    fp2_mul(&g, &T[0], &mm, E)
    fp2_sqr(&h, &n, E)
    fp2_mul(&h, &h, &T[2], E)
    fp2_add(&h, &h, &mmm, E)
    fp2_sub(&h, &h, &g, E)
    fp2_sub(&h, &h, &g, E)
    fp2_mul(&T[0], &m, &h, E)
    fp2_sub(&g, &g, &h, E)
    fp2_mul(&g, &g, &n, E)
    fp2_mul(&t, &T[1], &mmm, E)
    fp2_sub(&T[1], &g, &t, E)
    fp2_mul(&T[2], &T[2], &mmm, E)


cdef void fp12_mul_line(fp12_t* f, const line_t* l, const curve_t* E) noexcept nogil:
    # f times a line that has been taken at P, by (a + wb)(c + wd) = ac + v*bd + w*((a + b)(c + d) - ac - bd):
    # 39 products, 12 reductions
    cdef fp6_wide_t ac, bd, cross
    cdef fp6_t s
    cdef fp2_t t
    fp6_add(&s, &f.a, &f.b, E)
    if E.d_twist:                               # c = l0, d = l1 + v*l2
        fp6_product_fp2(&ac, &f.a, &l.l0, E)
        fp6_product_pair(&bd, &f.b, &l.l1, &l.l2, E)
        fp2_add(&t, &l.l0, &l.l1, E)
        fp6_product_pair(&cross, &s, &t, &l.l2, E)
    else:                                       # c = l2 + v*l1, d = v*l0
        fp6_product_pair(&ac, &f.a, &l.l2, &l.l1, E)
        fp6_product_v_fp2(&bd, &f.b, &l.l0, E)
        fp2_add(&t, &l.l1, &l.l0, E)
        fp6_product_pair(&cross, &s, &l.l2, &t, E)
    fp12_from_products(f, &ac, &bd, &cross, E)


cdef void fp12_mul_monic(fp12_t* f, const monic_t* l, const curve_t* E) noexcept nogil:
    # D: (a + wb)(1 + w(m + vn)) = a + v*b(m + vn) + w(b + a(m + vn))
    # M: (a + wb)((n + vm) + wv) = a(n + vm) + v^2*b + w(b(n + vm) + v*a)
    cdef fp6_t s, t
    if E.d_twist:
        fp6_mul_pair(&s, &f.b, &l.m, &l.n, E)
        fp6_mul_pair(&t, &f.a, &l.m, &l.n, E)
        fp6_mul_v(&s, &s, E)
        fp6_add(&f.a, &f.a, &s, E)
        fp6_add(&f.b, &f.b, &t, E)
    else:
        fp6_mul_v(&s, &f.b, E)
        fp6_mul_v(&s, &s, E)
        fp6_mul_v(&t, &f.a, E)
        fp6_mul_pair(&f.a, &f.a, &l.n, &l.m, E)
        fp6_mul_pair(&f.b, &f.b, &l.n, &l.m, E)
        fp6_add(&f.a, &f.a, &s, E)
        fp6_add(&f.b, &f.b, &t, E)


cdef void fp12_mul_sparse(fp12_t* f, const sparse_t* l, const curve_t* E) noexcept nogil:
    # As fp12_mul_line, d having two of its three coefficients: 51 products, 12 reductions
    cdef fp6_wide_t ac, bd, cross
    cdef fp6_t s, t
    fp6_product(&ac, &f.a, &l.c, E)
    fp6_add(&s, &f.a, &f.b, E)
    t = l.c
    if E.d_twist:
        fp6_product_pair(&bd, &f.b, &l.d0, &l.d1, E)
        fp2_add(&t.a, &t.a, &l.d0, E)
        fp2_add(&t.b, &t.b, &l.d1, E)
    else:
        fp6_product_v_pair(&bd, &f.b, &l.d0, &l.d1, E)
        fp2_add(&t.b, &t.b, &l.d0, E)
        fp2_add(&t.c, &t.c, &l.d1, E)
    fp6_product(&cross, &s, &t, E)
    fp12_from_products(f, &ac, &bd, &cross, E)


cdef void fp12_from_sparse(fp12_t* f, const sparse_t* l, const curve_t* E) noexcept nogil:
    f.a = l.c
    f.b.a = l.d0
    f.b.b = l.d1
    memset(&f.b.c, 0, sizeof(fp2_t))
    if not E.d_twist:
        fp6_mul_v(&f.b, &f.b, E)


cdef void fp12_from_line(fp12_t* f, const line_t* l, const curve_t* E) noexcept nogil:
    memset(f, 0, sizeof(fp12_t))
    if E.d_twist:
        f.a.a = l.l0
        f.b.a = l.l1
        f.b.b = l.l2
    else:
        f.a.a = l.l2
        f.a.b = l.l1
        f.b.b = l.l0


cdef inline void fp2_mixed(
    fp2_t* z, const fp2_t* x, const fp2_t* y, const fp2_t* m, const fp2_t* n,
    const fp2_wide_t* xm, const fp2_wide_t* yn, const curve_t* E,
) noexcept nogil:
    # xn + ym = (x + y)(m + n) - xm - yn
    cdef fp2_wide_t t
    fp2_wide_cross(&t, x, y, m, n, xm, yn, E)
    fp2_reduce(z, &t, E)


cdef void two_lines(sparse_t* z, const line_t* k, const line_t* l, const curve_t* E) noexcept nogil:
    # D: (l0 + l1 w + l2 w^3)(..) = (l0l0 + xi*l2l2, l1l1, l1l2) + w(l0l1, l0l2, 0)
    # M: (l2 + l1 w^2 + l0 w^3)(..) = (l2l2 + xi*l0l0, l1l2, l1l1) + w(0, l0l2, l0l1), mixed terms being sums of two
    cdef fp2_wide_t p00, p11, p22
    fp2_product(&p00, &k.l0, &l.l0, E)
    fp2_product(&p11, &k.l1, &l.l1, E)
    fp2_product(&p22, &k.l2, &l.l2, E)
    if E.d_twist:
        fp2_mixed(&z.d0, &k.l0, &k.l1, &l.l0, &l.l1, &p00, &p11, E)
        fp2_mixed(&z.d1, &k.l0, &k.l2, &l.l0, &l.l2, &p00, &p22, E)
        fp2_mixed(&z.c.c, &k.l1, &k.l2, &l.l1, &l.l2, &p11, &p22, E)
        fp2_reduce(&z.c.b, &p11, E)
        fp2_wide_add_xi(&p00, &p00, &p22, E)
    else:
        fp2_mixed(&z.d1, &k.l0, &k.l1, &l.l0, &l.l1, &p00, &p11, E)
        fp2_mixed(&z.d0, &k.l0, &k.l2, &l.l0, &l.l2, &p00, &p22, E)
        fp2_mixed(&z.c.b, &k.l1, &k.l2, &l.l1, &l.l2, &p11, &p22, E)
        fp2_reduce(&z.c.c, &p11, E)
        fp2_wide_add_xi(&p00, &p22, &p00, E)
    fp2_reduce(&z.c.a, &p00, E)


cdef void two_monics(sparse_t* z, const monic_t* k, const monic_t* l, const curve_t* E) noexcept nogil:
    # two_lines with l0 = 1, l1 = m, l2 = n
    cdef fp2_wide_t mm, nn, xnn
    cdef fp2_t one, xi
    fp2_product(&mm, &k.m, &l.m, E)
    fp2_product(&nn, &k.n, &l.n, E)
    fp2_one(&one, E)
    if E.d_twist:
        fp2_mixed(&z.c.c, &k.m, &k.n, &l.m, &l.n, &mm, &nn, E)
        fp2_reduce(&z.c.b, &mm, E)
        fp2_wide_mul_xi(&xnn, &nn, E)
        fp2_reduce(&z.c.a, &xnn, E)
        fp2_add(&z.c.a, &z.c.a, &one, E)
        fp2_add(&z.d0, &k.m, &l.m, E)
        fp2_add(&z.d1, &k.n, &l.n, E)
    else:
        fp2_mixed(&z.c.b, &k.m, &k.n, &l.m, &l.n, &mm, &nn, E)
        fp2_reduce(&z.c.c, &mm, E)
        fp2_mul_xi(&xi, &one, E)
        fp2_reduce(&z.c.a, &nn, E)
        fp2_add(&z.c.a, &z.c.a, &xi, E)
        fp2_add(&z.d0, &k.n, &l.n, E)
        fp2_add(&z.d1, &k.m, &l.m, E)


cdef void multiply_by_sparse(product_t* A, const sparse_t* l, const curve_t* E) noexcept nogil:
    if A.has_f:
        fp12_mul_sparse(&A.f, l, E)
    else:
        fp12_from_sparse(&A.f, l, E)
    A.has_f = 1


cdef void take_line(product_t* A, line_t* l, const fp_t* P, const curve_t* E) noexcept nogil:
    # The factor of a line at P: kept until there is another, and both go to f together
    cdef sparse_t both
    fp2_mul_fp(&l.l0, &l.l0, &P[1], E)
    fp2_mul_fp(&l.l1, &l.l1, &P[0], E)
    if A.has_line:
        two_lines(&both, &A.line, l, E)
        multiply_by_sparse(A, &both, E)
        mont_wipe(&both, sizeof(both))
    else:
        A.line = l[0]
    A.has_line ^= 1


cdef void take_prepared(product_t* A, const fp2_t* line, const fp_t* P, const curve_t* E) noexcept nogil:
    cdef sparse_t both
    cdef monic_t l
    fp2_mul_fp(&l.m, &line[0], &P[0], E)
    fp2_mul_fp(&l.n, &line[1], &P[1], E)
    if A.has_monic:
        two_monics(&both, &A.monic, &l, E)
        multiply_by_sparse(A, &both, E)
        mont_wipe(&both, sizeof(both))
    else:
        A.monic = l
    A.has_monic ^= 1
    mont_wipe(&l, sizeof(l))


cdef void settle(product_t* A, const curve_t* E) noexcept nogil:
    # What still waits goes to f
    if A.has_monic and not A.has_f:
        fp12_one(&A.f, E)
        A.has_f = 1
    if A.has_monic:
        fp12_mul_monic(&A.f, &A.monic, E)
    if A.has_line and not A.has_f:
        fp12_from_line(&A.f, &A.line, E)
        A.has_f = 1
    elif A.has_line:
        fp12_mul_line(&A.f, &A.line, E)
    A.has_line = A.has_monic = 0


cdef void take_tangents(product_t* A, pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # Every T is doubled, and the tangents go to f
    cdef line_t l
    cdef Py_ssize_t j
    for j in range(n):
        if pairs[j].lines != NULL:
            take_prepared(A, pairs[j].lines, pairs[j].P, E)
            pairs[j].lines += 2
        else:
            line_double(&l, pairs[j].T, E)
            take_line(A, &l, pairs[j].P, E)
    mont_wipe(&l, sizeof(l))


cdef void take_chords(
    product_t* A, pair_t* pairs, Py_ssize_t n, int frobenius, bint minus, const curve_t* E,
) noexcept nogil:
    # S = +-psi^frobenius(Q) is added to every T, and the chords go to f
    cdef line_t l
    cdef fp2_t S[2]
    cdef Py_ssize_t j
    for j in range(n):
        if pairs[j].lines != NULL:
            take_prepared(A, pairs[j].lines, pairs[j].P, E)
            pairs[j].lines += 2
        else:
            image_of_q(S, pairs[j].Q, frobenius, minus, E)
            line_add(&l, pairs[j].T, S, E)
            take_line(A, &l, pairs[j].P, E)
    mont_wipe(&l, sizeof(l))
    mont_wipe(S, sizeof(S))


cdef void image_of_q(fp2_t* S, const fp2_t* Q, int frobenius, bint minus, const curve_t* E) noexcept nogil:
    # +-psi^frobenius(Q), affine
    cdef int i
    S[0] = Q[0]
    S[1] = Q[1]
    for i in range(frobenius):
        fp2_twisted_conj(&S[0], &S[0], &E.psi_x, E)
        fp2_twisted_conj(&S[1], &S[1], &E.psi_y, E)
    if minus:
        fp2_neg(&S[1], &S[1], E)


cdef void start_points(pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        pairs[j].T[0] = pairs[j].Q[0]
        pairs[j].T[1] = pairs[j].Q[1]
        fp2_one(&pairs[j].T[2], E)


cdef void miller_loop(fp12_t* f, pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # prod f_{|m|,Q}(P) over the pairs, m = 6u + 2 or u, with shared squarings; for negative m conj(f) and -T follow.
    # On a BN curve the lines through T and psi(Q), then T + psi(Q) and -psi^2(Q). A prepared T is not there to negate:
    # its lines know.
    cdef product_t A
    cdef int i
    cdef Py_ssize_t j
    memset(&A, 0, sizeof(A))
    start_points(pairs, n, E)
    for i in range(1, E.ate_naf.size):
        if A.has_f:
            fp12_sqr(&A.f, &A.f, E)
        take_tangents(&A, pairs, n, E)
        if E.ate_naf.digits[i]:
            take_chords(&A, pairs, n, 0, E.ate_naf.digits[i] < 0, E)
        settle(&A, E)
    if E.ate_naf.negative:
        fp12_conj(&A.f, &A.f, E)
        for j in range(n):
            fp2_neg(&pairs[j].T[1], &pairs[j].T[1], E)
    if E.bn:
        take_chords(&A, pairs, n, 1, 0, E)
        take_chords(&A, pairs, n, 2, 1, E)
        settle(&A, E)
    if A.has_f:
        f[0] = A.f
    else:
        fp12_one(f, E)
    mont_wipe(&A, sizeof(A))


cdef void affine_pairs(pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # Every P and Q to its affine form with one inversion (Montgomery's trick): of the Z of P, or of its Y where Q is
    # prepared, and of the norm of the Z of Q. None of them is 0: there is no identity here and no point of order 2.
    cdef fp_t inverse, t
    cdef Py_ssize_t j
    fp_one(&inverse, E)
    for j in range(n):
        pairs[j].before[0] = inverse
        fp_mul(&inverse, &inverse, &pairs[j].P[1 if pairs[j].lines != NULL else 2], E)
        pairs[j].before[1] = inverse
        if pairs[j].lines == NULL:
            fp2_norm(&t, &pairs[j].Q[2], E)
            fp_mul(&inverse, &inverse, &t, E)
    fp_inv(&inverse, &inverse, E)
    for j in range(n - 1, -1, -1):
        if pairs[j].lines == NULL:
            fp_mul(&t, &inverse, &pairs[j].before[1], E)
            fp2_norm(&pairs[j].before[1], &pairs[j].Q[2], E)
            fp_mul(&inverse, &inverse, &pairs[j].before[1], E)
            fp2_conj(&pairs[j].Q[2], &pairs[j].Q[2], E)
            fp2_mul_fp(&pairs[j].Q[2], &pairs[j].Q[2], &t, E)
            fp2_mul(&pairs[j].Q[0], &pairs[j].Q[0], &pairs[j].Q[2], E)
            fp2_mul(&pairs[j].Q[1], &pairs[j].Q[1], &pairs[j].Q[2], E)
        fp_mul(&t, &inverse, &pairs[j].before[0], E)
        fp_mul(&inverse, &inverse, &pairs[j].P[1 if pairs[j].lines != NULL else 2], E)
        fp_mul(&pairs[j].P[0], &pairs[j].P[0], &t, E)
        if pairs[j].lines == NULL:
            fp_mul(&pairs[j].P[1], &pairs[j].P[1], &t, E)
        else:                                   # (-X/Y, Z/Y)
            fp_neg(&pairs[j].P[0], &pairs[j].P[0], E)
            fp_mul(&pairs[j].P[1], &pairs[j].P[2], &t, E)
    mont_wipe(&inverse, sizeof(inverse))
    mont_wipe(&t, sizeof(t))


cdef Py_ssize_t count_lines(const curve_t* E) noexcept nogil:
    # The lines of one point in the whole loop
    cdef Py_ssize_t count = 2 if E.bn else 0
    cdef int i
    for i in range(1, E.ate_naf.size):
        count += 2 if E.ate_naf.digits[i] else 1
    return count


cdef void keep_line(fp2_t* line, fp2_t* l0, const line_t* l) noexcept nogil:
    line[0] = l.l1
    line[1] = l.l2
    l0[0] = l.l0


cdef void loop_lines(fp2_t* lines, fp2_t* l0, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # l1 and l2 of every line of the affine point Q in the order of the loop, and l0 in an array of its own
    cdef line_t l
    cdef fp2_t T[3]
    cdef fp2_t S[2]
    cdef Py_ssize_t k = 0
    cdef int i
    T[0] = Q[0]
    T[1] = Q[1]
    fp2_one(&T[2], E)
    for i in range(1, E.ate_naf.size):
        line_double(&l, T, E)
        keep_line(&lines[2 * k], &l0[k], &l)
        k += 1
        if E.ate_naf.digits[i]:
            image_of_q(S, Q, 0, E.ate_naf.digits[i] < 0, E)
            line_add(&l, T, S, E)
            keep_line(&lines[2 * k], &l0[k], &l)
            k += 1
    if E.ate_naf.negative:
        fp2_neg(&T[1], &T[1], E)
    if E.bn:
        for i in range(2):
            image_of_q(S, Q, i + 1, i, E)
            line_add(&l, T, S, E)
            keep_line(&lines[2 * k], &l0[k], &l)
            k += 1
    mont_wipe(&l, sizeof(l))
    mont_wipe(T, sizeof(T))
    mont_wipe(S, sizeof(S))


cdef void prepare_lines(fp2_t* lines, fp2_t* l0, fp2_t* before, const fp2_t* Q, const curve_t* E) noexcept nogil:
    # m and n of every line of the affine point Q in the order of the loop; l0 and before are memory for one element a
    # line, for the inversion that all share.
    cdef fp2_t inverse
    cdef Py_ssize_t i, k = count_lines(E)
    loop_lines(lines, l0, Q, E)
    fp2_one(&inverse, E)
    for i in range(k):
        before[i] = inverse
        fp2_mul(&inverse, &inverse, &l0[i], E)
    fp2_inv(&inverse, &inverse, E)
    for i in range(k - 1, -1, -1):
        fp2_mul(&before[i], &before[i], &inverse, E)
        fp2_mul(&inverse, &inverse, &l0[i], E)
        fp2_mul(&lines[2 * i + 1], &lines[2 * i + 1], &before[i], E)
        fp2_neg(&before[i], &before[i], E)
        fp2_mul(&lines[2 * i], &lines[2 * i], &before[i], E)
    mont_wipe(&inverse, sizeof(inverse))
