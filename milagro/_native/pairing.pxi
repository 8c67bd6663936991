# The optimal ate pairing e(P, Q), P in G1, Q in G2.                                  Spec: spec/curves.md#pairing
#
# T on the twist is homogeneous projective. A line through T on E(Fp12), taken at P and scaled by factors that the
# final exponentiation removes (elements of Fp4), has three coefficients l0, l1, l2 in Fp2:
#   D: l0*yP + l1*xP w + l2 w^3         M: l2 + l1*xP w^2 + l0*yP w^3
# tangent at T = (X : Y : Z):           l0 = 2YZ,      l1 = -3X^2,        l2 = Y^2 - 3b'Z^2
# chord through T and Q = (x, y):       l0 = X - xZ,   l1 = -(Y - yZ),    l2 = (Y - yZ)x - (X - xZ)y

cdef struct pair_t:         # one pair of a product: affine P and Q, and the running point T
    fp_t P[2]
    fp2_t Q[2]
    fp2_t T[3]


cdef struct line_t:
    fp2_t l0
    fp2_t l1
    fp2_t l2


cdef void line_double(line_t* l, fp2_t* T, const curve_t* E) noexcept nogil:
    # The tangent, then T = 2T (Costello, Lange, Naehrig 2010; Aranha et al., eprint 2010/526), with B = 3b'Z^2:
    #   X3 = XY/2 (Y^2 - 3B),  Y3 = ((Y^2 + 3B)/2)^2 - 3B^2,  Z3 = 2 Y^2 YZ
    cdef fp2_t xy, yy, yz2, B, B3, t
    fp2_mul(&xy, &T[0], &T[1], E)
    fp2_halve(&xy, &xy, E)
    fp2_sqr(&yy, &T[1], E)
    fp2_mul(&yz2, &T[1], &T[2], E)
    fp2_add(&yz2, &yz2, &yz2, E)
    fp2_sqr(&B, &T[2], E)
    fp2_mul(&B, &B, &E.twist_b3, E)
    fp2_add(&B3, &B, &B, E)
    fp2_add(&B3, &B3, &B, E)
    fp2_sqr(&t, &T[0], E)
    fp2_add(&l.l1, &t, &t, E)
    fp2_add(&l.l1, &l.l1, &t, E)
    fp2_neg(&l.l1, &l.l1, E)
    l.l0 = yz2
    fp2_sub(&l.l2, &yy, &B, E)
    fp2_sub(&t, &yy, &B3, E)
    fp2_mul(&T[0], &xy, &t, E)
    fp2_mul(&T[2], &yy, &yz2, E)
    fp2_add(&t, &yy, &B3, E)
    fp2_halve(&t, &t, E)
    fp2_sqr(&t, &t, E)
    fp2_mul(&B, &B, &B3, E)
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


cdef void fp12_mul_line(fp12_t* f, line_t* l, const fp_t* P, const curve_t* E) noexcept nogil:
    # f times the line at P: 13 products in Fp2, by (a + wb)(c + wd) = ac + v*bd + w*((a + b)(c + d) - ac - bd)
    cdef fp6_t ac, bd, s
    cdef fp2_t t
    fp2_mul_fp(&l.l0, &l.l0, &P[1], E)
    fp2_mul_fp(&l.l1, &l.l1, &P[0], E)
    fp6_add(&s, &f.a, &f.b, E)
    if E.d_twist:                               # c = l0, d = l1 + v*l2
        fp6_mul_fp2(&ac, &f.a, &l.l0, E)
        fp6_mul_pair(&bd, &f.b, &l.l1, &l.l2, E)
        fp2_add(&t, &l.l0, &l.l1, E)
        fp6_mul_pair(&s, &s, &t, &l.l2, E)
    else:                                       # c = l2 + v*l1, d = v*l0
        fp6_mul_pair(&ac, &f.a, &l.l2, &l.l1, E)
        fp6_mul_v(&bd, &f.b, E)
        fp6_mul_fp2(&bd, &bd, &l.l0, E)
        fp2_add(&t, &l.l1, &l.l0, E)
        fp6_mul_pair(&s, &s, &l.l2, &t, E)
    fp6_sub(&s, &s, &ac, E)
    fp6_sub(&f.b, &s, &bd, E)
    fp6_mul_v(&bd, &bd, E)
    fp6_add(&f.a, &ac, &bd, E)


