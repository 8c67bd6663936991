# Operations on many values in one go, without the interpreter. Where each takes an inversion of its own, they share one
# (Montgomery's trick); the rest is the single operation for each. Constant time where that is.

cdef enum:
    TABLE_PAYS = 12         # multiples of one point from which on its table of fixed.pxi is worth making


# ---- hashing ---------------------------------------------------------------------------------------------------

cdef void hash_each(
    element* R, const uint8_t* u, Py_ssize_t n, Py_ssize_t size, Py_ssize_t count, bint public, const curve_t* E,
) noexcept nogil:
    # R_i from the count field elements, of `size` octets each, of message i
    cdef Py_ssize_t i
    if lanes_pay(n, E):
        lanes_hash(R, u, n, size, count, E)
        return
    for i in range(n):
        hash_to_point(&R[3 * i], u + i * count * size, size, count, public, E)


# ---- multiples -------------------------------------------------------------------------------------------------

cdef void multiply_each(
    element* R, const element* P, Py_ssize_t next_point, const scalar_t* k, Py_ssize_t next_scalar, Py_ssize_t n,
    bint public, const curve_t* E,
) noexcept nogil:
    # R_i = k_i P_i; steps of 0 for one point or one scalar
    cdef Py_ssize_t i
    if lanes_pay(n, E):
        lanes_multiply(R, P, next_point, k, next_scalar, n, E)
        return
    for i in range(n):
        if public:
            pt_mul_vartime(&R[3 * i], &P[3 * i * next_point], &k[i * next_scalar], E)
        else:
            pt_mul(&R[3 * i], &P[3 * i * next_point], &k[i * next_scalar], E)


cdef int multiply_one(element* R, const element* P, const scalar_t* k, Py_ssize_t n, const curve_t* E) except -1:
    # R_i = k_i P from a table of P, which is not the identity
    cdef Py_ssize_t i
    cdef size_t size = 2 * E.places * MULTIPLES * sizeof(element)
    cdef element* table = fixed_table(P, E.places, E)
    with nogil:
        for i in range(n):
            fixed_mul(&R[3 * i], table, E.places, &k[i], E)
        mont_wipe_stack()
        mont_wipe(table, size)
    free(table)
    return 0


# ---- octets ----------------------------------------------------------------------------------------------------

cdef int read_each(
    element* P, Py_ssize_t* bad, Py_ssize_t n, const uint8_t* octets, Py_ssize_t size, const layout_t* L,
    bint allow_identity, const curve_t* E,
) noexcept nogil:
    # The points of elements of `size` octets. 0, or why the first bad one is refused, and its index
    cdef Py_ssize_t i
    cdef int fault
    for i in range(n):
        fault = member_from_octets(&P[3 * i], octets + i * size, L, allow_identity, E)
        if fault:
            bad[0] = i
            return fault
    return 0


cdef void write_each(
    uint8_t* octets, const element* P, Py_ssize_t n, Py_ssize_t size, const layout_t* L, element* work,
    const curve_t* E,
) noexcept nogil:
    # The opposite, by one inversion; work: 4n
    cdef Py_ssize_t i
    affine_each(work, P, n, work + 2 * n, E)
    for i in range(n):
        if L.identity and declassify(el_is_zero(&P[3 * i + 2])):
            identity_to_octets(octets + i * size, size, L)
        else:
            pt_to_octets(octets + i * size, &work[2 * i], L, E)


# ---- pairings --------------------------------------------------------------------------------------------------

cdef void easy_parts(fp12_t* f, Py_ssize_t n, fp6_t* norms, const curve_t* E) noexcept nogil:
    # easy_part of each, by one inversion in Fp6; norms: 2n
    cdef fp6_t* before = norms + n
    cdef fp6_t t
    cdef Py_ssize_t i
    if n == 0:
        return
    for i in range(n):
        easy_fraction(&f[i], &norms[i], E)
        if i == 0:
            before[0] = norms[0]
        else:
            fp6_mul(&before[i], &before[i - 1], &norms[i], E)
    fp6_inv(&t, &before[n - 1], E)
    for i in range(n - 1, 0, -1):
        fp6_mul(&before[i], &before[i - 1], &t, E)
        fp6_mul(&t, &t, &norms[i], E)
        easy_rest(&f[i], &before[i], E)
    easy_rest(&f[0], &t, E)
    mont_wipe(&t, sizeof(t))


cdef void products_each(
    fp12_t* f, pair_t* pairs, const Py_ssize_t* sizes, Py_ssize_t n, fp6_t* norms, uint8_t* verdicts, const curve_t* E,
) noexcept nogil:
    # f_i of the next sizes[i] pairs; or, where verdicts are asked for, only whether it is 1. Equations of one shape
    # that follow each other go by lanes; those that are left, from `first` on, share what they can.
    cdef Py_ssize_t i = 0, at = 0, first = 0, first_at = 0, run
    while i < n and E.lanes != NULL:
        run = equal_shapes(&pairs[at], &sizes[i], n - i)
        if sizes[i] and lanes_pay(run, E) and not lanes_products(
            &f[i], &verdicts[i] if verdicts != NULL else NULL, &pairs[at], sizes[i], run, E,
        ):
            products_one_by_one(&f[first], &pairs[first_at], &sizes[first], i - first, norms,
                                &verdicts[first] if verdicts != NULL else NULL, E)
            first, first_at = i + run, at + run * sizes[i]
        at += run * sizes[i]
        i += run
    products_one_by_one(&f[first], &pairs[first_at], &sizes[first], n - first, norms,
                        &verdicts[first] if verdicts != NULL else NULL, E)


cdef void products_one_by_one(
    fp12_t* f, pair_t* pairs, const Py_ssize_t* sizes, Py_ssize_t n, fp6_t* norms, uint8_t* verdicts, const curve_t* E,
) noexcept nogil:
    cdef Py_ssize_t i, at = 0
    for i in range(n):
        at += sizes[i]
    affine_pairs(pairs, at, E)
    at = 0
    for i in range(n):
        miller_loop(&f[i], &pairs[at], sizes[i], E)
        at += sizes[i]
    easy_parts(f, n, norms, E)
    for i in range(n):
        if verdicts != NULL:
            verdicts[i] = hard_part_is_one(&f[i], E)
        else:
            hard_part(&f[i], E)
    mont_wipe_stack()
