# The octet encodings of points.  Spec: spec/curves.md#encoding-milagro, spec/curves.md#encoding-zcash,
# spec/curves.md#encoding-eip197, spec/curves.md#encoding-tagged
# A secret point is read and written here, header and all: Python sees the length of its octets and nothing else.
# Whether they are an encoding at all, and of the identity, are verdicts; the sign in the header stays in a word.

cdef enum:
    POINT_OCTETS = 4 * 8 * NLIMBS   # x and y over Fp2
    COMPRESSED = 0x80               # the flags
    INFINITY = 0x40
    LARGER = 0x20
    FLAGS = 0xE0

cdef enum:                      # why octets are refused
    BAD_FLAGS = 1
    NOT_CANONICAL
    NO_SUCH_X
    NOT_ON_CURVE
    NOT_IN_SUBGROUP
    IS_IDENTITY
    LARGE_SCALAR

cdef struct layout_t:
    bint tag                # one octet in front: 4, or 2 | sign of y by parity
    bint flags              # three bits in the first octet
    bint compressed         # x only
    bint identity           # whether the identity has an encoding
    bint swapped            # over Fp2 the imaginary part first


cdef int layout_of(layout_t* L, str encoding, bint first_group, Py_ssize_t width, Py_ssize_t size) except -1:
    # `size` tells two forms apart that the reader of one point takes both; who writes, or reads an array, gives 0
    memset(L, 0, sizeof(layout_t))
    if encoding == "milagro":
        L.tag = first_group
        L.compressed = first_group and size == 1 + width
    elif encoding == "milagro-compressed":
        L.tag = L.compressed = first_group
    elif encoding == "tagged":
        L.tag = L.compressed = L.identity = True
    elif encoding == "zcash":
        L.flags = L.compressed = L.identity = L.swapped = True
    elif encoding == "zcash-uncompressed":
        L.flags = L.identity = L.swapped = True
    elif encoding == "eip197":
        L.identity = L.swapped = True
    else:
        raise ParameterError(f"no point encoding is called {encoding!r}")
    return 0


cdef Py_ssize_t size_of(const layout_t* L, Py_ssize_t width) noexcept nogil:
    return L.tag + (width if L.compressed else 2 * width)


cdef void swap_parts(uint8_t* octets, const element* _, const curve_t* E) noexcept nogil:
    # b || a for a || b over Fp2
    cdef uint8_t first[8 * NLIMBS]
    cdef size_t n = E.field_bytes
    if element is fp2_t:
        memcpy(first, octets, n)
        memmove(octets, octets + n, n)
        memcpy(octets + n, first, n)
        mont_wipe(first, sizeof(first))


cdef void read_header(
    uint8_t* body, Py_ssize_t size, uint8_t head, const layout_t* L, limb* good, limb* identity, limb* sign,
) noexcept nogil:
    # `body` is what stands behind a tag, or everything; its flags are taken off
    cdef limb rest = 0
    cdef Py_ssize_t i
    sign[0] = 0
    if L.flags:
        head = body[0] & FLAGS
        body[0] ^= head
    for i in range(size):
        rest |= body[i]
    identity[0] = mont_word_equal(rest, 0)
    if L.flags and L.compressed:
        good[0] = mont_word_equal(head & (COMPRESSED | INFINITY), COMPRESSED)
        sign[0] = head // LARGER & 1
        identity[0] &= mont_word_equal(head, COMPRESSED | INFINITY)
    elif L.flags:
        good[0] = mont_word_equal(head, 0)
        identity[0] &= mont_word_equal(head, INFINITY)
    elif L.tag and L.compressed:
        good[0] = mont_word_equal(head | 1, 3)
        sign[0] = head & 1
        identity[0] &= mont_word_equal(head, 0)
    else:
        good[0] = mont_word_equal(head, 4) if L.tag else 1
    identity[0] &= L.identity


cdef int read_coordinates(
    element* R, const uint8_t* body, limb sign, const layout_t* L, const curve_t* E,
) noexcept nogil:
    cdef size_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef limb canonical = el_from_octets(&R[0], body, E)
    if not L.compressed:
        canonical &= el_from_octets(&R[1], body + width, E)
    if not declassify(canonical):
        return NOT_CANONICAL
    if L.compressed:
        return 0 if declassify(pt_from_x(R, sign, L.flags, E)) else NO_SUCH_X
    return 0 if declassify(pt_from_affine(R, E)) else NOT_ON_CURVE


cdef int pt_from_octets(element* R, const uint8_t* octets, const layout_t* L, const curve_t* E) noexcept nogil:
    # The point or the identity, from as many octets as the layout has; 0, or why they are refused. No subgroup check
    cdef uint8_t body[POINT_OCTETS]
    cdef limb good, identity, sign
    cdef Py_ssize_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef Py_ssize_t size = size_of(L, width) - L.tag
    cdef int fault = 0
    memcpy(body, octets + L.tag, size)
    read_header(body, size, octets[0], L, &good, &identity, &sign)
    if declassify(identity):
        pt_identity(R, E)
    elif not declassify(good):
        fault = BAD_FLAGS
    else:
        if L.swapped:
            swap_parts(body, R, E)
            if not L.compressed:
                swap_parts(body + width, R, E)
        fault = read_coordinates(R, body, sign, L, E)
    mont_wipe(body, sizeof(body))
    return fault


