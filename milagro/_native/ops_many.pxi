# The boundary for many values: one call, in which other threads may run. milagro.backend.CurveOps says what each
# method returns and raises. Between Python's lists and the loops of many.pxi lies a block of memory.

@cython.final
cdef class Block:
    """Memory that is wiped when it is let go."""

    cdef uint8_t* at
    cdef size_t size

    def __cinit__(self, size_t size):
        self.at = <uint8_t*>allocate(size)
        self.size = size

    def __dealloc__(self):
        if self.at != NULL:
            mont_wipe(self.at, self.size)
            free(self.at)


cdef element* coordinates(CurveData curve, object handle, element* _) except NULL:
    # X, Y, Z of a G1 or G2 of this curve
    cdef G1 P
    cdef G2 Q
    if element is fp_t:
        P = handle
        own(curve, P)
        return P.P
    else:
        Q = handle
        own(curve, Q)
        return Q.P


cdef int gather_points(element* P, CurveData curve, list handles) except -1:
    cdef Py_ssize_t i
    for i in range(len(handles)):
        pt_copy(&P[3 * i], coordinates(curve, handles[i], P))
    return 0


cdef int gather_scalars(scalar_t* k, CurveData curve, list handles) except -1:
    cdef Scalar handle
    cdef Py_ssize_t i
    for i in range(len(handles)):
        handle = handles[i]
        own(curve, handle)
        k[i] = handle.k
    return 0


cdef list points_of(CurveData curve, const element* P, Py_ssize_t n):
    cdef list handles = []
    cdef G1 R
    cdef G2 S
    cdef Py_ssize_t i
    for i in range(n):
        if element is fp_t:
            R = new_g1(curve)
            pt_copy(R.P, &P[3 * i])
            handles.append(R)
        else:
            S = new_g2(curve)
            pt_copy(S.P, &P[3 * i])
            handles.append(S)
    return handles


cdef Py_ssize_t broadcast(list left, list right) except -1:
    # How many results two lists have, of which one may be a single value for all of the other
    if len(left) == 1:
        return len(right)
    if len(right) == 1 or len(left) == len(right):
        return len(left)
    raise ParameterError(f"the lists have different lengths, {len(left)} and {len(right)}")


cdef list hash_many(CurveData curve, source, Py_ssize_t n, Py_ssize_t count, bint public, element* which):
    cdef Octets u = Octets(source)
    cdef Py_ssize_t size, degree = sizeof(element) // sizeof(fp_t)
    if count < 1 or n < 0:
        raise ParameterError(f"a map to the curve needs at least one field element, got {count}")
    # Without the first condition the products could overflow.
    if n and count > u.view.len // n or u.view.len % max(n * count * degree, 1) or (u.view.len == 0) != (n == 0):
        raise WrongLength(f"{u.view.len} octets cannot be divided into {n} * {count} * {degree} equal numbers")
    size = u.view.len // (n * count) if n else 0
    cdef Block memory = Block(3 * n * sizeof(element))
    cdef element* R = <element*>memory.at
    with nogil:
        hash_each(R, <const uint8_t*>u.view.buf, n, size, count, public, &curve.E)
        mont_wipe_stack()
    return points_of(curve, <const element*>R, n)


cdef list mul_many(CurveData curve, list points, list scalars, bint public, element* which):
    cdef Py_ssize_t n = broadcast(points, scalars)
    cdef Py_ssize_t next_point = len(points) != 1, next_scalar = len(scalars) != 1
    cdef Block memory = Block((n + len(points)) * 3 * sizeof(element) + len(scalars) * sizeof(scalar_t))
    cdef element* R = <element*>memory.at
    cdef element* P = R + 3 * n
    cdef scalar_t* k = <scalar_t*>(P + 3 * len(points))
    gather_points(P, curve, points)
    gather_scalars(k, curve, scalars)
    if n >= TABLE_PAYS and not next_point and not lanes_pay(n, &curve.E) and not declassify(el_is_zero(&P[2])):
        multiply_one(R, <const element*>P, k, n, &curve.E)
        return points_of(curve, <const element*>R, n)
    with nogil:
        multiply_each(R, <const element*>P, next_point, k, next_scalar, n, public, &curve.E)
        mont_wipe_stack()
    return points_of(curve, <const element*>R, n)


cdef Py_ssize_t rows_of(Octets rows, Py_ssize_t width) except -1:
    if rows.view.len % width:
        raise WrongLength(f"{rows.view.len} octets are no multiple of {width}")
    return rows.view.len // width


