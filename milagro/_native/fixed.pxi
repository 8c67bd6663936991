# Multiples of a generator by a secret scalar, from a table of d 2^(DIGIT j) G for each digit place j of the scalar and
# d = 1 .. MULTIPLES (Brickell, Gordon, McCurley, Wilson 1992): no doubling, one masked look-up and one complete mixed
# addition a digit. The table is made once a curve, at the first use, and takes
# (bits of r/DIGIT + 1) * MULTIPLES * 2 elements: 51 KiB in G1 of BN254, 102 KiB in G2; at most 206 and 412 KiB.
# Spec: spec/curves.md#scalar-multiplication

cdef element* fixed_table(const element* P, int places, const curve_t* E) except NULL:
    # The table of P, which is not the identity; constant time in it
    cdef Py_ssize_t n = places * MULTIPLES
    cdef element* table = <element*>allocate(2 * n * sizeof(element))
    cdef element* points = <element*>malloc(5 * n * sizeof(element))
    if points == NULL:
        free(table)
        raise MemoryError
    with nogil:
        fill_table(table, points, P, places, E)
        mont_wipe(points, 5 * n * sizeof(element))
    free(points)
    return table


cdef void fill_table(
    element* table, element* points, const element* P, int places, const curve_t* E,
) noexcept nogil:
    # points: 5 places MULTIPLES
    cdef Py_ssize_t n = places * MULTIPLES
    cdef element* point
    cdef element power[3]
    cdef int i, j
    pt_copy(power, P)
    for j in range(places):
        point = &points[3 * MULTIPLES * j]
        pt_copy(point, power)
        for i in range(1, MULTIPLES):
            pt_add(&point[3 * i], &point[3 * i - 3], power, E)
        pt_double(power, &point[3 * MULTIPLES - 3], E)
    affine_each(table, points, n, &points[3 * n], E)
    mont_wipe(power, sizeof(power))


cdef void fixed_mul(element* R, const element* table, int places, const scalar_t* k, const curve_t* E) noexcept nogil:
    # k*P for the P of the table and a secret k
    cdef element T[3]
    cdef element S[3]
    cdef element xy[2]
    cdef limb size, sign, add
    cdef int j, i
    pt_identity(T, E)
    for j in range(places):
        size = split_digit(k.v, j, DIGIT, &sign)
        jac_select(xy, &table[2 * MULTIPLES * j], size, sign, E)
        pt_add_affine(S, T, xy, E)
        add = mont_not(mont_word_equal(size, 0))
        for i in range(3):
            el_move(&T[i], &S[i], add)
    pt_copy(R, T)
    mont_wipe(T, sizeof(T))
    mont_wipe(S, sizeof(S))
    mont_wipe(xy, sizeof(xy))
    mont_wipe(&size, sizeof(size))
    mont_wipe(&sign, sizeof(sign))
