# Fp12 across the lanes by itself, on Python's public integers: for differential tests only.

def across_kernel(str name not None, Engine engine not None, list x not None, list y not None):
    """What one function of across.h gives: columns of eight integers, the real parts and then the imaginary ones.

    x and y are such columns, of residues of lanes.h. Of y a sparse product takes lanes 0, 2 and 4, at 1, w and w^3.

    Raises: ParameterError for another name
    """
    cdef const curve_t* E = &engine.A.E
    cdef fp2_t* X = <fp2_t*>allocate(3 * sizeof(fp2_t))
    cdef int* lanes = [0, 2, 4]
    cdef int* places = [0, 1, 3]
    try:
        enter_lanes(&E.p)
        read_columns(X[0].a.v, x)
        read_columns(X[1].a.v, y)
        if name == "mul":
            fp12_mul(&X[2], &X[0], &X[1], E)
        elif name == "sqr":
            fp12_sqr(&X[2], &X[0], E)
        elif name == "cyclotomic_sqr":
            fp12_cyclotomic_sqr(&X[2], &X[0], E)
        elif name == "conj":
            fp12_conj(&X[2], &X[0], E)
        elif name == "mul_sparse":
            across_mul_sparse(X[2].a.v, X[0].a.v, X[1].a.v, lanes, places, 3, -1, E.xi_a, E.xi_b, &E.p)
        elif name == "mul_monic":
            across_mul_sparse(X[2].a.v, X[0].a.v, X[1].a.v, lanes, places + 1, 2, 0, E.xi_a, E.xi_b, &E.p)
        else:
            raise ParameterError(f"no kernel is called {name!r}")
        return write_columns(X[2].a.v, 2 * DIGITS)
    finally:
        free(X)
