# The operations of lanes_table.h: groups of eight from arrays of words, through the same text as single values.

cdef inline Py_ssize_t lane_item(Py_ssize_t at, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    # Which value lane k of the group that begins at `at` works on: the first one again in a group that is not full
    return at + k if at + k < n else at


cdef void read_residues(fp_t* z, const limb* const* rows, Py_ssize_t offset, const curve_t* E) noexcept nogil:
    # The residue `offset` residues behind each of eight pointers
    cdef limb words[LANES * NLIMBS]
    cdef int k
    for k in range(LANES):
        memcpy(&words[NLIMBS * k], rows[k] + NLIMBS * offset, NLIMBS * sizeof(limb))
    lanes_from_residues(z.v, words, NLIMBS, &E.p)
    mont_wipe(words, sizeof(words))


cdef void write_residues(
    limb* const* rows, Py_ssize_t offset, const fp_t* x, Py_ssize_t n, const curve_t* E,
) noexcept nogil:
    # The first n lanes, as residues
    cdef limb words[LANES * NLIMBS]
    cdef int k
    lanes_to_residues(words, x.v, NLIMBS, &E.p)
    for k in range(n):
        memcpy(rows[k] + NLIMBS * offset, &words[NLIMBS * k], NLIMBS * sizeof(limb))
    mont_wipe(words, sizeof(words))


cdef inline int el_degree(const element* _) noexcept nogil:
    return sizeof(element) // sizeof(fp_t)


cdef void read_points(element* P, const limb* const* rows, int coordinates, const curve_t* E) noexcept nogil:
    cdef int i
    for i in range(coordinates * el_degree(P)):
        read_residues(<fp_t*>P + i, rows, i, E)


cdef void write_points(limb* R, Py_ssize_t at, Py_ssize_t n, const element* P, const curve_t* E) noexcept nogil:
    # To point `at` and those behind it, as many as there are lanes and points
    cdef limb* rows[LANES]
    cdef Py_ssize_t k, size = min(n - at, <Py_ssize_t>LANES)
    cdef int i, step = 3 * el_degree(P)
    for k in range(size):
        rows[k] = R + NLIMBS * step * (at + k)
    for i in range(step):
        write_residues(rows, i, <const fp_t*>P + i, size, E)


# ---- multiples -------------------------------------------------------------------------------------------------

cdef void lanes_select(
    element* xy, const element* table, const limb* size, limb sign, const curve_t* E,
) noexcept nogil:
    # jac_select with a size and a sign for each lane: every entry is read
    cdef size_t digits = 2 * sizeof(element) // sizeof(digit)
    cdef element minus
    cdef int i
    memset(xy, 0, 2 * sizeof(element))
    for i in range(MULTIPLES):
        lanes_pick(<digit*>xy, <const digit*>&table[2 * i], digits, lanes_where(size, i + 1))
    el_neg(&minus, &xy[1], E)
    el_move(&xy[1], &minus, sign)


cdef void lanes_mul(element* R, const element* P, const scalar_t* k, const curve_t* E) noexcept nogil:
    # pt_mul with a scalar for each lane
    cdef element tables[PARTS * 2 * MULTIPLES]
    cdef element T[3]
    cdef element xy[2]
    cdef element z
    cdef scalar_t a[LANES][PARTS]
    cdef limb size[LANES]
    cdef limb sign, signs
    cdef const split_t* D = el_split(P, E)
    cdef int i, j, at
    for j in range(LANES):
        scalar_split(a[j], &k[j], D)
    jac_multiples(tables, &z, P, E)
    for i in range(2 * MULTIPLES, D.parts * 2 * MULTIPLES, 2):
        el_endomorphism(&tables[i], &tables[i - 2 * MULTIPLES], E)
    memset(T, 0, sizeof(T))
    for at in range(D.digits - 1, -1, -1):
        if at != D.digits - 1:
            for i in range(DIGIT):
                jac_double(T, T, E)
        for i in range(D.parts):
            signs = 0
            for j in range(LANES):
                size[j] = split_digit(a[j][i].v, at, DIGIT, &sign)
                signs |= sign << j
            lanes_select(xy, &tables[2 * MULTIPLES * i], size, signs, E)
            jac_accumulate(T, xy, lanes_where(size, 0), E)
    el_mul(&T[2], &T[2], &z, E)             # back from the isomorphic curve
    jac_to_projective(R, T, E)
    mont_wipe(tables, sizeof(tables))
    mont_wipe(T, sizeof(T))
    mont_wipe(xy, sizeof(xy))
    mont_wipe(&z, sizeof(z))
    mont_wipe(a, sizeof(a))
    mont_wipe(size, sizeof(size))
    mont_wipe(&signs, sizeof(signs))


cdef void multiply_groups(
    const element* _, const curve_t* E, limb* R, const limb* P, Py_ssize_t next_point, const limb* k,
    Py_ssize_t next_scalar, Py_ssize_t n,
) noexcept nogil:
    cdef element T[3]
    cdef scalar_t scalars[LANES]
    cdef const limb* rows[LANES]
    cdef Py_ssize_t at, j, item
    enter_lanes(&E.p)
    for at in range(0, n, 8):
        for j in range(LANES):
            item = lane_item(at, j, n)
            rows[j] = P + NLIMBS * 3 * el_degree(_) * next_point * item
            memcpy(&scalars[j], k + NLIMBS * next_scalar * item, sizeof(scalar_t))
        read_points(T, rows, 3, E)
        lanes_mul(T, T, scalars, E)
        write_points(R, at, n, T, E)
    mont_wipe(T, sizeof(T))
    mont_wipe(scalars, sizeof(scalars))
    lanes_wipe_stack()


cdef void multiply_g1(
    const void* curve, limb* R, const limb* P, Py_ssize_t next_point, const limb* k, Py_ssize_t next_scalar,
    Py_ssize_t n,
) noexcept nogil:
    multiply_groups(<const fp_t*>NULL, <const curve_t*>curve, R, P, next_point, k, next_scalar, n)


cdef void multiply_g2(
    const void* curve, limb* R, const limb* P, Py_ssize_t next_point, const limb* k, Py_ssize_t next_scalar,
    Py_ssize_t n,
) noexcept nogil:
    multiply_groups(<const fp2_t*>NULL, <const curve_t*>curve, R, P, next_point, k, next_scalar, n)


# ---- hashing ---------------------------------------------------------------------------------------------------

cdef void reduce_lanes(fp_t* z, const uint8_t* const* octets, const size_t* size, const curve_t* E) noexcept nogil:
    # hash_to_field on octets that are uniform already, for each lane
    cdef limb words[LANES * NLIMBS]
    cdef int k
    for k in range(LANES):
        words_reduce_octets(&words[NLIMBS * k], octets[k], size[k], &E.p.words)
    lanes_gather(z.v, words, NLIMBS)
    mont_enter(z.v, z.v, &E.p)
    mont_wipe(words, sizeof(words))


cdef void hash_groups(
    const element* _, const curve_t* E, limb* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, Py_ssize_t n,
) noexcept nogil:
    # hash_to_point for each message
    cdef element t[ROWS]
    cdef element S[3]
    cdef const uint8_t* octets[LANES]
    cdef size_t part[LANES]
    cdef Py_ssize_t at, i, j, k, row, rows
    enter_lanes(&E.p)
    for k in range(LANES):
        part[k] = size // el_degree(_)
    for at in range(0, n, 8):
        i = 0
        while i < count:
            rows = min(count - i, <Py_ssize_t>ROWS)
            for row in range(rows):
                for j in range(el_degree(_)):
                    for k in range(LANES):
                        octets[k] = u + (lane_item(at, k, n) * count + i + row) * size + j * <Py_ssize_t>part[0]
                    reduce_lanes(<fp_t*>&t[row] + j, octets, part, E)
            add_maps(S, i > 0, t, rows, False, E)
            i += rows
        finish_maps(S, E)
        clear_cofactor(S, S, E)
        write_points(R, at, n, S, E)
    mont_wipe(t, sizeof(t))
    mont_wipe(S, sizeof(S))
    lanes_wipe_stack()


cdef void hash_g1(
    const void* curve, limb* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, Py_ssize_t n,
) noexcept nogil:
    hash_groups(<const fp_t*>NULL, <const curve_t*>curve, R, u, size, count, n)


cdef void hash_g2(
    const void* curve, limb* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, Py_ssize_t n,
) noexcept nogil:
    hash_groups(<const fp2_t*>NULL, <const curve_t*>curve, R, u, size, count, n)


cdef void map_original_g1(
    const void* curve, limb* R, uint8_t* found, const uint8_t* const* h, const size_t* size, Py_ssize_t n,
) noexcept nogil:
    # map_original_g1 of maps_original.pxi. Each lane tries the x of one message, and takes the next message once it has
    # found a point, so that no lane waits for another.                    Spec: spec/curves.md#map-original-g1
    cdef const curve_t* E = <const curve_t*>curve
    cdef fp_t one, value, start
    cdef fp_t T[3]
    cdef const uint8_t* octets[LANES]
    cdef size_t sizes[LANES]
    cdef Py_ssize_t item[LANES]
    cdef Py_ssize_t k, j, begun = 0, busy = 0
    cdef limb hit, fresh = LANES_ALL
    enter_lanes(&E.p)
    fp_one(&one, E)
    fp_one(&T[0], E)
    for k in range(LANES):
        item[k] = -1
        octets[k], sizes[k] = h[0], size[0]
    while begun < n or busy:
        if fresh and begun < n:                     # new messages for the lanes that are free
            for k in range(LANES):
                if fresh >> k & 1 and begun < n:
                    item[k], octets[k], sizes[k] = begun, h[begun], size[begun]
                    begun += 1
                    busy += 1
            reduce_lanes(&start, octets, sizes, E)
            mont_move(T[0].v, start.v, fresh)
        el_curve_value(&value, &T[0], E)
        hit = fp_sqrt(&T[1], &value, E) & mont_not(mont_is_zero(value.v))
        fp_neg(&start, &T[1], E)
        mont_move(T[1].v, start.v, fp_sgn0(&T[1], E))
        fresh = 0
        T[2] = one
        for k in range(LANES):
            if item[k] < 0:
                fresh |= <limb>1 << k
            elif hit >> k & 1:
                fresh |= <limb>1 << k
                busy -= 1
        for j in range(3):
            write_some(R, j, &T[j], hit, item, E)
        for k in range(LANES):
            if fresh >> k & 1:
                item[k] = -1
        fp_add(&T[0], &T[0], &one, E)
    clear_original(R, found, n, E)


cdef void write_some(
    limb* R, Py_ssize_t offset, const fp_t* x, limb lanes, const Py_ssize_t* item, const curve_t* E,
) noexcept nogil:
    # A coordinate of the points of the lanes in the mask that work on an item
    cdef limb words[LANES * NLIMBS]
    cdef int k
    lanes_to_residues(words, x.v, NLIMBS, &E.p)
    for k in range(LANES):
        if lanes >> k & 1 and item[k] >= 0:
            memcpy(R + NLIMBS * (3 * item[k] + offset), &words[NLIMBS * k], NLIMBS * sizeof(limb))


cdef void clear_original(limb* R, uint8_t* found, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # Times the cofactor; found_i = 0 where that is the identity
    cdef fp_t T[3]
    cdef const limb* rows[LANES]
    cdef Py_ssize_t at, k
    cdef limb vanishes
    for at in range(0, n, 8):
        for k in range(LANES):
            rows[k] = R + NLIMBS * 3 * lane_item(at, k, n)
        vanishes = 0
        if not E.bn:
            read_points(T, rows, 3, E)
            pt_mul_integer(T, T, &E.cofactor, E)
            vanishes = mont_is_zero(T[2].v)
            write_points(R, at, n, <const fp_t*>T, E)
        for k in range(min(n - at, <Py_ssize_t>LANES)):
            found[at + k] = not vanishes >> k & 1


# ---- pairings --------------------------------------------------------------------------------------------------

cdef void read_lines(fp2_t* lines, const limb* const* rows, Py_ssize_t count, const curve_t* E) noexcept nogil:
    # 2*count coefficients of each lane's prepared point
    cdef Py_ssize_t i
    for i in range(4 * count):
        read_residues(<fp_t*>lines + i, rows, i, E)


cdef bint all_equal(const limb* const* Q, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    # Whether every item has the same prepared point here
    cdef Py_ssize_t i
    for i in range(1, n):
        if Q[m * i] != Q[0]:
            return 0
    return 1


cdef void place_group(
    pair_t* pairs, fp2_t* lines, const limb* const* P, const limb* const* Q, const uint8_t* prepared,
    Py_ssize_t m, Py_ssize_t at, Py_ssize_t n, const curve_t* E,
) noexcept nogil:
    # The pairs of one group; lines that all items share are there already when it is not the first
    cdef const limb* rows[LANES]
    cdef Py_ssize_t j, k, count = count_lines(E), used = 0
    for j in range(m):
        for k in range(LANES):
            rows[k] = P[m * lane_item(at, k, n) + j]
        read_points(pairs[j].P, rows, 3, E)
        for k in range(LANES):
            rows[k] = Q[m * lane_item(at, k, n) + j]
        pairs[j].lines = NULL
        if prepared[j]:
            pairs[j].lines = lines + 2 * count * used
            if at == 0 or not all_equal(Q + j, m, n):
                read_lines(lines + 2 * count * used, rows, count, E)
            used += 1
        else:
            read_points(pairs[j].Q, rows, 3, E)


cdef void write_group(limb* f, Py_ssize_t at, Py_ssize_t n, const fp12_t* x, const curve_t* E) noexcept nogil:
    cdef limb* rows[LANES]
    cdef Py_ssize_t k, i, size = min(n - at, <Py_ssize_t>LANES)
    for k in range(size):
        rows[k] = f + NLIMBS * 12 * (at + k)
    for i in range(12):
        write_residues(rows, i, <const fp_t*>x + i, size, E)


cdef int products(
    const void* curve, limb* f, uint8_t* is_one, const limb* const* P, const limb* const* Q, const uint8_t* prepared,
    Py_ssize_t m, Py_ssize_t n,
) noexcept nogil:
    cdef const curve_t* E = <const curve_t*>curve
    cdef Py_ssize_t at, j, k, fixed = 0
    cdef size_t size
    cdef pair_t* pairs
    cdef fp12_t x
    cdef limb ones
    enter_lanes(&E.p)
    for j in range(m):
        fixed += prepared[j] != 0
    size = m * sizeof(pair_t) + 2 * count_lines(E) * fixed * sizeof(fp2_t)
    pairs = <pair_t*>lanes_allocate(size)
    if pairs == NULL:
        return -1
    for at in range(0, n, 8):
        place_group(pairs, <fp2_t*>(pairs + m), P, Q, prepared, m, at, n, E)
        affine_pairs(pairs, m, E)
        miller_loop(&x, pairs, m, E)
        if f != NULL:
            final_exponentiation(&x, E)
            write_group(f, at, n, &x, E)
        else:
            ones = final_exponentiation_is_one(&x, E)
            for k in range(min(n - at, <Py_ssize_t>LANES)):
                is_one[at + k] = ones >> k & 1
    mont_wipe(pairs, size)
    free(pairs)
    mont_wipe(&x, sizeof(x))
    lanes_wipe_stack()
    return 0


# ---- the table ---------------------------------------------------------------------------------------------------

cdef class Engine:
    """The operations of one curve on groups of eight, and what they need."""

    cdef curve_t* E
    cdef lanes_table functions

    def __cinit__(self, params):
        self.E = <curve_t*>lanes_allocate(sizeof(curve_t))
        if self.E == NULL:
            raise MemoryError
        memset(self.E, 0, sizeof(curve_t))
        load_engine(self.E, params)
        self.functions.curve = self.E
        self.functions.multiply_g1 = multiply_g1
        self.functions.multiply_g2 = multiply_g2
        self.functions.hash_g1 = hash_g1
        self.functions.hash_g2 = hash_g2
        self.functions.map_original_g1 = map_original_g1
        self.functions.products = products
        self.functions.window_sums = window_sums

    def __dealloc__(self):
        free(self.E)

    def table(self):
        """A capsule over the lanes_table, which lives as long as this object."""
        return PyCapsule_New(&self.functions, "milagro.lanes", NULL)


cdef int load_engine(curve_t* E, object params) except -1:
    cdef object two = 2, R = two ** (52 * DIGITS)
    cdef object products = 20 * sum(params.xi) + 4      # in a sum, at most: the heading of lanes_redc
    load_moduli(E, params)
    if E.p.shift == 0 or products * (2 * DIGITS - 1) > 2016 or 4 * products * params.p > 13 * R:
        raise ParameterError(f"{params.name} does not fit the lanes")
    enter_lanes(&E.p)
    return load_curve(E, params)
