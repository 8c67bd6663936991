# The word arithmetic and the batch inversion by themselves, on Python's public integers: for differential tests only.

cdef object integer_of(const limb* x, int words):
    return int.from_bytes((<const uint8_t*>x)[:8 * words], "little")


cdef int words_of(limb* z, object value, int words) except -1:
    cdef bytes octets = value.to_bytes(8 * words, "little")
    memcpy(z, PyBytes_AS_STRING(octets), 8 * words)
    return 0


cdef int operand_words(str name) noexcept:
    return 2 * NLIMBS if "wide" in name or "redc" in name else NLIMBS


cdef int apply_kernel(limb* Z, str name, const limb* X, const limb* Y, const mont_modulus* M) except -1:
    # The number of words of the result in Z
    if name == "add":
        mont_add(Z, X, Y, M)
    elif name == "sub":
        mont_sub(Z, X, Y, M)
    elif name == "neg":
        mont_neg(Z, X, M)
    elif name == "halve":
        mont_halve(Z, X, M)
    elif name == "mul":
        mont_mul(Z, X, Y, M)
    elif name == "sqr":
        mont_sqr(Z, X, M)
    elif name == "square":
        mont_square(Z, X)
        return 2 * NLIMBS
    elif name == "product":
        mont_product(Z, X, Y)
        return 2 * NLIMBS
    elif name == "redc":
        mont_redc(Z, X, M)
    elif name == "wide_add":
        mont_wide_add(Z, X, Y, M)
        return 2 * NLIMBS
    elif name == "wide_sub":
        mont_wide_sub(Z, X, Y, M)
        return 2 * NLIMBS
    elif name == "wide_sub_plain":
        mont_wide_sub_plain(Z, X, Y)
        return 2 * NLIMBS
    elif name == "tower_plain_add":
        tower_plain_add(Z, X, Y)
    elif name == "tower_add":
        tower_add(Z, X, Y, M)
    elif name == "tower_sub":
        tower_sub(Z, X, Y, M)
    elif name == "tower_product":
        tower_product(Z, X, Y)
        return 2 * NLIMBS
    elif name == "tower_redc":
        tower_redc(Z, X, M)
    elif name == "tower_wide_add":
        tower_wide_add(Z, X, Y, M)
        return 2 * NLIMBS
    elif name == "tower_wide_sub":
        tower_wide_sub(Z, X, Y, M)
        return 2 * NLIMBS
    elif name == "tower_wide_sub_both":
        memset(Z, 255, 2 * NLIMBS * sizeof(limb))
        tower_wide_sub_both(Z, X, Y)
        return 2 * NLIMBS
    elif name == "inverse":
        mont_inverse(Z, X, M)
    elif name == "pow":
        mont_pow(Z, X, Y, M)
    elif name == "jacobi":
        memset(Z, 0, NLIMBS * sizeof(limb))
        Z[0] = <limb>mont_jacobi(X, M)
    elif name == "jacobi_vartime":
        memset(Z, 0, NLIMBS * sizeof(limb))
        Z[0] = <limb>mont_jacobi_vartime(X, M)
    else:
        raise ParameterError(f"no kernel is called {name!r}")
    return NLIMBS


def kernel(str name not None, object modulus, object x, object y):
    """What one function of mont.h gives: R is 2^(64 words); x and y as the function allows them.

    Raises: ParameterError for another name
    """
    cdef mont_modulus M
    cdef limb X[2 * NLIMBS]
    cdef limb Y[2 * NLIMBS]
    cdef limb Z[2 * NLIMBS]
    words_of(M.m, modulus, NLIMBS)
    mont_setup(&M)
    words_of(X, x, operand_words(name))
    words_of(Y, y, operand_words(name))
    cdef int words = apply_kernel(Z, name, X, Y, &M)
    if name in ("jacobi", "jacobi_vartime"):
        return <int64_t>Z[0]
    return integer_of(Z, words)


def kernels(str name not None, object modulus, bytes xs not None, bytes ys not None):
    """The same function for many operands: numbers in little-endian words one behind the other, in and out.

    Raises: ParameterError for another name, WrongLength for octets that are no such numbers
    """
    cdef mont_modulus M
    cdef limb X[2 * NLIMBS]
    cdef limb Y[2 * NLIMBS]
    cdef limb Z[2 * NLIMBS]
    cdef Py_ssize_t at, width = operand_words(name) * sizeof(limb)
    cdef int words
    if len(xs) % width or len(xs) != len(ys):
        raise WrongLength(f"the operands of {name} have {width} octets each, and there are as many of both")
    words_of(M.m, modulus, NLIMBS)
    mont_setup(&M)
    cdef list results = []
    for at in range(0, len(xs), width):
        memcpy(X, octets_of(xs) + at, width)
        memcpy(Y, octets_of(ys) + at, width)
        words = apply_kernel(Z, name, X, Y, &M)
        results.append(PyBytes_FromStringAndSize(<const char*>Z, words * sizeof(limb)))
    return b"".join(results)


def inverses(CurveData curve not None, list values not None):
    """The inverses of elements of Fp or Fp2 in octets, 0 for 0, by one inversion."""
    if values and len(values[0]) == curve.E.field_bytes:
        return inverses_of(values, <fp_t*>NULL, &curve.E)
    return inverses_of(values, <fp2_t*>NULL, &curve.E)


cdef list inverses_of(list values, element* _, const curve_t* E):
    cdef Py_ssize_t i, n = len(values)
    cdef element* z = <element*>allocate(2 * n * sizeof(element))
    try:
        for i in range(n):
            read_element(&z[i], values[i], E)
        el_inv_batch(z, z + n, n, E)
        inverted = []
        for i in range(n):
            inverted.append(write_element(<const element*>&z[i], E))
        return inverted
    finally:
        free(z)
