# x^|u| in the cyclotomic subgroup by odd digits, for any form of elements of Fp12.

cdef inline void multiply_by_digit(fp12_t* z, const fp12_t* x, int digit, const curve_t* E) noexcept nogil:
    # z x or z/x
    cdef fp12_t t
    if digit > 0:
        fp12_mul(z, z, x, E)
    else:
        fp12_conj(&t, x, E)
        fp12_mul(z, z, &t, E)


cdef void power_by_windows(fp12_t* z, const fp12_t* x, const naf_t* e, const curve_t* E) noexcept nogil:
    # Odd digits below 8, most significant first, from a table of x, x^3, x^5, x^7
    cdef fp12_t table[SEED_TABLE]
    cdef fp12_t t
    cdef int i, entries = 1
    for i in range(e.size):                     # a seed of few digits has no other digits than +-1
        entries = max(entries, (e.digits[i] if e.digits[i] > 0 else -e.digits[i]) // 2 + 1)
    table[0] = x[0]
    if entries > 1:
        fp12_cyclotomic_sqr(&t, x, E)
    for i in range(1, entries):
        fp12_mul(&table[i], &table[i - 1], &t, E)
    t = table[e.digits[0] // 2]
    for i in range(1, e.size):
        fp12_cyclotomic_sqr(&t, &t, E)
        if e.digits[i]:
            multiply_by_digit(&t, &table[(e.digits[i] if e.digits[i] > 0 else -e.digits[i]) // 2], e.digits[i], E)
    z[0] = t
    mont_wipe(table, sizeof(table))
    mont_wipe(&t, sizeof(t))
