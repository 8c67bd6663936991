# From a data sheet of milagro.params to a curve_t. Everything here is public; it runs once for a curve.

from milagro.errors import (
    IdentityElement,
    InvalidFlags,
    NonCanonical,
    NotInSubgroup,
    NotOnCurve,
    ParameterError,
    WrongLength,
)

cdef int load_limbs(limb* z, object value) except -1:
    cdef bytes octets = value.to_bytes(8 * NLIMBS, "big")
    mont_from_octets(z, <const uint8_t*>PyBytes_AS_STRING(octets), 8 * NLIMBS)
    return 0


cdef int load_fp(fp_t* z, object value, const curve_t* E) except -1:
    load_limbs(z.v, value)
    mont_enter(z.v, z.v, &E.p)
    return 0


cdef int load_fp2(fp2_t* z, object value, const curve_t* E) except -1:
    load_fp(&z.a, value[0], E)
    load_fp(&z.b, value[1], E)
    return 0


cdef int load_integer(integer_t* z, object value) except -1:
    cdef Py_ssize_t size = (value.bit_length() + 7) // 8
    if size > INTEGER_OCTETS:
        raise ParameterError("a constant of the curve is too long for the native backend")
    cdef bytes octets = abs(value).to_bytes(size, "big")
    memcpy(z.octets, PyBytes_AS_STRING(octets), size)
    z.size = size
    z.negative = value < 0
    return 0


cdef list signed_digits(object magnitude):
    # The non-adjacent form, most significant digit first
    digits = []
    while magnitude:
        digit = 2 - magnitude % 4 if magnitude & 1 else 0
        digits.append(digit)
        magnitude = (magnitude - digit) >> 1
    return digits[::-1]


cdef int load_naf(naf_t* z, object value) except -1:
    cdef list digits = signed_digits(abs(value))
    cdef int i
    if len(digits) > NAF_DIGITS:
        raise ParameterError("a loop of the curve is too long for the native backend")
    z.size = len(digits)
    z.negative = value < 0
    for i in range(z.size):
        z.digits[i] = digits[i]
    return 0


cdef int load_split(split_t* D, object data) except -1:
    # Entries of the basis in two's complement
    cdef int i, j
    cdef object two = 2
    cdef object radix = two ** (64 * NLIMBS)
    D.parts = len(data.basis)
    D.bits = data.bits
    D.digits = data.bits // DIGIT + 1
    if D.parts > PARTS or D.bits + NAF_WIDTH > SHORT_DIGITS or D.bits + DIGIT >= 64 * NLIMBS:
        raise ParameterError("a decomposition of scalars does not fit the native backend")
    for j in range(D.parts):
        load_limbs(D.factors[j], data.factors[j] % radix)
        D.factors[j][NLIMBS] = data.factors[j] // radix
        for i in range(D.parts):
            load_limbs(D.basis[j][i], data.basis[j][i] % radix)
    return 0


cdef list map_constants(object data, map_t* shape):
    # The order of the positions in maps.pxi
    shape.sswu = hasattr(data, "x_num")
    if not shape.sswu:
        return [data.z, data.c1, data.c2, data.c3, data.c4]
    constants = [data.a, data.b, data.z]
    for k, terms in enumerate((data.x_num, data.x_den, data.y_num, data.y_den)):
        shape.terms[k] = len(terms)
        constants.extend(terms)
    if len(constants) > MAP_CONSTANTS:
        raise ParameterError("an isogeny has too many coefficients for the native backend")
    return constants


cdef int load_moduli(curve_t* E, object params) except -1:
    p, r = params.p, params.r
    if p.bit_length() > 64 * NLIMBS or r.bit_length() > 64 * NLIMBS or r.bit_length() <= 64 or p % 4 != 3:
        raise ParameterError(f"{params.name} does not fit {NLIMBS} words, or its p is not 3 mod 4")
    load_limbs(E.p.m, p)
    load_limbs(E.r.m, r)
    mont_setup(&E.p)
    mont_setup(&E.r)
    load_limbs(E.root.v, (p + 1) // 4)
    load_limbs(E.root_inverse.v, (p - 3) // 4)
    E.places = r.bit_length() // DIGIT + 1
    E.field_bytes = params.field_bytes
    E.scalar_bytes = params.scalar_bytes
    return 0


cdef int load_frobenius(curve_t* E, object params) except -1:
    # gamma_k = gamma_1^k; psi by c^2 and c^3, c = gamma_1 or its inverse.
    cdef fp2_t c
    cdef int k
    load_fp2(&c, params.frobenius, E)
    fp2_one(&E.gamma[0], E)
    for k in range(1, 6):
        fp2_mul(&E.gamma[k], &E.gamma[k - 1], &c, E)
    if not E.d_twist:
        fp2_inv(&c, &c, E)
    fp2_sqr(&E.psi_x, &c, E)
    fp2_mul(&E.psi_y, &E.psi_x, &c, E)
    return 0


cdef int load_curve(curve_t* E, object params) except -1:
    cdef int k
    load_moduli(E, params)
    E.bn = params.family == "BN"
    E.d_twist = params.twist == "D"
    E.b3 = 3 * params.b
    E.xi_a, E.xi_b = params.xi
    if E.xi_a == 0 or E.xi_b == 0 or params.b == 0:
        raise ParameterError(f"{params.name} has a zero where the native backend multiplies by small numbers")
    load_fp(&E.b, params.b, E)
    load_fp2(&E.twist_b, params.twist_b, E)
    fp2_add(&E.twist_b3, &E.twist_b, &E.twist_b, E)
    fp2_add(&E.twist_b3, &E.twist_b3, &E.twist_b, E)
    load_frobenius(E, params)
    load_fp(&E.beta, params.cube_root_of_unity, E)
    load_split(&E.glv, params.glv)
    load_split(&E.gls, params.gls)
    load_integer(&E.order, params.r)
    load_integer(&E.cofactor, params.cofactor_g1)
    load_naf(&E.seed_naf, params.u)
    load_naf(&E.ate_naf, params.ate_loop)
    load_pairing(E, params)
    for k, constant in enumerate(map_constants(params.map_g1, &E.map1)):
        load_fp(&E.map1_data[k], constant[0], E)
    fp_sqrt(&E.root_of_z, &E.map1_data[SSWU_Z], E)     # read by SSWU only
    for k, constant in enumerate(map_constants(params.map_g2, &E.map2)):
        load_fp2(&E.map2_data[k], constant, E)
    for k in range(2):
        load_fp(&E.g1[k], params.g1[k], E)
        load_fp2(&E.g2[k], params.g2[k], E)
    fp_one(&E.g1[2], E)
    fp2_one(&E.g2[2], E)
    return 0


cdef class CurveData:
    """The constants of one curve in native form, filled from a milagro.params.CurveParams."""

    cdef curve_t E
    cdef readonly str name
    cdef fp_t* g1_table     # of fixed.pxi, or NULL
    cdef fp2_t* g2_table

    def __cinit__(self, params):
        memset(&self.E, 0, sizeof(curve_t))
        self.name = params.name
        load_curve(&self.E, params)

    def __dealloc__(self):
        free(self.g1_table)
        free(self.g2_table)

    def __repr__(self):
        return f"<native operations of {self.name}>"

    def __reduce__(self):
        raise TypeError("native curves cannot be pickled; ask milagro.backend for the curve again")
