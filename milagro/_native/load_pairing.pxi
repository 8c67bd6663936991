# What the pairing needs of a curve_t: constants of Frobenius, the shape of powers of u, and the lattice of gt.pxi.

cdef list shorter_digits(object magnitude):
    # The bits if no more of them are set than in the non-adjacent form, which may be one digit longer
    bits = [int(bit) for bit in f"{magnitude:b}"]
    naf = signed_digits(magnitude)
    return bits if sum(bits) <= sum(map(abs, naf)) else naf


cdef list odd_digits(object magnitude):
    # Digits 0, +-1, +-3, +-5, +-7 with three zeros after each other one, most significant first (width-4 NAF)
    digits = []
    while magnitude:
        digit = (magnitude & 15) - (16 if magnitude & 8 else 0) if magnitude & 1 else 0
        digits.append(digit)
        magnitude = (magnitude - digit) >> 1
    return digits[::-1]


cdef int load_digits(naf_t* z, list digits, bint negative) except -1:
    cdef int i
    if len(digits) > NAF_DIGITS:
        raise ParameterError("a loop of the curve is too long for the native backend")
    z.size = len(digits)
    z.negative = negative
    for i in range(z.size):
        z.digits[i] = digits[i]
    return 0


cdef tuple cheapest_run(list places):
    # The digits (first, last) between which compressed squarings cost least, and that cost; unit: a squaring in Fp2.
    # A cyclotomic squaring 9, compressed 6, its decompression about 12, their inversion about 60.
    top = len(places) - 1
    best = (9 * places[top], top, top)
    for first in range(-1, top):
        for last in range(first + 1, top + 1):
            start = places[first] if first >= 0 else 0
            saved = 3 * (places[last] - start) - 12 * (last - first) - 60
            best = min(best, (9 * places[top] - saved, first, last))
    return best[1], best[2], best[0]


cdef int load_seed_power(curve_t* E, object u) except -1:
    # By runs if that is cheaper than odd digits from a table; a product in Fp12 costs about 19 squarings in Fp2.
    cdef list digits = shorter_digits(abs(u))
    cdef list places = [k for k, digit in enumerate(reversed(digits)) if digit]
    cdef list windows = odd_digits(abs(u))
    cdef int i
    load_digits(&E.seed_power.windows, windows, u < 0)
    E.seed_power.by_runs = 0
    if len(places) > SEED_RUNS:
        return 0
    first, last, cost = cheapest_run(places)
    cost += 19 * (len(places) - 1)
    if cost > 9 * len(windows) + 19 * (SEED_TABLE - 2 + sum(map(bool, windows))):
        return 0
    E.seed_power.by_runs = 1
    E.seed_power.count = len(places)
    E.seed_power.first = first
    E.seed_power.last = last
    for i in range(E.seed_power.count):
        E.seed_power.place[i] = places[i]
        E.seed_power.sign[i] = digits[len(digits) - 1 - places[i]]
    return 0


cdef int load_small_b3(curve_t* E, object twist_b, object p) except -1:
    # 3b' = scale*(a + ib) with a in {1, 2} and b in {-2, -1, 1, 2} where scale is small
    cdef object re = 3 * twist_b[0] % p
    cdef object im = 3 * twist_b[1] % p
    E.b3_scale = 0
    for a in (1, 2):
        for b in (1, 2, -1, -2):
            scale = re // a
            if scale * a == re and 0 < scale < 32 and (scale * b - im) % p == 0:
                E.b3_scale, E.b3_a, E.b3_b = scale, a, b
                return 0
    return 0


cdef object minor(list rows, int without_row, int without_column):
    cdef list m = [
        [x for k, x in enumerate(row) if k != without_column] for k, row in enumerate(rows) if k != without_row
    ]
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


cdef int load_words(limb* z, object value, int count) except -1:
    # The lowest words of a number, negative ones as complement to two
    cdef int i
    for i in range(count):
        z[i] = (value >> (64 * i)) & 0xFFFFFFFFFFFFFFFF
    return 0


cdef int load_lattice(curve_t* E, object params) except -1:
    # The lattice of gt.pxi: rows b, lam*b, lam^2*b, lam^3*b in Z[lam]/(lam^4 - lam^2 + 1), and the ratios N_i/r, where
    # k*(1, 0, 0, 0) = sum k N_i/r * row i.
    cdef int i, j
    u = params.u
    row = [u + 1, u, u, -2 * u] if E.bn else [u, -1, 0, 0]
    rows = []
    for i in range(4):
        rows.append(row)
        row = [-row[3], row[0], row[1] + row[3], row[2]]
    numerators = [-minor(rows, i, 0) if i % 2 else minor(rows, i, 0) for i in range(4)]
    if sum(numerators[i] * rows[i][0] for i in range(4)) != params.r:
        raise ParameterError("the seed does not make the order of the curve")
    for i in range(4):
        E.gt_lattice.minus[i] = numerators[i] < 0
        shifted = abs(numerators[i]) << (64 * (NLIMBS + 1))
        load_words(E.gt_lattice.ratio[i], (shifted + params.r // 2) // params.r, NLIMBS + 1)
        for j in range(4):
            load_words(E.gt_lattice.basis[i][j], rows[i][j], GLS_WORDS)
    longest = max(sum(abs(rows[i][j]) for i in range(4)) for j in range(4))
    E.gt_lattice.bits = (longest // 2 + 2).bit_length()
    if E.gt_lattice.bits + 1 > GLS_BITS:
        raise ParameterError("the seed is too long for the native backend")
    return 0


cdef int load_pairing(curve_t* E, object params) except -1:
    fp2_norm(&E.zeta, &E.gamma[1], E)
    fp_sqr(&E.zeta2, &E.zeta, E)
    load_digits(&E.ate_naf, shorter_digits(abs(params.ate_loop)), params.ate_loop < 0)
    load_seed_power(E, params.u)
    load_small_b3(E, params.twist_b, params.p)
    return load_lattice(E, params)
