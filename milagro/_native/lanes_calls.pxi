# From arrays of this module's words to the functions of lanes_table.h. Each is there only while E.lanes is not NULL.

from cpython.pycapsule cimport PyCapsule_GetPointer

cdef enum:
    LANES_PAY = 3           # values from which on a group of eight costs less than one after the other


def use_lanes(CurveData curve not None, engine not None):
    """From now on values of the curve that come many at once go through this engine of eight lanes."""
    curve.E.lanes = <const lanes_table*>PyCapsule_GetPointer(engine.table(), "milagro.lanes")
    curve.engine = engine


cdef inline bint lanes_pay(Py_ssize_t n, const curve_t* E) noexcept nogil:
    return E.lanes != NULL and n >= LANES_PAY


cdef void lanes_multiply(
    element* R, const element* P, Py_ssize_t next_point, const scalar_t* k, Py_ssize_t next_scalar, Py_ssize_t n,
    const curve_t* E,
) noexcept nogil:
    # R_i = k_i P_i; steps of 0 for one point or one scalar
    if element is fp_t:
        E.lanes.multiply_g1(E.lanes.curve, R.v, P.v, next_point, k.v, next_scalar, n)
    else:
        E.lanes.multiply_g2(E.lanes.curve, R.a.v, P.a.v, next_point, k.v, next_scalar, n)


cdef void lanes_hash(
    element* R, const uint8_t* u, Py_ssize_t n, Py_ssize_t size, Py_ssize_t count, const curve_t* E,
) noexcept nogil:
    # R_i from the count*size octets of message i
    if element is fp_t:
        E.lanes.hash_g1(E.lanes.curve, R.v, u, size, count, n)
    else:
        E.lanes.hash_g2(E.lanes.curve, R.a.v, u, size, count, n)


cdef void lanes_map_original(
    fp_t* R, uint8_t* found, const uint8_t* const* h, const size_t* sizes, Py_ssize_t n, const curve_t* E,
) noexcept nogil:
    # map_original_g1 of each; found: n octets
    cdef Py_ssize_t i
    E.lanes.map_original_g1(E.lanes.curve, R.v, found, h, sizes, n)
    for i in range(n):
        if not found[i]:
            map_original_g1(&R[3 * i], h[i], sizes[i], E)


cdef Py_ssize_t equal_shapes(const pair_t* pairs, const Py_ssize_t* sizes, Py_ssize_t n) noexcept nogil:
    # How many of n equations, from the first on, have as many pairs as the first, prepared in the same places
    cdef Py_ssize_t i, j, m = sizes[0]
    for i in range(1, n):
        if sizes[i] != m:
            return i
        for j in range(m):
            if (pairs[m * i + j].lines == NULL) != (pairs[j].lines == NULL):
                return i
    return n


cdef int lanes_products(
    fp12_t* f, uint8_t* is_one, const pair_t* pairs, Py_ssize_t m, Py_ssize_t n, const curve_t* E,
) noexcept nogil:
    # The products of n equations of one shape with m pairs each, or whether they are 1; -1 if there is no memory
    cdef const void** P = <const void**>malloc(m * (2 * n * sizeof(void*) + 1))
    cdef const void** Q = P + m * n
    cdef uint8_t* prepared = <uint8_t*>(Q + m * n)
    cdef Py_ssize_t i
    cdef int fault
    if P == NULL:
        return -1
    for i in range(m):
        prepared[i] = pairs[i].lines != NULL
    for i in range(m * n):
        P[i] = <const void*>pairs[i].P
        Q[i] = <const void*>pairs[i].lines if pairs[i].lines != NULL else <const void*>pairs[i].Q
    fault = E.lanes.products(
        E.lanes.curve, NULL if is_one != NULL else <limb*>f, is_one, <const limb* const*>P, <const limb* const*>Q,
        prepared, m, n,
    )
    free(P)
    return fault


# ---- for tests: the lanes alone, on handles ----------------------------------------------------------------------

def by_lanes(CurveData curve not None, str name not None, list left not None, list right):
    """What one function of lanes_table.h gives for lists of handles or octets, for differential tests.

    Raises: ParameterError for another name, or a curve without lanes
    """
    if curve.E.lanes == NULL:
        raise ParameterError(f"{curve.name} has no lanes")
    if name == "g1_mul":
        return multiples_by_lanes(curve, left, right, <fp_t*>NULL)
    if name == "g2_mul":
        return multiples_by_lanes(curve, left, right, <fp2_t*>NULL)
    if name == "g1_hash":
        return hashes_by_lanes(curve, left, <int>right[0], <fp_t*>NULL)
    if name == "g2_hash":
        return hashes_by_lanes(curve, left, <int>right[0], <fp2_t*>NULL)
    if name == "g1_map_original":
        return originals_by_lanes(curve, left)
    if name in ("products", "checks"):
        return products_by_lanes(curve, left, right, name == "checks")
    raise ParameterError(f"lanes have no operation called {name!r}")


