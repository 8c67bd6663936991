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

cdef struct layout_t:
    bint tag                # one octet in front: 4, or 2 | sign of y by parity
    bint flags              # three bits in the first octet
    bint compressed         # x only
    bint identity           # whether the identity has an encoding
    bint swapped            # over Fp2 the imaginary part first


cdef int layout_of(layout_t* L, str encoding, bint first_group, Py_ssize_t width, Py_ssize_t size) except -1:
    # `size` tells two forms apart that a reader takes both; a writer gives 0
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


cdef Py_ssize_t size_of(const layout_t* L, Py_ssize_t width) noexcept:
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


cdef int read_coordinates(element* R, const uint8_t* body, limb sign, const layout_t* L, const curve_t* E) except -1:
    cdef size_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef limb canonical = el_from_octets(&R[0], body, E)
    if not L.compressed:
        canonical &= el_from_octets(&R[1], body + width, E)
    if not declassify(canonical):
        raise NonCanonical("a coordinate is not below the field's modulus")
    if L.compressed:
        if not declassify(pt_from_x(R, sign, L.flags, E)):
            raise NotOnCurve("no point of the curve has this x")
    elif not declassify(pt_from_affine(R, E)):
        raise NotOnCurve("the coordinates do not satisfy the equation of the curve")
    return 0


cdef int decode_point(element* R, bytes octets, str encoding, const curve_t* E) except -1:
    # The point or the identity; subgroup and permission for the identity are the caller's to check
    cdef uint8_t body[POINT_OCTETS]
    cdef layout_t L
    cdef limb good, identity, sign
    cdef bint first_group = sizeof(element) == sizeof(fp_t)
    cdef Py_ssize_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    cdef Py_ssize_t size
    layout_of(&L, encoding, first_group, width, len(octets))
    size = size_of(&L, width)
    if len(octets) != size:
        raise WrongLength(f"a point of {'G1' if first_group else 'G2'}: expected {size} octets, got {len(octets)}")
    size -= L.tag
    memcpy(body, octets_of(octets) + L.tag, size)
    read_header(body, size, octets_of(octets)[0], &L, &good, &identity, &sign)
    try:
        if declassify(identity):
            pt_identity(R, E)
            return 0
        if not declassify(good):
            raise InvalidFlags(f"a point of {'G1' if first_group else 'G2'}: its tag or flags do not fit what follows")
        if L.swapped:
            swap_parts(body, R, E)
            if not L.compressed:
                swap_parts(body + width, R, E)
        read_coordinates(R, body, sign, &L, E)
    finally:
        mont_wipe(body, sizeof(body))
    return 0


cdef bytes encode_point(const element* P, str encoding, const curve_t* E):
    cdef layout_t L
    cdef element xy[2]
    cdef Py_ssize_t width = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    layout_of(&L, encoding, sizeof(element) == sizeof(fp_t), width, 0)
    cdef bytes octets = new_octets(size_of(&L, width))
    cdef uint8_t* body = <uint8_t*>octets_of(octets) + L.tag
    if L.identity and declassify(el_is_zero(&P[2])):
        memset(<uint8_t*>octets_of(octets), 0, len(octets))
        if L.flags:
            body[0] = COMPRESSED | INFINITY if L.compressed else INFINITY
        return octets
    normalise(xy, P, E)
    el_to_octets(body, &xy[0], E)
    if not L.compressed:
        el_to_octets(body + width, &xy[1], E)
    if L.swapped:
        swap_parts(body, P, E)
        if not L.compressed:
            swap_parts(body + width, P, E)
    if L.tag:
        (<uint8_t*>octets_of(octets))[0] = <uint8_t>(2 | el_sgn0(&xy[1], E)) if L.compressed else 4
    elif L.flags and L.compressed:
        body[0] |= COMPRESSED | <uint8_t>(LARGER * el_larger(&xy[1], E))
    mont_wipe(xy, sizeof(xy))
    return octets
