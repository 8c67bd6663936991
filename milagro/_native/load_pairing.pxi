# What the pairing needs of a curve_t: constants of Frobenius and the shape of powers of u.

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


cdef int load_pairing(curve_t* E, object params) except -1:
    fp2_norm(&E.zeta, &E.gamma[1], E)
    fp_sqr(&E.zeta2, &E.zeta, E)
    load_digits(&E.ate_naf, shorter_digits(abs(params.ate_loop)), params.ate_loop < 0)
    load_seed_power(E, params.u)
    load_small_b3(E, params.twist_b, params.p)
    if E.gls.parts != 4 or E.gls.bits + 1 > GLS_BITS or params.gls.eigenvalue != (params.t - 1) % params.r:
        raise ParameterError("the scalars of G2 are not cut into the parts of an exponent in GT")
    return 0
