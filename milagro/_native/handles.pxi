# Handles: immutable values that Python holds and only this module reads. Their memory is wiped when they die, their
# repr shows no number, and they can be neither pickled nor copied nor made from outside.

cdef class Handle:
    """A value of one curve."""

    cdef CurveData curve

    def __init__(self):
        raise TypeError("handles are made by the operations of a curve")

    def __repr__(self):
        return f"<native {type(self).__name__} of {self.curve.name if self.curve is not None else 'no curve'}>"

    def __reduce__(self):
        raise TypeError(f"{type(self).__name__} handles cannot be pickled or copied; encode the value instead")


@cython.final
cdef class Scalar(Handle):
    """A number modulo r."""

    cdef scalar_t k

    def __dealloc__(self):
        mont_wipe(&self.k, sizeof(self.k))


@cython.final
cdef class G1(Handle):
    """A point of E(Fp)."""

    cdef fp_t P[3]
    cdef bint generator     # whether this is the handle that g1_generator gave

    def __dealloc__(self):
        mont_wipe(self.P, sizeof(self.P))


@cython.final
cdef class G2(Handle):
    """A point of E'(Fp2)."""

    cdef fp2_t P[3]
    cdef bint generator

    def __dealloc__(self):
        mont_wipe(self.P, sizeof(self.P))


@cython.final
cdef class GT(Handle):
    """An element of Fp12."""

    cdef fp12_t f

    def __dealloc__(self):
        mont_wipe(&self.f, sizeof(self.f))


cdef inline Scalar new_scalar(CurveData curve):
    cdef Scalar handle = Scalar.__new__(Scalar)
    handle.curve = curve
    return handle


cdef inline G1 new_g1(CurveData curve):
    cdef G1 handle = G1.__new__(G1)
    handle.curve = curve
    return handle


cdef inline G2 new_g2(CurveData curve):
    cdef G2 handle = G2.__new__(G2)
    handle.curve = curve
    return handle


cdef inline GT new_gt(CurveData curve):
    cdef GT handle = GT.__new__(GT)
    handle.curve = curve
    return handle


cdef inline int own(CurveData curve, Handle handle) except -1:
    # Refuses a handle of another curve
    if handle is None or handle.curve is not curve:
        raise ParameterError(f"a value of {curve.name} is needed, this is one of another curve")
    return 0


cdef inline const uint8_t* octets_of(bytes octets) noexcept:
    return <const uint8_t*>PyBytes_AS_STRING(octets)


cdef bytes new_octets(Py_ssize_t size):
    return PyBytes_FromStringAndSize(NULL, size)


cdef enum:
    DECIMAL_DIGITS = 18     # they fit one word


cdef void mask_bits(limb* z, int bits) noexcept nogil:
    # z mod 2^bits, for a public number of bits
    cdef int i
    for i in range(NLIMBS):
        if 64 * i >= bits:
            z[i] = 0
        elif 64 * (i + 1) > bits:
            z[i] &= (<limb>1 << (bits - 64 * i)) - 1


cdef limb read_decimal(limb* z, const uint8_t* digits, Py_ssize_t size) noexcept nogil:
    # z = the number; 1 if every octet is a digit. A difference below 0 wraps around, which sets its top bit.
    cdef limb digit, good = 1
    cdef Py_ssize_t i
    z[0] = 0
    for i in range(size):
        digit = <limb>digits[i] - 48
        good &= (digit - 10) >> 63 & (digit >> 63 ^ 1)
        z[0] = 10 * z[0] + digit
    return good


