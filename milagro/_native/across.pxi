# Fp12 across the lanes: the operations that final_exponentiation.pxi and seed_windows.pxi ask for, by across.h. A fp2_t
# holds the six coefficients; where one element of Fp2 is meant, it stands in every lane or in lane 0.

ctypedef fp2_t fp12_t

cdef extern from "across.h":
    void across_mul(
        digit* z, const digit* x, const digit* y, unsigned int m, unsigned int n, const mont_modulus* M,
    ) noexcept nogil
    void across_mul_sparse(
        digit* z, const digit* f, const digit* l, const int* lanes, const int* places, int terms, int plus,
        unsigned int m, unsigned int n, const mont_modulus* M,
    ) noexcept nogil
    void across_sqr(digit* z, const digit* x, unsigned int m, unsigned int n, const mont_modulus* M) noexcept nogil
    void across_cyclotomic_sqr(
        digit* z, const digit* x, unsigned int m, unsigned int n, const mont_modulus* M,
    ) noexcept nogil
    void across_conj(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void across_spread(digit* z, const digit* x, int k) noexcept nogil
    void across_wipe_stack() noexcept nogil
    void across_odd(digit* z, const digit* x) noexcept nogil

cdef enum:
    COEFFICIENTS = 0x3f     # the lanes that have one
    ACROSS_XI = 3           # the greatest imaginary part of xi, see across_mul_xi
    ACROSS_XI_SUM = 10      # and the greatest sum of its parts


cdef struct across_t:       # a curve, and what else it has here
    curve_t E
    fp2_t one
    fp2_t frobenius         # gamma_k in lane k
    fp2_t frobenius2        # zeta^k


cdef inline const across_t* across_of(const curve_t* E) noexcept nogil:
    return <const across_t*>E


cdef inline void fp12_mul(fp12_t* z, const fp12_t* x, const fp12_t* y, const curve_t* E) noexcept nogil:
    across_mul(z.a.v, x.a.v, y.a.v, E.xi_a, E.xi_b, &E.p)


cdef inline void fp12_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    across_sqr(z.a.v, x.a.v, E.xi_a, E.xi_b, &E.p)


cdef inline void fp12_cyclotomic_sqr(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    across_cyclotomic_sqr(z.a.v, x.a.v, E.xi_a, E.xi_b, &E.p)


cdef inline void fp12_conj(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    across_conj(z.a.v, x.a.v, &E.p)


cdef void fp12_frob(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^p: conj(x_k) gamma_k
    fp2_conj(z, x, E)
    fp2_mul(z, z, &across_of(E).frobenius, E)


cdef void fp12_frob2(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^(p^2): zeta^k x_k
    fp2_mul(z, x, &across_of(E).frobenius2, E)


cdef limb fp12_is_one(const fp12_t* x, const curve_t* E) noexcept nogil:
    cdef limb equal = fp2_equal(x, &across_of(E).one)
    return mont_word_equal(equal & COEFFICIENTS, COEFFICIENTS)


cdef void easy_part(fp12_t* f, const curve_t* E) noexcept nogil:
    # f^((p^6 - 1)(p^2 + 1)). With c = conj(f) = f^(p^6), n = fc in Fp6 and t = n^(p^2) n^(p^4), nt is n's norm in Fp2:
    #   f^(p^6 - 1) = c^2/n = c^2 t/(nt)
    cdef fp12_t c, n, t, norm
    fp12_conj(&c, f, E)
    fp12_mul(&n, f, &c, E)
    fp12_frob2(&t, &n, E)
    fp12_frob2(&norm, &t, E)
    fp12_mul(&t, &t, &norm, E)
    fp12_mul(&norm, &n, &t, E)
    fp2_inv(&norm, &norm, E)                    # lane 0 counts
    across_spread(norm.a.v, norm.a.v, 0)
    fp2_mul(&t, &t, &norm, E)
    fp12_sqr(&c, &c, E)
    fp12_mul(f, &c, &t, E)
    fp12_frob2(&t, f, E)
    fp12_mul(f, f, &t, E)
    mont_wipe(&c, sizeof(c))
    mont_wipe(&n, sizeof(n))
    mont_wipe(&t, sizeof(t))
    mont_wipe(&norm, sizeof(norm))


cdef void power_of_seed(fp12_t* z, const fp12_t* x, const curve_t* E) noexcept nogil:
    # x^u; u is public. A squaring here costs little more than a compressed one, so none is compressed.
    power_by_windows(z, x, &E.seed_power.windows, E)
    if E.seed_naf.negative:
        fp12_conj(z, z, E)
