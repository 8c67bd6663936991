# One product of pairings with f across the lanes.                                          Spec: spec/curves.md#pairing
# The lines come ready: computing them takes short products one after the other, which words do better.

cdef enum:
    ACROSS_PAIRS = 8        # of which the factors are kept on the stack


cdef void place_residues(fp_t* z, const limb* x, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # n residues of mont.h in the lanes 0 .. n - 1, as plain digits
    cdef limb words[LANES * NLIMBS]
    memset(words, 0, sizeof(words))
    memcpy(words, x, n * NLIMBS * sizeof(limb))
    lanes_gather(z.v, words, NLIMBS)
    mont_wipe(words, sizeof(words))


cdef void load_factors(fp_t* by, const across_pair* pair, const curve_t* E) noexcept nogil:
    # With R' = 2^(64 NLIMBS): a residue m R' times X R^2/R', divided by R, is m X R. So by = X R^2/R' where m stands.
    cdef limb words[6 * NLIMBS]
    cdef int k
    for k in range(4):                          # two real and imaginary parts by P[0], two by P[1]
        memcpy(&words[NLIMBS * k], pair.P + NLIMBS * (k // 2), NLIMBS * sizeof(limb))
    for k in range(4, 6):                       # and one that stays
        memcpy(&words[NLIMBS * k], E.p.words.one, NLIMBS * sizeof(limb))
    place_residues(by, words, 6, E)
    mont_mul(by.v, by.v, E.p.into, &E.p)        # X R
    mont_mul(by.v, by.v, E.p.into, &E.p)        # X R^2/R'
    mont_wipe(words, sizeof(words))


cdef void multiply_by_line(
    fp12_t* f, const across_pair* pair, Py_ssize_t at, const fp_t* by, const curve_t* E,
) noexcept nogil:
    # f times line number `at`, taken at P:
    #   prepared  D: 1 + mX w + nY w^3          M: nY + mX w^2 + w^3
    #   else      D: l0 y + l1 x w + l2 w^3     M: l2 + l1 x w^2 + l0 y w^3
    cdef limb words[6 * NLIMBS]
    cdef fp_t parts
    cdef fp2_t l
    cdef int lanes[3]
    cdef int places[3]
    cdef int k
    if pair.l0 == NULL:
        place_residues(&parts, pair.lines + 4 * NLIMBS * at, 4, E)
    else:                                       # l0, l1, l2
        memcpy(words, pair.l0 + 2 * NLIMBS * at, 2 * NLIMBS * sizeof(limb))
        memcpy(words + 2 * NLIMBS, pair.lines + 4 * NLIMBS * at, 4 * NLIMBS * sizeof(limb))
        place_residues(&parts, words, 6, E)
        mont_wipe(words, sizeof(words))
    mont_mul(parts.v, parts.v, by.v, &E.p)
    l.a = parts                                 # real parts in even lanes; imaginary ones are brought there
    across_odd(l.b.v, parts.v)
    for k in range(3):
        lanes[k] = 2 * k
        places[k] = k + k // 2 if E.d_twist else 3 - k - k // 2      # 0, 1, 3 or 3, 2, 0
    if pair.l0 == NULL:
        across_mul_sparse(
            f.a.v, f.a.v, l.a.v, lanes, places + 1, 2, places[0], E.xi_a, E.xi_b, &E.p,
        )
    else:
        across_mul_sparse(f.a.v, f.a.v, l.a.v, lanes, places, 3, -1, E.xi_a, E.xi_b, &E.p)
    mont_wipe(&parts, sizeof(parts))
    mont_wipe(&l, sizeof(l))


cdef void multiply_by_lines(
    fp12_t* f, const across_pair* pairs, Py_ssize_t n, Py_ssize_t at, const fp_t* by, const curve_t* E,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        multiply_by_line(f, &pairs[j], at, &by[j], E)


cdef void across_loop(
    fp12_t* f, const across_pair* pairs, Py_ssize_t n, const fp_t* by, const curve_t* E,
) noexcept nogil:
    # miller_loop of pairing.pxi, f only
    cdef Py_ssize_t at = 0
    cdef int i
    f[0] = across_of(E).one
    for i in range(1, E.ate_naf.size):          # the first squaring would be that of 1
        if i > 1:
            fp12_sqr(f, f, E)
        multiply_by_lines(f, pairs, n, at, by, E)
        at += 1
        if E.ate_naf.digits[i]:
            multiply_by_lines(f, pairs, n, at, by, E)
            at += 1
    if E.ate_naf.negative:
        fp12_conj(f, f, E)
    if E.bn:
        for i in range(2):
            multiply_by_lines(f, pairs, n, at, by, E)
            at += 1


cdef void write_tower(limb* f, const fp12_t* x, const curve_t* E) noexcept nogil:
    # 12 residues of mont.h: of w^0, w^2, w^4, w^1, w^3, w^5
    cdef limb real[LANES * NLIMBS]
    cdef limb imaginary[LANES * NLIMBS]
    cdef int k, lane
    lanes_to_residues(real, x.a.v, NLIMBS, &E.p)
    lanes_to_residues(imaginary, x.b.v, NLIMBS, &E.p)
    for k in range(6):
        lane = 2 * (k % 3) + k // 3
        memcpy(f + 2 * NLIMBS * k, &real[NLIMBS * lane], NLIMBS * sizeof(limb))
        memcpy(f + 2 * NLIMBS * k + NLIMBS, &imaginary[NLIMBS * lane], NLIMBS * sizeof(limb))
    mont_wipe(real, sizeof(real))
    mont_wipe(imaginary, sizeof(imaginary))


cdef void product(
    const void* curve, limb* f, limb* is_one, const across_pair* pairs, Py_ssize_t count,
) noexcept nogil:
    cdef const curve_t* E = <const curve_t*>curve
    cdef fp12_t x, y
    cdef fp_t by[ACROSS_PAIRS]
    cdef Py_ssize_t at, j, some
    enter_lanes(&E.p)
    x = across_of(E).one
    for at in range(0, count, 8):
        some = min(count - at, <Py_ssize_t>ACROSS_PAIRS)
        for j in range(some):
            load_factors(&by[j], &pairs[at + j], E)
        across_loop(&y, pairs + at, some, by, E)
        if at:
            fp12_mul(&x, &x, &y, E)
        else:
            x = y
    if f != NULL:
        final_exponentiation(&x, E)
        write_tower(f, &x, E)
    else:
        is_one[0] = final_exponentiation_is_one(&x, E)
    mont_wipe(&x, sizeof(x))
    mont_wipe(&y, sizeof(y))
    mont_wipe(by, sizeof(by))
    across_wipe_stack()


cdef void load_across(across_t* A) noexcept nogil:
    # One, and the constants of Frobenius, each coefficient in its lane
    cdef const curve_t* E = &A.E
    cdef fp2_t power, t
    cdef int k
    fp2_one(&t, E)
    fp2_move(&A.one, &t, 1)
    memset(&power, 0, sizeof(power))
    fp_one(&power.a, E)
    for k in range(6):
        fp2_move(&A.frobenius, &E.gamma[k], <limb>1 << k)
        fp2_move(&A.frobenius2, &power, <limb>1 << k)
        fp_mul(&power.a, &power.a, &E.zeta, E)


cdef class Engine:
    """One product of pairings of one curve, and what it needs."""

    cdef across_t* A
    cdef across_table functions

    def __cinit__(self, params):
        self.A = <across_t*>lanes_allocate(sizeof(across_t))
        if self.A == NULL:
            raise MemoryError
        memset(self.A, 0, sizeof(across_t))
        load_moduli(&self.A.E, params)
        if self.A.E.p.shift == 0 or sum(params.xi) > ACROSS_XI_SUM or params.xi[1] > ACROSS_XI:
            raise ParameterError(f"{params.name} does not fit the lanes")
        enter_lanes(&self.A.E.p)
        load_curve(&self.A.E, params)
        load_across(self.A)
        self.functions.curve = self.A
        self.functions.product = product

    def __dealloc__(self):
        free(self.A)

    def table(self):
        """A capsule over the across_table, which lives as long as this object."""
        return PyCapsule_New(&self.functions, "milagro.across", NULL)