cdef int read_element(element* z, bytes octets, const curve_t* E) except -1:
    # Canonical octets of a field element
    cdef Py_ssize_t size = E.field_bytes * (sizeof(element) // sizeof(fp_t))
    if len(octets) != size:
        raise WrongLength(f"a coordinate has {size} octets, got {len(octets)}")
    if not declassify(el_from_octets(z, octets_of(octets), E)):
        raise NonCanonical("a coordinate is not below the field's modulus")
    return 0


cdef bytes write_element(const element* x, const curve_t* E):
    cdef bytes octets = new_octets(E.field_bytes * (sizeof(element) // sizeof(fp_t)))
    el_to_octets(<uint8_t*>octets_of(octets), x, E)
    return octets


cdef int read_point(element* R, bytes x, bytes y, const curve_t* E) except -1:
    read_element(&R[0], x, E)
    read_element(&R[1], y, E)
    if not declassify(pt_from_affine(R, E)):
        raise NotOnCurve("the coordinates do not satisfy the equation of the curve")
    return 0


cdef int read_point_from_x(element* R, bytes x, int sign, bint larger, const curve_t* E) except -1:
    if sign not in (0, 1):
        raise ParameterError(f"a sign is 0 or 1, got {sign}")
    read_element(&R[0], x, E)
    if not declassify(pt_from_x(R, sign, larger, E)):
        raise NotOnCurve("no point of the curve has this x")
    return 0


cdef int normalise(element* xy, const element* P, const curve_t* E) except -1:
    if declassify(el_is_zero(&P[2])):
        raise IdentityElement("the identity has no coordinates")
    with nogil:
        pt_affine(xy, P, E)
        mont_wipe_stack()
    return 0


cdef tuple write_point(const element* P, const curve_t* E):
    cdef element xy[2]
    normalise(xy, P, E)
    coordinates = write_element(&xy[0], E), write_element(&xy[1], E)
    mont_wipe(xy, sizeof(xy))
    return coordinates


cdef int sign_of_point(const element* P, bint larger, const curve_t* E) except -1:
    cdef element xy[2]
    normalise(xy, P, E)
    cdef int sign = declassify(el_sign(&xy[1], larger, E))
    mont_wipe(xy, sizeof(xy))
    return sign


cdef bint is_larger_rule(str rule) except -1:
    if rule == "larger":
        return True
    if rule == "parity":
        return False
    raise ParameterError(f"no sign rule is called {rule!r}; there are parity and larger")


cdef int multiply_by_integer(element* R, const element* P, object k, const curve_t* E) except -1:
    # k*P for a public Python integer of any size
    cdef bytes octets = abs(k).to_bytes((k.bit_length() + 7) // 8, "big")
    cdef bint negative = k < 0
    cdef Py_ssize_t at = 0, chunk, size = len(octets)
    cdef const uint8_t* digits = octets_of(octets)
    cdef integer_t part
    cdef element T[3]
    cdef element S[3]
    cdef int i
    with nogil:
        pt_identity(T, E)
        while at < size:                        # T = T * 2^(8 chunk) + part * P
            chunk = min(size - at, INTEGER_OCTETS)
            part.size = chunk
            part.negative = negative
            memcpy(part.octets, digits + at, chunk)
            for i in range(8 * chunk):
                pt_double(T, T, E)
            pt_mul_integer(S, P, &part, E)
            pt_add(T, T, S, E)
            at += chunk
        pt_copy(R, T)
    return 0


cdef Py_ssize_t octets_per_element(bytes u, Py_ssize_t count, int degree) except -1:
    # How long each of the `count` parts of uniform octets is
    if count < 1:
        raise ParameterError(f"a map to the curve needs at least one field element, got {count}")
    if count > len(u) or len(u) % (count * degree):
        raise WrongLength(f"{len(u)} octets cannot be divided into {count} * {degree} equal numbers")
    return len(u) // count


cdef int check_lengths(left, right) except -1:
    if len(left) != len(right):
        raise ParameterError(f"the lists have different lengths, {len(left)} and {len(right)}")
    return 0


cdef void* allocate(size_t size) except NULL:
    cdef void* memory = malloc(size if size else 1)
    if memory == NULL:
        raise MemoryError
    return memory


cdef class Octets:
    """A contiguous buffer of octets, held while C reads it."""

    cdef Py_buffer view

    def __cinit__(self, source):
        PyObject_GetBuffer(source, &self.view, PyBUF_SIMPLE)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)