cdef list lane_handles(CurveData curve, const element* R, Py_ssize_t n):
    cdef G1 P
    cdef G2 Q
    cdef Py_ssize_t i
    handles = []
    for i in range(n):
        if element is fp_t:
            P = new_g1(curve)
            memcpy(P.P, &R[3 * i], sizeof(P.P))
            handles.append(P)
        else:
            Q = new_g2(curve)
            memcpy(Q.P, &R[3 * i], sizeof(Q.P))
            handles.append(Q)
    return handles


cdef list multiples_by_lanes(CurveData curve, list points, list scalars, const element* _):
    cdef Py_ssize_t i, n = max(len(points), len(scalars))
    cdef Py_ssize_t next_point = len(points) != 1, next_scalar = len(scalars) != 1
    cdef element* R = <element*>allocate(n * (6 * sizeof(element) + sizeof(scalar_t)))
    cdef element* P = R + 3 * n
    cdef scalar_t* k = <scalar_t*>(P + 3 * n)
    cdef G1 point1
    cdef G2 point2
    cdef Scalar scalar
    try:
        for i in range(len(points)):
            if element is fp_t:
                point1 = points[i]
                memcpy(&P[3 * i], point1.P, sizeof(point1.P))
            else:
                point2 = points[i]
                memcpy(&P[3 * i], point2.P, sizeof(point2.P))
        for i in range(len(scalars)):
            scalar = scalars[i]
            k[i] = scalar.k
        with nogil:
            lanes_multiply(R, P, next_point, k, next_scalar, n, &curve.E)
        return lane_handles(curve, <const element*>R, n)
    finally:
        free(R)


cdef list hashes_by_lanes(CurveData curve, list messages, int count, const element* _):
    cdef Py_ssize_t n = len(messages), size = len(messages[0]) // count
    cdef bytes u = b"".join(messages)
    cdef element* R = <element*>allocate(3 * n * sizeof(element))
    cdef const uint8_t* octets = octets_of(u)
    try:
        with nogil:
            lanes_hash(R, octets, n, size, count, &curve.E)
        return lane_handles(curve, <const element*>R, n)
    finally:
        free(R)


cdef list originals_by_lanes(CurveData curve, list hs):
    cdef Py_ssize_t i, n = len(hs)
    cdef fp_t* R = <fp_t*>allocate(n * (3 * sizeof(fp_t) + sizeof(char*) + sizeof(size_t) + 1))
    cdef const uint8_t** octets = <const uint8_t**>(R + 3 * n)
    cdef size_t* sizes = <size_t*>(octets + n)
    try:
        for i in range(n):
            octets[i] = octets_of(hs[i])
            sizes[i] = len(hs[i])
        with nogil:
            lanes_map_original(R, <uint8_t*>(sizes + n), octets, sizes, n, &curve.E)
        return lane_handles(curve, <const fp_t*>R, n)
    finally:
        free(R)


cdef list products_by_lanes(CurveData curve, list ps, list qs, bint check):
    # Lists of rows of points, none of which is the identity
    cdef Py_ssize_t i, j, m = len(ps[0]), n = len(ps)
    cdef size_t size = m * n * sizeof(pair_t) + n * sizeof(fp12_t) + n
    cdef pair_t* pairs = <pair_t*>allocate(size)
    cdef fp12_t* f = <fp12_t*>(pairs + m * n)
    cdef uint8_t* is_one = <uint8_t*>(f + n)
    cdef GT R
    cdef int fault
    try:
        for i in range(n):
            for j in range(m):
                if not place_pair(&pairs[m * i + j], curve, ps[i][j], qs[i][j]):
                    raise ParameterError("the identity has no place in a group of eight")
        with nogil:
            fault = lanes_products(f, is_one if check else NULL, pairs, m, n, &curve.E)
        if fault:
            raise MemoryError
        if check:
            return [declassify(is_one[i]) for i in range(n)]
        handles = []
        for i in range(n):
            R = new_gt(curve)
            R.f = f[i]
            handles.append(R)
        return handles
    finally:
        mont_wipe(pairs, size)
        free(pairs)
