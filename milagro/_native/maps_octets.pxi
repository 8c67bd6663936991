# Hashing to a point, from uniform octets.

cdef void sum_of_maps(
    element* S, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, bint public, const curve_t* E,
) noexcept nogil:
    # sum of map_to_curve(u_i), u_i each in `size` octets, constant time in u unless it is public
    cdef element t[ROWS]
    cdef Py_ssize_t i = 0
    cdef int k, rows
    while i < count:
        rows = min(count - i, <Py_ssize_t>ROWS)
        for k in range(rows):
            el_reduce(&t[k], u + (i + k) * size, size, E)
        add_maps(S, i > 0, t, rows, public, E)
        i += rows
    finish_maps(S, E)
    mont_wipe(t, sizeof(t))


cdef void hash_to_point(
    element* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, bint public, const curve_t* E,
) noexcept nogil:
    # clear_cofactor(sum of map_to_curve(u_i))
    cdef element S[3]
    sum_of_maps(S, u, size, count, public, E)
    if element is fp_t:
        if public:
            g1_clear_cofactor_vartime(R, S, E)
        else:
            clear_cofactor(R, S, E)
    else:
        clear_cofactor(R, S, E)
    mont_wipe(S, sizeof(S))
