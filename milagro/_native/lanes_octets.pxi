# Field elements as numbers and octets, where every lane holds the same public number.  Spec: spec/curves.md#fields

cdef limb fp_larger(const fp_t* x, const curve_t* E) noexcept nogil:
    # x > (p-1)/2 as a number, for each lane: then 2x - p, which is odd, is what 2x is modulo p
    cdef fp_t t
    fp_add(&t, x, x, E)
    return mont_odd(t.v, &E.p)


cdef limb fp_from_octets(fp_t* z, const uint8_t* octets, const curve_t* E) noexcept nogil:
    # A number below p, in every lane
    cdef limb words[NLIMBS]
    words_from_octets(words, octets, E.field_bytes)
    lanes_spread(z.v, words)
    mont_enter(z.v, z.v, &E.p)
    return LANES_ALL


cdef void fp_to_octets(uint8_t* octets, const fp_t* x, const curve_t* E) noexcept nogil:
    # Of lane 0
    cdef limb words[LANES * NLIMBS]
    cdef fp_t t
    mont_leave(t.v, x.v, &E.p)
    lanes_scatter(words, t.v, NLIMBS)
    words_to_octets(octets, words, E.field_bytes)


cdef void fp_reduce(fp_t* z, const uint8_t* octets, size_t size, const curve_t* E) noexcept nogil:
    cdef limb words[NLIMBS]
    words_reduce_octets(words, octets, size, &E.p.words)
    lanes_spread(z.v, words)
    mont_enter(z.v, z.v, &E.p)
