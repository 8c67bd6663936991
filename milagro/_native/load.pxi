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
    words_from_octets(z, <const uint8_t*>PyBytes_AS_STRING(octets), 8 * NLIMBS)
    return 0


cdef int load_fp(fp_t* z, object value, const curve_t* E) except -1:
    cdef bytes octets = value.to_bytes(E.field_bytes, "big")
    fp_from_octets(z, <const uint8_t*>PyBytes_AS_STRING(octets), E)
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


cdef tuple product_of(tuple x, tuple y, object p):
    # In Fp or Fp2, as pairs
    return (x[0] * y[0] - x[1] * y[1]) % p, (x[0] * y[1] + x[1] * y[0]) % p


cdef list polynomial_product(list f, list g, object p):
    # Lowest coefficients first
    result = [(0, 0)] * (len(f) + len(g) - 1)
    for i, x in enumerate(f):
        for j, y in enumerate(g):
            z = product_of(x, y, p)
            result[i + j] = ((result[i + j][0] + z[0]) % p, (result[i + j][1] + z[1]) % p)
    return result


cdef list kernel_polynomial(list x_den, list y_den, object p):
    # The monic h with x_den = h^2 and y_den = h^3: h = y_den/x_den, both monic
    rest, h = list(y_den), []
    while len(rest) >= len(x_den):
        lead = rest[len(rest) - 1]
        h.insert(0, lead)
        for j, y in enumerate(x_den):
            z = product_of(lead, y, p)
            at = len(rest) - len(x_den) + j
            rest[at] = ((rest[at][0] - z[0]) % p, (rest[at][1] - z[1]) % p)
        rest.pop()
    square = polynomial_product(h, h, p)
    if square != x_den or polynomial_product(square, h, p) != y_den:
        raise ParameterError("the denominators of an isogeny are not the square and the cube of one polynomial")
    return h


cdef list pairs_of(object terms):
    return [(term[0], term[1] if len(term) > 1 else 0) for term in terms]


cdef list map_constants(object data, map_t* shape, object p):
    # The order of the positions in maps.pxi
    shape.sswu = hasattr(data, "x_num")
    if not shape.sswu:
        return [data.z, data.c1, data.c2, data.c3, data.c4]
    constants = [data.a, data.b, data.z]
    h = kernel_polynomial(pairs_of(data.x_den), pairs_of(data.y_den), p)
    for k, terms in enumerate((data.x_num, data.y_num, h)):
        shape.terms[k] = len(terms)
        constants.extend(terms)
    x_num, y_num, kernel = shape.terms
    if len(constants) > MAP_CONSTANTS or y_num > TERMS:
        raise ParameterError("an isogeny has too many coefficients for the native backend")
    if x_num != 2 * kernel or y_num != 3 * kernel - 2:
        raise ParameterError("the degrees of an isogeny are not those that the native backend works with")
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
    E.lazy = params.p.bit_length() <= 64 * NLIMBS - 2
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
    for k, constant in enumerate(map_constants(params.map_g1, &E.map1, params.p)):
        load_fp(&E.map1_data[k], constant[0], E)
    fp_sqrt(&E.root_of_z, &E.map1_data[SSWU_Z], E)     # read by SSWU only
    fp_mul(&E.root_of_z, &E.root_of_z, &E.map1_data[SSWU_Z], E)
    for k, constant in enumerate(map_constants(params.map_g2, &E.map2, params.p)):
        load_fp2(&E.map2_data[k], constant, E)
    for k in range(2):
        load_fp(&E.g1[k], params.g1[k], E)
        load_fp2(&E.g2[k], params.g2[k], E)
    fp_one(&E.g1[2], E)
    fp2_one(&E.g2[2], E)
    return 0