cdef void miller_loop(fp12_t* f, pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # prod f_{|m|,Q}(P) over the pairs, m = 6u + 2 or u, with shared squarings; for negative m conj(f) and -T follow.
    cdef line_t l
    cdef fp2_t minus[2]
    cdef int i
    cdef Py_ssize_t j
    fp12_one(f, E)
    for j in range(n):
        pairs[j].T[0] = pairs[j].Q[0]
        pairs[j].T[1] = pairs[j].Q[1]
        fp2_one(&pairs[j].T[2], E)
    for i in range(1, E.ate_naf.size):
        fp12_sqr(f, f, E)
        for j in range(n):
            line_double(&l, pairs[j].T, E)
            fp12_mul_line(f, &l, pairs[j].P, E)
            if E.ate_naf.digits[i] > 0:
                line_add(&l, pairs[j].T, pairs[j].Q, E)
                fp12_mul_line(f, &l, pairs[j].P, E)
            elif E.ate_naf.digits[i] < 0:
                minus[0] = pairs[j].Q[0]
                fp2_neg(&minus[1], &pairs[j].Q[1], E)
                line_add(&l, pairs[j].T, minus, E)
                fp12_mul_line(f, &l, pairs[j].P, E)
    if E.ate_naf.negative:
        fp12_conj(f, f, E)
        for j in range(n):
            fp2_neg(&pairs[j].T[1], &pairs[j].T[1], E)
    if E.bn:
        for j in range(n):
            closing_lines(f, &pairs[j], E)
    mont_wipe(&l, sizeof(l))
    mont_wipe(minus, sizeof(minus))


cdef void closing_lines(fp12_t* f, pair_t* pair, const curve_t* E) noexcept nogil:
    # BN only: the line through T and psi(Q), then through T + psi(Q) and -psi^2(Q)
    cdef line_t l
    cdef fp2_t Q[3]
    Q[0] = pair.Q[0]
    Q[1] = pair.Q[1]
    fp2_one(&Q[2], E)
    psi(Q, Q, E)
    line_add(&l, pair.T, Q, E)
    fp12_mul_line(f, &l, pair.P, E)
    psi(Q, Q, E)
    fp2_neg(&Q[1], &Q[1], E)
    line_add(&l, pair.T, Q, E)
    fp12_mul_line(f, &l, pair.P, E)
    mont_wipe(&l, sizeof(l))
    mont_wipe(Q, sizeof(Q))


cdef void final_exponentiation(fp12_t* f, const curve_t* E) noexcept nogil:
    # f^(m (p^12 - 1)/r), m = 1 (BN) or 3 (BLS12).                     Spec: spec/curves.md#final-exponentiation
    # First (p^6 - 1)(p^2 + 1), then m (p^4 - p^2 + 1)/r in the cyclotomic subgroup.
    cdef fp12_t t
    fp12_inv(&t, f, E)
    fp12_conj(f, f, E)
    fp12_mul(f, f, &t, E)
    fp12_frob(&t, f, E)
    fp12_frob(&t, &t, E)
    fp12_mul(f, f, &t, E)
    mont_wipe(&t, sizeof(t))
    if E.bn:
        hard_part_bn(f, E)
    else:
        hard_part_bls12(f, E)


cdef void hard_part_bls12(fp12_t* f, const curve_t* E) noexcept nogil:
    # 3 (p^4 - p^2 + 1)/r = (u - 1)^2 (u + p)(u^2 + p^2 - 1) + 3    (Hayashida, Hayasaka, Teruya, eprint 2020/875)
    cdef fp12_t g, t
    cdef int i
    g = f[0]
    for i in range(2):                          # g = f^((u-1)^2)
        cyclotomic_pow(&t, &g, &E.seed_naf, E)
        fp12_conj(&g, &g, E)
        fp12_mul(&g, &g, &t, E)
    cyclotomic_pow(&t, &g, &E.seed_naf, E)      # g = g^(u+p)
    fp12_frob(&g, &g, E)
    fp12_mul(&g, &g, &t, E)
    cyclotomic_pow(&t, &g, &E.seed_naf, E)      # t = g^(u^2)
    cyclotomic_pow(&t, &t, &E.seed_naf, E)
    fp12_cyclotomic_mul_cube(&t, f, E)          # t = t f^3
    fp12_conj(f, &g, E)                         # f = t g^-1 g^(p^2)
    fp12_mul(f, f, &t, E)
    fp12_frob(&g, &g, E)
    fp12_frob(&g, &g, E)
    fp12_mul(f, f, &g, E)
    mont_wipe(&g, sizeof(g))
    mont_wipe(&t, sizeof(t))


cdef inline void fp12_cyclotomic_mul_cube(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # z x^3
    cdef fp12_t t
    fp12_cyclotomic_sqr(&t, x, E)
    fp12_mul(&t, &t, x, E)
    fp12_mul(z, z, &t, E)
    mont_wipe(&t, sizeof(t))


cdef void hard_part_bn(fp12_t* f, const curve_t* E) noexcept nogil:
    # (p^4 - p^2 + 1)/r = p^3 + (6u^2 + 1)p^2 + (1 - 18u^2 - 12u - 36u^3)p - (36u^3 + 30u^2 + 18u + 2)
    # (Devegili, Scott, Dahab 2007; Scott et al., eprint 2008/490), that is y0 y1^2 y2^6 y3^12 y4^18 y5^30 y6^36 with
    #   y0 = f^(p + p^2 + p^3)   y1 = f^-1           y2 = f^(u^2 p^2)   y3 = f^(-u p)
    #   y4 = f^(-u - u^2 p)      y5 = f^(-u^2)       y6 = f^(-u^3 - u^3 p)
    cdef fp12_t fu, fuu, fuuu, fp, t, s, y
    cyclotomic_pow(&fu, f, &E.seed_naf, E)
    cyclotomic_pow(&fuu, &fu, &E.seed_naf, E)
    cyclotomic_pow(&fuuu, &fuu, &E.seed_naf, E)
    fp12_frob(&y, &fuuu, E)                     # t = y6^2 y4 y5
    fp12_mul(&y, &y, &fuuu, E)
    fp12_conj(&y, &y, E)
    fp12_cyclotomic_sqr(&t, &y, E)
    fp12_frob(&fp, &fuu, E)                     # fp holds f^(u^2 p)
    fp12_mul(&y, &fu, &fp, E)
    fp12_conj(&y, &y, E)
    fp12_mul(&t, &t, &y, E)
    fp12_conj(&y, &fuu, E)
    fp12_mul(&t, &t, &y, E)
    fp12_frob(&s, &fu, E)                       # s = y3 y5 t = y3 y4 y5^2 y6^2
    fp12_conj(&s, &s, E)
    fp12_mul(&s, &s, &y, E)
    fp12_mul(&s, &s, &t, E)
    fp12_frob(&y, &fp, E)                       # t = t y2
    fp12_mul(&t, &t, &y, E)
    fp12_cyclotomic_sqr(&s, &s, E)              # s = (s^2 t)^2 = y2^2 y3^4 y4^6 y5^10 y6^12
    fp12_mul(&s, &s, &t, E)
    fp12_cyclotomic_sqr(&s, &s, E)
    fp12_conj(&y, f, E)                         # t = s y1
    fp12_mul(&t, &s, &y, E)
    fp12_frob(&fp, f, E)                        # s = s y0
    fp12_mul(&s, &s, &fp, E)
    fp12_frob(&fp, &fp, E)
    fp12_mul(&s, &s, &fp, E)
    fp12_frob(&fp, &fp, E)
    fp12_mul(&s, &s, &fp, E)
    fp12_cyclotomic_sqr(&t, &t, E)              # f = t^2 s
    fp12_mul(f, &t, &s, E)
    mont_wipe(&fu, sizeof(fu))
    mont_wipe(&fuu, sizeof(fuu))
    mont_wipe(&fuuu, sizeof(fuuu))
    mont_wipe(&t, sizeof(t))
    mont_wipe(&s, sizeof(s))
