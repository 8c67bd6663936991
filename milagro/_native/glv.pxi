# Multiples by secret scalars, cut into short ones by an endomorphism: Gallant, Lambert, Vanstone (Crypto 2001) in G1,
# Galbraith, Lin, Scott (eprint 2008/194) with psi and four parts in G2. Points of order r or 1 only.
# Spec: spec/curves.md#scalar-multiplication
#
# Each part a_i is read in signed digits d of DIGIT bits, |d| <= MULTIPLES, all parts at once from the top. The proofs
# of tools/derive_params.py give |a_i| < 2^bits, and that the Jacobian additions never meet their exceptions. Before d
# P_i is added, P_i = eigenvalue^i P, part i of the sum T is a multiple of 2^DIGIT > |d|: as vectors T = +-d P_i only
# if d = 0. And no difference of two such vectors is a relation of the lattice other than 0: before the last window it
# is too short, and in the last it would give a short vector a second decomposition. What is left are d = 0 and T = O,
# which masks handle.


cdef inline const split_t* el_split(const element* which, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return &E.glv
    else:
        return &E.gls


cdef void scalar_split(scalar_t* a, const scalar_t* k, const split_t* D) noexcept nogil:
    # a = (k, 0, ..) - sum c_j b_j, c_j = k beta_j rounded                  (milagro.params.Decomposition)
    cdef limb c[NLIMBS]
    cdef int i, j
    memset(a, 0, D.parts * sizeof(scalar_t))
    a[0] = k[0]
    for j in range(D.parts):
        split_round(c, k.v, D.factors[j])
        for i in range(D.parts):
            split_subtract(a[i].v, c, D.basis[j][i])
    mont_wipe(c, sizeof(c))


cdef void el_endomorphism(element* xy, const element* P, const curve_t* E) noexcept nogil:
    # The endomorphism of the group on (x, y)
    if element is fp_t:
        fp_mul(&xy[0], &P[0], &E.beta, E)
        xy[1] = P[1]
    else:
        fp2_twisted_conj(&xy[0], &P[0], &E.psi_x, E)
        fp2_twisted_conj(&xy[1], &P[1], &E.psi_y, E)


cdef void jac_select(element* xy, const element* table, limb size, limb sign, const curve_t* E) noexcept nogil:
    # size*P with the sign, having read every entry; (0, 0) for size 0
    cdef size_t words = 2 * sizeof(element) // sizeof(limb)
    cdef element minus
    cdef int i
    memset(xy, 0, 2 * sizeof(element))
    for i in range(MULTIPLES):
        mont_gather(<limb*>xy, <const limb*>&table[2 * i], words, mont_word_equal(size, i + 1))
    el_neg(&minus, &xy[1], E)
    el_move(&xy[1], &minus, sign)


cdef void jac_accumulate(element* T, const element* xy, limb skip, const curve_t* E) noexcept nogil:
    # T + (x, y) where T may be the identity but is not (x, y), or T where skip = 1
    cdef element S[3]
    cdef element one
    cdef limb start = el_is_zero(&T[2]) & mont_not(skip)
    jac_add_affine(S, T, xy, E)
    el_one(&one, E)
    el_move(&T[0], &S[0], mont_not(skip))
    el_move(&T[1], &S[1], mont_not(skip))
    el_move(&T[2], &S[2], mont_not(skip))
    el_move(&T[0], &xy[0], start)
    el_move(&T[1], &xy[1], start)
    el_move(&T[2], &one, start)


cdef void pt_mul(element* R, const element* P, const scalar_t* k, const curve_t* E) noexcept nogil:
    # k*P for a secret k and P of order r or 1
    cdef element tables[PARTS * 2 * MULTIPLES]
    cdef element T[3]
    cdef element xy[2]
    cdef element z
    cdef scalar_t a[PARTS]
    cdef limb size, sign
    cdef const split_t* D = el_split(P, E)
    cdef int i, at
    scalar_split(a, k, D)
    jac_multiples(tables, &z, P, E)
    for i in range(2 * MULTIPLES, D.parts * 2 * MULTIPLES, 2):
        el_endomorphism(&tables[i], &tables[i - 2 * MULTIPLES], E)
    memset(T, 0, sizeof(T))
    for at in range(D.digits - 1, -1, -1):
        if at != D.digits - 1:
            for i in range(DIGIT):
                jac_double(T, T, E)
        for i in range(D.parts):
            size = split_digit(a[i].v, at, DIGIT, &sign)
            jac_select(xy, &tables[2 * MULTIPLES * i], size, sign, E)
            jac_accumulate(T, xy, mont_word_equal(size, 0), E)
    el_mul(&T[2], &T[2], &z, E)             # back from the isomorphic curve
    jac_to_projective(R, T, E)
    mont_wipe(tables, sizeof(tables))
    mont_wipe(T, sizeof(T))
    mont_wipe(xy, sizeof(xy))
    mont_wipe(&z, sizeof(z))
    mont_wipe(a, sizeof(a))
    mont_wipe(&size, sizeof(size))
    mont_wipe(&sign, sizeof(sign))


# ---- sums ------------------------------------------------------------------------------------------------------
# Several points can meet in every way. In G1 they share the doublings and the additions are complete; in G2 complete
# additions cost more than the shared doublings save, so there a sum of multiples is just that.

cdef enum:
    CHUNK = 64              # points that share doublings; bounds the memory


cdef inline void pt_endomorphism(element* R, const element* P, const curve_t* E) noexcept nogil:
    el_endomorphism(R, P, E)
    if element is fp_t:
        R[2] = P[2]
    else:
        fp2_conj(&R[2], &P[2], E)


cdef void pt_prepare(element* tables, scalar_t* a, const curve_t* E) noexcept nogil:
    # tables begins with P and a with k: makes P .. MULTIPLES*P with their images of them, and the parts of k
    cdef const split_t* D = el_split(<const element*>tables, E)
    cdef scalar_t k = a[0]
    cdef int i
    for i in range(1, MULTIPLES):
        pt_add(&tables[3 * i], &tables[3 * (i - 1)], tables, E)
    for i in range(3 * MULTIPLES, 3 * MULTIPLES * D.parts, 3):
        pt_endomorphism(&tables[i], &tables[i - 3 * MULTIPLES], E)
    scalar_split(a, &k, D)
    mont_wipe(&k, sizeof(k))


cdef inline void pt_select(element* R, const element* table, limb size, limb sign, const curve_t* E) noexcept nogil:
    # size*P with the sign, having read every entry; the identity for size 0
    cdef size_t words = 3 * sizeof(element) // sizeof(limb)
    cdef element t
    cdef int i
    memset(R, 0, 3 * sizeof(element))
    for i in range(MULTIPLES):
        mont_gather(<limb*>R, <const limb*>&table[3 * i], words, mont_word_equal(size, i + 1))
    el_one(&t, E)
    el_move(&R[1], &t, mont_word_equal(size, 0))
    el_neg(&t, &R[1], E)
    el_move(&R[1], &t, sign)


cdef void pt_sum_of_multiples(
    element* R, const element* tables, const scalar_t* a, Py_ssize_t n, const curve_t* E,
) noexcept nogil:
    # sum k_i P_i for secret k_i, from the tables of each P_i and the parts of each k_i: shared doublings, one masked
    # look-up and one addition for each digit.
    cdef element T[3]
    cdef element entry[3]
    cdef limb size, sign
    cdef const split_t* D = el_split(<const element*>R, E)
    cdef Py_ssize_t j
    cdef int i, at
    pt_identity(T, E)
    for at in range(D.digits - 1, -1, -1):
        if at != D.digits - 1:
            for i in range(DIGIT):
                pt_double(T, T, E)
        for j in range(n * D.parts):
            size = split_digit(a[j].v, at, DIGIT, &sign)
            pt_select(entry, &tables[3 * MULTIPLES * j], size, sign, E)
            pt_add(T, T, entry, E)
    pt_copy(R, T)
    mont_wipe(T, sizeof(T))
    mont_wipe(entry, sizeof(entry))
    mont_wipe(&size, sizeof(size))
    mont_wipe(&sign, sizeof(sign))


cdef int pt_msm(element* R, const element* P, const scalar_t* k, Py_ssize_t n, const curve_t* E) except -1:
    # sum k_i P_i for secret k_i
    cdef size_t parts = el_split(P, E).parts, table = 3 * MULTIPLES * parts
    cdef size_t size = min(n, <Py_ssize_t>CHUNK) * (table * sizeof(element) + parts * sizeof(scalar_t))
    cdef element* tables
    cdef scalar_t* a
    cdef element S[3]
    cdef Py_ssize_t i, at = 0, chunk
    if element is fp_t:
        tables = <element*>allocate(size)
        a = <scalar_t*>(tables + min(n, <Py_ssize_t>CHUNK) * table)
        with nogil:
            pt_identity(R, E)
            while at < n:
                chunk = min(n - at, <Py_ssize_t>CHUNK)
                for i in range(chunk):
                    pt_copy(&tables[table * i], &P[3 * (at + i)])
                    a[parts * i] = k[at + i]
                    pt_prepare(&tables[table * i], &a[parts * i], E)
                pt_sum_of_multiples(S, tables, a, chunk, E)
                pt_add(R, R, S, E)
                at += chunk
            mont_wipe(tables, size)
            free(tables)
    else:
        with nogil:
            pt_identity(R, E)
            for i in range(n):
                pt_mul(S, &P[3 * i], &k[i], E)
                pt_add(R, R, S, E)
    mont_wipe(S, sizeof(S))
    return 0
