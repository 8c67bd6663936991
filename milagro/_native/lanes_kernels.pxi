# The lane arithmetic by itself, on Python's public integers: for differential tests only.

cdef int read_columns(digit* z, list columns) except -1:
    # Columns of eight integers, signed or not
    cdef limb row[LANES]
    cdef int i, k
    for i in range(len(columns)):
        for k in range(LANES):
            row[k] = columns[i][k] & 0xFFFFFFFFFFFFFFFF
        z[i] = lane_load(row)
    return 0


cdef list write_columns(const digit* x, int count):
    cdef limb row[LANES]
    cdef int i, k
    columns = []
    for i in range(count):
        lane_store(row, x[i])
        columns.append([<int64_t>row[k] for k in range(LANES)])
    return columns


def kernel(str name not None, object modulus, list x not None, list y not None):
    """What one function of lanes.h gives: columns of eight integers, or of both parts in Fp2, or a mask.

    R is 2^(52 digits); x and y are lists of columns, as the function takes them.

    Raises: ParameterError for another name, or a modulus that lanes.h does not take
    """
    cdef mont_modulus* M = <mont_modulus*>lanes_allocate(sizeof(mont_modulus) + 16 * DIGITS * sizeof(digit))
    cdef bytes octets = modulus.to_bytes(8 * NLIMBS, "big")
    if M == NULL:
        raise MemoryError
    try:
        words_from_octets(M.m, <const uint8_t*>PyBytes_AS_STRING(octets), 8 * NLIMBS)
        mont_setup(M)
        if M.shift == 0:
            raise ParameterError("the modulus does not fit the lanes")
        enter_lanes(M)
        return run_kernel(name, M, <digit*>(M + 1), x, y)
    finally:
        free(M)


cdef object run_kernel(str name, mont_modulus* M, digit* X, list x, list y):
    cdef digit* Y = X + 4 * DIGITS
    cdef digit* Z = X + 8 * DIGITS
    cdef int count = 1
    read_columns(X, x)
    read_columns(Y, y)
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
    elif name == "redc":
        mont_redc(Z, X, M)
    elif name == "canonical":
        lanes_canonical(Z, X, M)
    elif name == "inverse":
        mont_inverse(Z, X, M)
        mont_mul(Z, Z, M.r3, M)
    elif name == "enter":
        mont_enter(Z, X, M)
    elif name == "leave":
        mont_leave(Z, X, M)
    elif name == "is_zero":
        return mont_is_zero(X)
    elif name == "equal":
        return mont_equal(X, Y)
    elif name == "odd":
        return mont_odd(X, M)
    else:
        count = run_wide_kernel(name, M, X, Y, Z)
    return write_columns(Z, count * DIGITS)


cdef int run_wide_kernel(str name, mont_modulus* M, const digit* X, const digit* Y, digit* Z) except -1:
    # The length of what comes out, in numbers
    if name == "product":
        mont_product(Z, X, Y)
    elif name == "wide_add":
        mont_wide_add(Z, X, Y, M)
    elif name == "wide_sub":
        mont_wide_sub(Z, X, Y, M)
    elif name == "fp2_mul":
        lanes_fp2_mul(Z, Z + DIGITS, X, X + DIGITS, Y, Y + DIGITS, M)
    elif name == "fp2_sqr":
        lanes_fp2_sqr(Z, Z + DIGITS, X, X + DIGITS, M)
    elif name == "fp2_product":
        lanes_fp2_product(Z, Z + 2 * DIGITS, X, X + DIGITS, Y, Y + DIGITS)
        return 4
    elif name == "fp2_square_product":
        lanes_fp2_square_product(Z, Z + 2 * DIGITS, X, X + DIGITS, M)
        return 4
    else:
        raise ParameterError(f"no kernel is called {name!r}")
    return 2
