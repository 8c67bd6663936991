# f^(m (p^12 - 1)/r), m = 1 (BN) or 3 (BLS12).                          Spec: spec/curves.md#final-exponentiation
# First (p^6 - 1)(p^2 + 1), then m (p^4 - p^2 + 1)/r in the cyclotomic subgroup. Where only "is it 1?" is asked, another
# multiple that r does not divide does as well.

cdef void final_exponentiation(fp12_t* f, const curve_t* E) noexcept nogil:
    easy_part(f, E)
    hard_part(f, E)


cdef void hard_part(fp12_t* f, const curve_t* E) noexcept nogil:
    if E.bn:
        hard_part_bn(f, E)
    else:
        hard_part_bls12(f, E)


cdef limb final_exponentiation_is_one(fp12_t* f, const curve_t* E) noexcept nogil:
    easy_part(f, E)
    return hard_part_is_one(f, E)


cdef limb hard_part_is_one(fp12_t* f, const curve_t* E) noexcept nogil:
    if E.bn:
        hard_part_bn_multiple(f, E)
    else:
        hard_part_bls12(f, E)
    return fp12_is_one(f, E)


cdef void hard_part_bls12(fp12_t* f, const curve_t* E) noexcept nogil:
    # 3 (p^4 - p^2 + 1)/r = (u - 1)^2 (u + p)(u^2 + p^2 - 1) + 3    (Hayashida, Hayasaka, Teruya, eprint 2020/875)
    cdef fp12_t g, t
    cdef int i
    g = f[0]
    for i in range(2):                          # g = f^((u-1)^2)
        power_of_seed(&t, &g, E)
        fp12_conj(&g, &g, E)
        fp12_mul(&g, &g, &t, E)
    power_of_seed(&t, &g, E)                    # g = g^(u+p)
    fp12_frob(&g, &g, E)
    fp12_mul(&g, &g, &t, E)
    fp12_cyclotomic_sqr(&t, f, E)               # f = f^3
    fp12_mul(f, f, &t, E)
    power_of_seed(&t, &g, E)                    # f = f^3 g^(u^2 + p^2 - 1)
    power_of_seed(&t, &t, E)
    fp12_mul(f, f, &t, E)
    fp12_frob2(&t, &g, E)
    fp12_mul(f, f, &t, E)
    fp12_conj(&g, &g, E)
    fp12_mul(f, f, &g, E)
    mont_wipe(&g, sizeof(g))
    mont_wipe(&t, sizeof(t))


cdef inline void cyclotomic_sixth_power(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    cdef fp12_t t
    fp12_cyclotomic_sqr(&t, x, E)
    fp12_mul(&t, &t, x, E)
    fp12_cyclotomic_sqr(z, &t, E)
    mont_wipe(&t, sizeof(t))


cdef void hard_part_bn(fp12_t* f, const curve_t* E) noexcept nogil:
    # (p^4 - p^2 + 1)/r = p^3 + (6u^2 + 1)p^2 + (1 - 36u^3 - 18u^2 - 12u)p - (36u^3 + 30u^2 + 18u + 2)
    # (Devegili, Scott, Dahab 2007). With x = 6u, y = 6u^2, d = 36u^3 + 18u^2 + 12u = 6uy + y + 2(x + y) that is
    #   p^3 + (y + 1)p^2 + (1 - d)p - (d + (x + y) + (y + 1) + 1):    13 products, 5 squarings, 3 powers of u
    cdef fp12_t x, y, d, t
    cyclotomic_sixth_power(&x, f, E)
    power_of_seed(&x, &x, E)
    power_of_seed(&y, &x, E)
    cyclotomic_sixth_power(&d, &y, E)
    power_of_seed(&d, &d, E)
    fp12_mul(&x, &x, &y, E)                     # x holds x + y, t its double
    fp12_cyclotomic_sqr(&t, &x, E)
    fp12_mul(&d, &d, &y, E)
    fp12_mul(&d, &d, &t, E)
    fp12_mul(&y, &y, f, E)                      # y holds y + 1
    fp12_mul(&x, &x, &y, E)
    fp12_mul(&x, &x, f, E)
    fp12_mul(&x, &x, &d, E)
    fp12_conj(&x, &x, E)
    fp12_frob2(&y, &y, E)
    fp12_mul(&x, &x, &y, E)
    fp12_conj(&d, &d, E)                        # p (p^2 + 1 - d)
    fp12_mul(&d, &d, f, E)
    fp12_frob2(&t, f, E)
    fp12_mul(&d, &d, &t, E)
    fp12_frob(&d, &d, E)
    fp12_mul(f, &x, &d, E)
    mont_wipe(&x, sizeof(x))
    mont_wipe(&y, sizeof(y))
    mont_wipe(&d, sizeof(d))
    mont_wipe(&t, sizeof(t))


cdef void hard_part_bn_multiple(fp12_t* f, const curve_t* E) noexcept nogil:
    # 2u(6u^2 + 3u + 1) (p^4 - p^2 + 1)/r = (d + 6u^2 + 1) + (d - 2u)p + d p^2 + (d - 2u - 1)p^3, d = 12u^3 + 6u^2 + 6u
    # (Fuentes-Castaneda, Knapp, Rodriguez-Henriquez 2011). The factor is prime to r: 0 < |6u^2 + 3u + 1| < r, which is
    # a prime above 36u^4.                                           10 products, 3 squarings, 3 powers of u
    cdef fp12_t x, y, d, t
    power_of_seed(&x, f, E)
    fp12_cyclotomic_sqr(&x, &x, E)              # x = 2u
    fp12_cyclotomic_sqr(&t, &x, E)
    fp12_mul(&t, &t, &x, E)                     # t = 6u
    power_of_seed(&y, &t, E)                    # y = 6u^2
    fp12_cyclotomic_sqr(&d, &y, E)
    power_of_seed(&d, &d, E)
    fp12_mul(&t, &t, &y, E)
    fp12_mul(&d, &d, &t, E)
    fp12_conj(&x, &x, E)                        # x = d - 2u
    fp12_mul(&x, &x, &d, E)
    fp12_mul(&y, &y, &d, E)                     # y = (d + 6u^2 + 1) + d p^2
    fp12_mul(&y, &y, f, E)
    fp12_frob2(&d, &d, E)
    fp12_mul(&y, &y, &d, E)
    fp12_conj(&t, f, E)                         # p ((d - 2u) + (d - 2u - 1)p^2)
    fp12_mul(&t, &t, &x, E)
    fp12_frob2(&t, &t, E)
    fp12_mul(&t, &t, &x, E)
    fp12_frob(&t, &t, E)
    fp12_mul(f, &y, &t, E)
    mont_wipe(&x, sizeof(x))
    mont_wipe(&y, sizeof(y))
    mont_wipe(&d, sizeof(d))
    mont_wipe(&t, sizeof(t))