cdef list array_from_octets(
    CurveData curve, source, str encoding, bint allow_identity, Py_ssize_t first, element* which,
):
    cdef Octets octets = Octets(source)
    cdef layout_t L
    cdef bint first_group = sizeof(element) == sizeof(fp_t)
    layout_of(&L, encoding, first_group, 0, 0)
    cdef Py_ssize_t size = size_of(&L, curve.E.field_bytes * (sizeof(element) // sizeof(fp_t)))
    cdef Py_ssize_t bad = 0, n = rows_of(octets, size)
    cdef Block memory = Block(3 * n * sizeof(element))
    cdef element* P = <element*>memory.at
    cdef int fault
    with nogil:
        fault = read_each(P, &bad, n, <const uint8_t*>octets.view.buf, size, &L, allow_identity, &curve.E)
        mont_wipe_stack()
    if fault:
        raise refusal(fault, "G1" if first_group else "G2", f"element {first + bad} of the array: ")
    return points_of(curve, <const element*>P, n)


cdef bytearray array_to_octets(CurveData curve, list points, str encoding, element* which):
    cdef layout_t L
    layout_of(&L, encoding, sizeof(element) == sizeof(fp_t), 0, 0)
    cdef Py_ssize_t i, n = len(points)
    cdef Py_ssize_t size = size_of(&L, curve.E.field_bytes * (sizeof(element) // sizeof(fp_t)))
    cdef Block memory = Block(7 * n * sizeof(element))
    cdef element* P = <element*>memory.at
    cdef bytearray octets = bytearray(n * size)
    cdef uint8_t* at = <uint8_t*>octets
    gather_points(P, curve, points)
    for i in range(n):
        if not L.identity and declassify(el_is_zero(&P[3 * i + 2])):
            raise IdentityElement(f"element {i} of the array: the identity has no coordinates")
    with nogil:
        write_each(at, <const element*>P, n, size, &L, P + 3 * n, &curve.E)
        mont_wipe_stack()
    return octets


cdef class ManyOps(PointOps):
    """Scalars, G1 and G2, many at once; pairings of many equations."""

    def scalars_from_array(self, octets, Py_ssize_t size):
        cdef Octets rows = Octets(octets)
        cdef list handles = []
        cdef Scalar k
        cdef Py_ssize_t i
        if not 0 < size <= self.E.scalar_bytes:
            raise ParameterError(f"a scalar has up to {self.E.scalar_bytes} octets, not {size}")
        for i in range(rows_of(rows, size)):
            k = new_scalar(self)
            mont_from_octets(k.k.v, <const uint8_t*>rows.view.buf + i * size, size)
            if not declassify(mont_below(k.k.v, self.E.r.m)):
                raise NonCanonical("a scalar is not below the group's order")
            handles.append(k)
        return handles

    def scalar_mul_many(self, list left not None, list right not None):
        check_lengths(left, right)
        cdef list handles = []
        cdef Scalar a, b, k
        cdef Py_ssize_t i
        for i in range(len(left)):
            a, b = left[i], right[i]
            own(self, a)
            own(self, b)
            k = new_scalar(self)
            scalar_product(&k.k, &a.k, &b.k, &self.E)
            handles.append(k)
        return handles

    # -- G1 -------------------------------------------------------------------------------------------------------

    def g1_hash_uniform_many(self, u, Py_ssize_t n, Py_ssize_t count):
        return hash_many(self, u, n, count, False, <fp_t*>NULL)

    def g1_hash_uniform_many_vartime(self, u, Py_ssize_t n, Py_ssize_t count):
        return hash_many(self, u, n, count, True, <fp_t*>NULL)

    def g1_map_original_many(self, list hs not None):
        cdef Py_ssize_t i, n = len(hs)
        cdef Block memory = Block(n * (3 * sizeof(fp_t) + sizeof(char*) + sizeof(size_t) + 1))
        cdef fp_t* R = <fp_t*>memory.at
        cdef const uint8_t** octets = <const uint8_t**>(R + 3 * n)
        cdef size_t* sizes = <size_t*>(octets + n)
        cdef bytes h
        for i in range(n):
            h = hs[i]
            octets[i] = octets_of(h)
            sizes[i] = len(h)
        with nogil:
            if lanes_pay(n, &self.E):
                lanes_map_original(R, <uint8_t*>(sizes + n), octets, sizes, n, &self.E)
            else:
                for i in range(n):
                    map_original_g1(&R[3 * i], octets[i], sizes[i], &self.E)
        return points_of(self, <const fp_t*>R, n)

    def g1_mul_many(self, list points not None, list scalars not None):
        return mul_many(self, points, scalars, False, <fp_t*>NULL)

    def g1_mul_many_vartime(self, list points not None, list scalars not None):
        return mul_many(self, points, scalars, True, <fp_t*>NULL)

    def g1_array_from_octets(self, octets, str encoding not None, bint allow_identity, Py_ssize_t first):
        return array_from_octets(self, octets, encoding, allow_identity, first, <fp_t*>NULL)

    def g1_array_to_octets(self, list points not None, str encoding not None):
        return array_to_octets(self, points, encoding, <fp_t*>NULL)

    # -- G2 -------------------------------------------------------------------------------------------------------

    def g2_hash_uniform_many(self, u, Py_ssize_t n, Py_ssize_t count):
        return hash_many(self, u, n, count, False, <fp2_t*>NULL)

    def g2_hash_uniform_many_vartime(self, u, Py_ssize_t n, Py_ssize_t count):
        return hash_many(self, u, n, count, True, <fp2_t*>NULL)

    def g2_mul_many(self, list points not None, list scalars not None):
        return mul_many(self, points, scalars, False, <fp2_t*>NULL)

    def g2_mul_many_vartime(self, list points not None, list scalars not None):
        return mul_many(self, points, scalars, True, <fp2_t*>NULL)

    def g2_array_from_octets(self, octets, str encoding not None, bint allow_identity, Py_ssize_t first):
        return array_from_octets(self, octets, encoding, allow_identity, first, <fp2_t*>NULL)

    def g2_array_to_octets(self, list points not None, str encoding not None):
        return array_to_octets(self, points, encoding, <fp2_t*>NULL)

    # -- GT and pairings --------------------------------------------------------------- Spec: spec/curves.md#pairing

    def gt_exp_many(self, list fs not None, list ks not None):
        cdef Py_ssize_t i, n = broadcast(fs, ks)
        cdef Py_ssize_t next_f = len(fs) != 1, next_k = len(ks) != 1
        cdef Block memory = Block((n + len(fs)) * sizeof(fp12_t) + len(ks) * sizeof(scalar_t))
        cdef fp12_t* R = <fp12_t*>memory.at
        cdef fp12_t* f = R + n
        cdef scalar_t* k = <scalar_t*>(f + len(fs))
        cdef GT handle
        for i in range(len(fs)):
            handle = fs[i]
            own(self, handle)
            f[i] = handle.f
        gather_scalars(k, self, ks)
        with nogil:
            for i in range(n):
                gt_pow(&R[i], &f[i * next_f], &k[i * next_k], &self.E)
            mont_wipe_stack()
        return gt_handles(self, R, n)

    def pairing_products_many(self, list ps not None, list qs not None, list sizes not None):
        return multiply_equations(self, ps, qs, sizes, False)

    def pairing_checks_many(self, list ps not None, list qs not None, list sizes not None):
        return multiply_equations(self, ps, qs, sizes, True)


cdef list gt_handles(CurveData curve, const fp12_t* f, Py_ssize_t n):
    cdef list handles = []
    cdef GT R
    cdef Py_ssize_t i
    for i in range(n):
        R = new_gt(curve)
        R.f = f[i]
        handles.append(R)
    return handles


cdef list multiply_equations(CurveData curve, list ps, list qs, list sizes, bint check):
    # The caller's lists keep prepared points alive; identities are left out
    check_lengths(ps, qs)
    cdef Py_ssize_t i, j, at = 0, used = 0, n = len(sizes), count = len(ps)
    cdef size_t result = sizeof(fp12_t) + 2 * sizeof(fp6_t) + sizeof(Py_ssize_t) + 1
    cdef Block memory = Block(count * sizeof(pair_t) + n * result)
    cdef pair_t* pairs = <pair_t*>memory.at
    cdef fp12_t* f = <fp12_t*>(pairs + count)
    cdef fp6_t* norms = <fp6_t*>(f + n)
    cdef Py_ssize_t* left = <Py_ssize_t*>(norms + 2 * n)
    cdef uint8_t* verdicts = <uint8_t*>(left + n)
    cdef list kept = [ps[:], qs[:]]
    for i in range(n):
        left[i] = used
        if sizes[i] < 0 or sizes[i] > count - at:
            raise ParameterError("the sizes of the equations do not add up to the number of pairs")
        for j in range(at, at + <Py_ssize_t>sizes[i]):
            used += place_pair(&pairs[used], curve, kept[0][j], kept[1][j])
        at += <Py_ssize_t>sizes[i]
        left[i] = used - left[i]
    if at != count:
        raise ParameterError("the sizes of the equations do not add up to the number of pairs")
    with nogil:
        products_each(f, pairs, left, n, norms, verdicts if check else NULL, &curve.E)
    if check:
        return [declassify(verdicts[i]) != 0 for i in range(n)]
    return gt_handles(curve, f, n)