cdef inline limb in_subgroup(const element* P, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return g1_in_subgroup(P, E)
    else:
        return g2_in_subgroup(P, E)


cdef int member_from_octets(
    element* R, const uint8_t* octets, const layout_t* L, bint allow_identity, const curve_t* E,
) noexcept nogil:
    # The same with the subgroup and permission for the identity
    cdef int fault = pt_from_octets(R, octets, L, E)
    if fault:
        return fault
    if declassify(el_is_zero(&R[2])):
        return 0 if allow_identity else IS_IDENTITY
    return 0 if declassify(in_subgroup(R, E)) else NOT_IN_SUBGROUP


cdef void identity_to_octets(uint8_t* octets, Py_ssize_t size, const layout_t* L) noexcept nogil:
    memset(octets, 0, size)
    if L.flags:
        octets[0] = COMPRESSED | INFINITY if L.compressed else INFINITY


cdef void pt_to_octets(uint8_t* octets, const element* xy, const layout_t* L, const curve_t* E) noexcept nogil:
    # The point (x, y)
    cdef Py_ssize_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef uint8_t* body = octets + L.tag
    el_to_octets(body, &xy[0], E)
    if not L.compressed:
        el_to_octets(body + width, &xy[1], E)
    if L.swapped:
        swap_parts(body, xy, E)
        if not L.compressed:
            swap_parts(body + width, xy, E)
    if L.tag:
        octets[0] = <uint8_t>(2 | el_sgn0(&xy[1], E)) if L.compressed else 4
    elif L.flags and L.compressed:
        body[0] |= COMPRESSED | <uint8_t>(LARGER * el_larger(&xy[1], E))


# ---- one point -------------------------------------------------------------------------------------------------

cdef object refusal(int fault, str group, str where):
    # The error of a fault; `where` says of which element
    if fault == BAD_FLAGS:
        return InvalidFlags(f"{where}a point of {group}: its tag or flags do not fit what follows")
    if fault == NOT_CANONICAL:
        return NonCanonical(f"{where}a coordinate is not below the field's modulus")
    if fault == NO_SUCH_X:
        return NotOnCurve(f"{where}no point of the curve has this x")
    if fault == NOT_ON_CURVE:
        return NotOnCurve(f"{where}the coordinates do not satisfy the equation of the curve")
    if fault == NOT_IN_SUBGROUP:
        return NotInSubgroup(f"{where}a point of {group} is outside the subgroup of order r")
    if fault == IS_IDENTITY:
        return IdentityElement(f"{where}the identity of {group} is not allowed here")
    return NonCanonical(f"{where}a scalar is not below the group's order")


cdef int decode_point(element* R, bytes octets, str encoding, const curve_t* E) except -1:
    # The point or the identity; subgroup and permission for the identity are the caller's to check
    cdef layout_t L
    cdef const uint8_t* at = octets_of(octets)
    cdef bint first_group = sizeof(element) == sizeof(fp_t)
    cdef Py_ssize_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef int fault
    layout_of(&L, encoding, first_group, width, len(octets))
    cdef Py_ssize_t size = size_of(&L, width)
    if len(octets) != size:
        raise WrongLength(f"a point of {'G1' if first_group else 'G2'}: expected {size} octets, got {len(octets)}")
    with nogil:
        fault = pt_from_octets(R, at, &L, E)
        mont_wipe_stack()
    if fault:
        raise refusal(fault, "G1" if first_group else "G2", "")
    return 0


cdef bytes encode_point(const element* P, str encoding, const curve_t* E):
    cdef layout_t L
    cdef element xy[2]
    layout_of(&L, encoding, sizeof(element) == sizeof(fp_t), 0, 0)
    cdef bytes octets = new_octets(size_of(&L, E.field_bytes * (sizeof(element) // sizeof(fp_t))))
    cdef uint8_t* at = <uint8_t*>octets_of(octets)
    if L.identity and declassify(el_is_zero(&P[2])):
        identity_to_octets(at, len(octets), &L)
        return octets
    normalise(xy, P, E)
    pt_to_octets(at, <const element*>xy, &L, E)
    mont_wipe(xy, sizeof(xy))
    return octets


# ---- points and scalars in two buffers ---------------------------------------------------------------------------

cdef int count_rows(Octets points, Octets scalars, Py_ssize_t point_size, Py_ssize_t scalar_size) except -1:
    # Checks that there are as many points as scalars
    if points.view.len % point_size or scalars.view.len % scalar_size:
        raise WrongLength(f"a point has {point_size} octets and a scalar {scalar_size}; the buffers do not fit")
    if points.view.len // point_size != scalars.view.len // scalar_size:
        raise ParameterError("there are not as many points as scalars")
    return 0


cdef int read_terms(
    element* P, scalar_t* k, Py_ssize_t n, const uint8_t* xy, const uint8_t* scalars, const curve_t* E,
) noexcept nogil:
    # x and y, or zeros for the identity, and a scalar, of each term: 0, or why the first bad one is refused
    cdef layout_t L
    cdef Py_ssize_t i, size = 2 * E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef int fault
    memset(&L, 0, sizeof(L))
    L.identity = True
    for i in range(n):
        mont_from_octets(k[i].v, scalars + i * E.scalar_bytes, E.scalar_bytes)
        if not mont_below(k[i].v, E.r.m):
            return LARGE_SCALAR
        fault = member_from_octets(&P[3 * i], xy + i * size, &L, True, E)
        if fault:
            return fault
    return 0
