# G2Prepared: the lines of the Miller loop of one point of G2, ready to be taken at any P.  Spec: spec/curves.md#pairing
# They are read in a fixed order, whatever the point is, so a secret point stays secret; they say as much as the point.

@cython.final
cdef class G2Prepared(Handle):
    """A point of E'(Fp2) as m and n of all its lines; none for the identity."""

    cdef fp2_t* lines
    cdef Py_ssize_t count       # 0 for the identity

    def __dealloc__(self):
        if self.lines != NULL:
            mont_wipe(self.lines, 2 * self.count * sizeof(fp2_t))
            free(self.lines)


cdef G2Prepared prepare(CurveData curve, const fp2_t* Q):
    cdef G2Prepared handle = G2Prepared.__new__(G2Prepared)
    cdef fp2_t xy[2]
    cdef fp2_t* scratch
    handle.curve = curve
    if declassify(el_is_zero(&Q[2])):
        return handle
    cdef Py_ssize_t count = count_lines(&curve.E)
    handle.lines = <fp2_t*>allocate(2 * count * sizeof(fp2_t))
    handle.count = count
    scratch = <fp2_t*>allocate(2 * count * sizeof(fp2_t))
    with nogil:
        pt_affine(xy, Q, &curve.E)
        prepare_lines(handle.lines, scratch, scratch + count, xy, &curve.E)
        mont_wipe(scratch, 2 * count * sizeof(fp2_t))
        mont_wipe_stack()
    free(scratch)
    mont_wipe(xy, sizeof(xy))
    return handle


cdef int place_pair(pair_t* pair, CurveData curve, G1 P, Handle Q) except -1:
    # The pair of P and a G2 or G2Prepared; 0 if one is the identity, and 1 else
    cdef G2 plain
    cdef G2Prepared prepared
    if P is None or not isinstance(Q, (G2, G2Prepared)):
        raise TypeError("a pairing takes one point of each group")
    own(curve, P)
    own(curve, Q)
    if declassify(el_is_zero(&P.P[2])):
        return 0
    if isinstance(Q, G2Prepared):
        prepared = Q
        if prepared.count == 0:
            return 0
        pair.lines = prepared.lines
    else:
        plain = Q
        if declassify(el_is_zero(&plain.P[2])):
            return 0
        pair.lines = NULL
        memcpy(pair.Q, plain.P, sizeof(pair.Q))
    memcpy(pair.P, P.P, sizeof(pair.P))
    return 1
