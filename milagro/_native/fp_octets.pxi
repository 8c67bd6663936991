# Field elements as numbers and octets; numbers modulo r.                            Spec: spec/curves.md#fields

cdef limb fp_larger(const fp_t* x, const curve_t* E) noexcept nogil:
    # 1 if x > -x, that is x > (p-1)/2 as a number
    cdef fp_t t
    mont_leave(t.v, x.v, &E.p)
    return mont_below(E.p.half, t.v)


cdef inline limb fp_from_octets(fp_t* z, const uint8_t* octets, const curve_t* E) noexcept nogil:
    # 1 if the field_bytes octets are a number below p
    mont_from_octets(z.v, octets, E.field_bytes)
    cdef limb canonical = mont_below(z.v, E.p.m)
    mont_enter(z.v, z.v, &E.p)
    return canonical


cdef inline void fp_to_octets(uint8_t* octets, const fp_t* x, const curve_t* E) noexcept nogil:
    cdef fp_t t
    mont_leave(t.v, x.v, &E.p)
    mont_to_octets(octets, t.v, E.field_bytes)
    mont_wipe(&t, sizeof(t))


cdef inline void fp_reduce(fp_t* z, const uint8_t* octets, size_t size, const curve_t* E) noexcept nogil:
    mont_enter_octets(z.v, octets, size, &E.p)


cdef void scalar_product(scalar_t* z, const scalar_t* x, const scalar_t* y, const curve_t* E) noexcept nogil:
    # (x*R) * y / R on plain numbers
    cdef scalar_t t
    mont_enter(t.v, x.v, &E.r)
    mont_mul(z.v, t.v, y.v, &E.r)
    mont_wipe(&t, sizeof(t))


cdef inline void scalar_inverse(scalar_t* z, const scalar_t* x, const curve_t* E) noexcept nogil:
    # 1/x, and 0 for 0
    mont_inverse(z.v, x.v, &E.r)
