# Sums of many multiples of points of order r or 1 by public scalars, in variable time (Pippenger 1976, in the form of
# Bernstein, Doumen, Lange, Oosterwijk, eprint 2012/549, section 4): for each window of the short scalars every point
# goes, with its sign, to the bucket of its digit; the buckets are summed pairwise in affine coordinates, one inversion
# for all pairs of a round; and sum j B_j comes from running sums.       Spec: spec/curves.md#scalar-multiplication
# A scalar of at most WHOLE bits, such as the random weights of a batch, is short already and stays in one part.

cdef enum:
    STRAUS_MOST_G1 = 28     # points up to which a table for each, and shared doublings, are cheaper than buckets
    STRAUS_MOST_G2 = 16
    LANES_SUM = 16          # parts in G1 from which on eight lanes cost less
    GROUPED = 8192          # points in the windows that are summed together, at least one window
    WHOLE = 128             # bits

cdef struct pair_of_points_t:
    Py_ssize_t left         # the right one is next to it
    bint twice


cdef void el_invert_all(element* x, element* products, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # x_i -> 1/x_i for x_i other than 0, by one inversion (Montgomery 1987)
    cdef element t, u
    cdef Py_ssize_t i
    if n == 0:
        return
    products[0] = x[0]
    for i in range(1, n):
        el_mul(&products[i], &products[i - 1], &x[i], E)
    el_inv(&t, &products[n - 1], E)
    for i in range(n - 1, 0, -1):
        el_mul(&u, &t, &products[i - 1], E)
        el_mul(&t, &t, &x[i], E)
        x[i] = u
    x[0] = t


cdef Py_ssize_t pt_affine_all(
    element* xy, scalar_t* k, const element* P, Py_ssize_t n, element* work, const curve_t* E,
) noexcept nogil:
    # (x, y) of all P but the identities, whose scalars are left out too; their number. work: 2n
    cdef element t
    cdef Py_ssize_t i, count = 0
    for i in range(n):
        if not el_is_zero(&P[3 * i + 2]):
            work[count] = P[3 * i + 2]
            xy[2 * count] = P[3 * i]
            xy[2 * count + 1] = P[3 * i + 1]
            k[count] = k[i]
            count += 1
    el_invert_all(work, &work[count], count, E)
    for i in range(count):
        t = work[i]
        el_mul(&xy[2 * i], &xy[2 * i], &t, E)
        el_mul(&xy[2 * i + 1], &xy[2 * i + 1], &t, E)
    return count


# ---- parts of scalars ------------------------------------------------------------------------------------------

cdef inline bint is_whole(const scalar_t* k, bint whole) noexcept nogil:
    # Whether k has at most WHOLE bits, where those are to be left whole
    cdef limb rest = 0
    cdef int i
    for i in range(WHOLE // 64, NLIMBS):
        rest |= k.v[i]
    return whole and rest == 0


cdef int short_parts(scalar_t* a, const scalar_t* k, bint whole, const split_t* D) noexcept nogil:
    # The parts of k, which is public, and their number
    if is_whole(k, whole):
        a[0] = k[0]
        return 1
    scalar_split(a, k, D)
    return D.parts


cdef struct parts_of_all_t:
    Py_ssize_t count
    int bits                # the most that one has
    bint whole


cdef void count_parts(parts_of_all_t* A, const scalar_t* k, Py_ssize_t n, const split_t* D) noexcept nogil:
    # Where a scalar that stays whole would make the loop longer, there must be more than a few that do
    cdef Py_ssize_t i, short = 0
    for i in range(n):
        short += is_whole(&k[i], True)
    A.whole = short > (0 if D.bits >= WHOLE - 2 else 2)
    A.bits = max(D.bits, WHOLE) if A.whole else D.bits
    A.count = D.parts * (n - short) + (short if A.whole else D.parts * short)


# ---- few points ------------------------------------------------------------------------------------------------

cdef void pt_straus(
    element* R, const element* P, const scalar_t* k, Py_ssize_t n, const parts_of_all_t* A, element* tables,
    element* work, int8_t* digits, const curve_t* E,
) noexcept nogil:
    # P: projective, not the identity; tables: A.count parts 2 ODD; work: 2n; digits: A.count parts SHORT_DIGITS
    cdef const split_t* D = el_split(<const element*>R, E)
    cdef scalar_t a[PARTS]
    cdef element T[3]
    cdef element t, s
    cdef element* table = tables
    cdef Py_ssize_t i, part = 0
    cdef int j, parts
    for i in range(n):
        jac_odd_multiples(table, &work[i], &P[3 * i], E)
        table += 2 * ODD * (1 if is_whole(&k[i], A.whole) else D.parts)
    el_invert_all(work, &work[n], n, E)
    table = tables
    for i in range(n):                      # to the curve itself, where all points can meet
        el_sqr(&t, &work[i], E)
        el_mul(&s, &t, &work[i], E)
        for j in range(ODD):
            el_mul(&table[2 * j], &table[2 * j], &t, E)
            el_mul(&table[2 * j + 1], &table[2 * j + 1], &s, E)
        parts = short_parts(a, &k[i], A.whole, D)
        el_images(table, ODD, parts, E)
        for j in range(parts):
            split_naf(&digits[SHORT_DIGITS * part], A.bits + 1, a[j].v, NAF_WIDTH)
            part += 1
        table += 2 * ODD * parts
    jac_sum_of_nafs(T, tables, digits, part, A.bits + 1, E)
    jac_to_projective(R, T, E)


# ---- many points -----------------------------------------------------------------------------------------------

cdef int bucket_width(Py_ssize_t n, int bits) noexcept nogil:
    # The width c with the fewest products: a window costs 6 for each of n points and 23 for each of 2^(c-1) buckets
    cdef int c, best = 2
    cdef double cost, least = 0
    for c in range(2, 17):
        cost = (bits // c + 1) * (6.0 * n + 23.0 * (1 << (c - 1)))
        if least == 0 or cost < least:
            least = cost
            best = c
    return best


cdef void sort_by_digit(
    element* ordered, Py_ssize_t* begins, Py_ssize_t* sizes, Py_ssize_t offset, const element* xy, const scalar_t* a,
    Py_ssize_t n, int at, int width, const curve_t* E,
) noexcept nogil:
    # The points with their signs, from ordered[offset] on, in the order of the sizes of their digits, 0 left out:
    # bucket j = 0 .. 2^(width-1) - 1 holds the digits j + 1
    cdef Py_ssize_t i, where, buckets = 1 << (width - 1)
    cdef limb size, sign
    memset(sizes, 0, buckets * sizeof(Py_ssize_t))
    for i in range(n):
        size = split_digit(a[i].v, at, width, &sign)
        if size:
            sizes[size - 1] += 1
    for i in range(buckets):
        begins[i] = offset
        offset += sizes[i]
        sizes[i] = 0
    for i in range(n):
        size = split_digit(a[i].v, at, width, &sign)
        if size:
            where = begins[size - 1] + sizes[size - 1]
            sizes[size - 1] += 1
            ordered[2 * where] = xy[2 * i]
            if sign:
                el_neg(&ordered[2 * where + 1], &xy[2 * i + 1], E)
            else:
                ordered[2 * where + 1] = xy[2 * i + 1]


cdef void add_pair(element* R, const element* P, const element* inverse, bint twice, const curve_t* E) noexcept nogil:
    # The sum of the two points at P, by their slope: (y_2 - y_1)/(x_2 - x_1), or 3x^2/2y for twice the same
    cdef element slope, x, t
    if twice:
        el_sqr(&t, &P[0], E)
        el_add(&slope, &t, &t, E)
        el_add(&slope, &slope, &t, E)
    else:
        el_sub(&slope, &P[3], &P[1], E)
    el_mul(&slope, &slope, inverse, E)
    el_sqr(&x, &slope, E)
    el_sub(&x, &x, &P[0], E)
    el_sub(&x, &x, &P[2], E)
    el_sub(&t, &P[0], &x, E)
    el_mul(&t, &t, &slope, E)
    el_sub(&R[1], &t, &P[1], E)
    R[0] = x


cdef void halve_buckets(
    element* ordered, Py_ssize_t* begins, Py_ssize_t* sizes, Py_ssize_t buckets, element* inverses, element* products,
    pair_of_points_t* pairs, const curve_t* E,
) noexcept nogil:
    # One round: neighbours in each bucket are added; opposite ones disappear
    cdef Py_ssize_t b, i, left, n = 0, put, take
    cdef element d
    for b in range(buckets):
        for i in range(sizes[b] // 2):
            left = begins[b] + 2 * i
            pairs[n].left = left
            pairs[n].twice = False
            el_sub(&d, &ordered[2 * left + 2], &ordered[2 * left], E)
            if el_is_zero(&d):
                if not el_equal(&ordered[2 * left + 1], &ordered[2 * left + 3]):
                    continue
                pairs[n].twice = True
                el_add(&d, &ordered[2 * left + 1], &ordered[2 * left + 1], E)
            inverses[n] = d
            n += 1
    el_invert_all(inverses, products, n, E)
    take = 0
    for b in range(buckets):
        put = begins[b]
        while take < n and pairs[take].left < begins[b] + sizes[b]:
            add_pair(&ordered[2 * put], &ordered[2 * pairs[take].left], &inverses[take], pairs[take].twice, E)
            put += 1
            take += 1
        if sizes[b] & 1:
            left = begins[b] + sizes[b] - 1
            ordered[2 * put] = ordered[2 * left]
            ordered[2 * put + 1] = ordered[2 * left + 1]
            put += 1
        sizes[b] = put - begins[b]


cdef void sum_of_buckets(
    element* R, const element* ordered, const Py_ssize_t* begins, const Py_ssize_t* sizes, Py_ssize_t buckets,
    const curve_t* E,
) noexcept nogil:
    # sum j B_j for B_j of one point or none: the sum over j of B_j + B_(j+1) + ..
    cdef element running[3]
    cdef Py_ssize_t b
    pt_identity(running, E)
    pt_identity(R, E)
    for b in range(buckets - 1, -1, -1):
        if sizes[b]:
            pt_add_affine(running, running, &ordered[2 * begins[b]], E)
        pt_add(R, R, running, E)


cdef bint any_pair(const Py_ssize_t* sizes, Py_ssize_t buckets) noexcept nogil:
    cdef Py_ssize_t b
    for b in range(buckets):
        if sizes[b] > 1:
            return True
    return False


cdef void pt_pippenger(
    element* R, const element* xy, const scalar_t* a, Py_ssize_t n, int bits, int width, int group, element* ordered,
    element* work, pair_of_points_t* pairs, Py_ssize_t* places, const curve_t* E,
) noexcept nogil:
    # xy, a: the points with all their images, the parts of all scalars. `group` windows share the inversions, with
    # m = n group: ordered: 2m; work: m + 2; pairs: m/2 + 1; places: group 2^width
    cdef Py_ssize_t buckets = 1 << (width - 1), all_buckets
    cdef Py_ssize_t* begins = places
    cdef Py_ssize_t* sizes = places + group * buckets
    cdef element T[3]
    cdef element S[3]
    cdef int i, j, windows, top = bits // width
    pt_identity(T, E)
    while top >= 0:
        windows = min(group, top + 1)
        all_buckets = windows * buckets
        for j in range(windows):
            sort_by_digit(
                ordered, &begins[j * buckets], &sizes[j * buckets], j * n, xy, a, n, top - j, width, E,
            )
        while any_pair(sizes, all_buckets):
            halve_buckets(ordered, begins, sizes, all_buckets, work, &work[n * windows // 2 + 1], pairs, E)
        for j in range(windows):
            for i in range(width):
                pt_double(T, T, E)
            sum_of_buckets(S, ordered, &begins[j * buckets], &sizes[j * buckets], buckets, E)
            pt_add(T, T, S, E)
        top -= windows
    pt_copy(R, T)


cdef int pt_msm_straus(
    element* R, const element* P, const scalar_t* k, Py_ssize_t n, const parts_of_all_t* A, const curve_t* E,
) except -1:
    cdef size_t table_size = A.count * 2 * ODD * sizeof(element), work_size = 2 * n * sizeof(element)
    cdef uint8_t* memory = <uint8_t*>allocate(table_size + work_size + A.count * SHORT_DIGITS)
    with nogil:
        pt_straus(
            R, P, k, n, A, <element*>memory, <element*>(memory + table_size),
            <int8_t*>(memory + table_size + work_size), E,
        )
        free(memory)
    return 0


cdef int pt_msm_buckets(
    element* R, const element* P, scalar_t* k, Py_ssize_t n, const parts_of_all_t* A, const curve_t* E,
) except -1:
    cdef const split_t* D = el_split(P, E)
    cdef Py_ssize_t i, count, part = 0, m = A.count
    cdef int parts, width = bucket_width(m, A.bits)
    cdef int group = max(1, min(A.bits // width + 1, <int>(GROUPED // m)))
    cdef Py_ssize_t g = m * group
    cdef size_t elements = 2 * m + 2 * g + max(g + 2, 2 * n), pairs_size = (g // 2 + 1) * sizeof(pair_of_points_t)
    cdef size_t places_size = (<size_t>group << width) * sizeof(Py_ssize_t)
    cdef uint8_t* memory = <uint8_t*>allocate(
        elements * sizeof(element) + m * sizeof(scalar_t) + pairs_size + places_size
    )
    cdef element* xy = <element*>memory
    cdef element* ordered = xy + 2 * m
    cdef element* work = ordered + 2 * g
    cdef scalar_t* a = <scalar_t*>(xy + elements)
    cdef pair_of_points_t* pairs = <pair_of_points_t*>(a + m)
    cdef Py_ssize_t* places = <Py_ssize_t*>(<uint8_t*>pairs + pairs_size)
    with nogil:
        count = pt_affine_all(ordered, k, P, n, work, E)
        for i in range(count):
            xy[2 * part] = ordered[2 * i]
            xy[2 * part + 1] = ordered[2 * i + 1]
            parts = short_parts(&a[part], &k[i], A.whole, D)
            el_images(&xy[2 * part], 1, parts, E)
            part += parts
        pt_pippenger(R, xy, a, part, A.bits, width, group, ordered, work, pairs, places, E)
        free(memory)
    return 0


cdef int g1_msm_lanes(
    fp_t* R, const fp_t* P, scalar_t* k, Py_ssize_t n, const parts_of_all_t* A, const curve_t* E,
) except -1:
    # The same, the windows being summed by lanes_sums.pxi
    cdef Py_ssize_t i, count, part = 0, m = A.count
    cdef int parts, j, fault, width = bucket_width(m, A.bits), windows = A.bits // width + 1
    cdef Py_ssize_t elements = 2 * m + 2 * n + 2 * n + 3 * windows
    cdef fp_t* xy = <fp_t*>allocate(elements * sizeof(fp_t) + m * sizeof(scalar_t))
    cdef fp_t* affine = xy + 2 * m
    cdef fp_t* sums = affine + 4 * n
    cdef scalar_t* a = <scalar_t*>(xy + elements)
    with nogil:
        count = pt_affine_all(affine, k, P, n, affine + 2 * n, E)
        for i in range(count):
            xy[2 * part] = affine[2 * i]
            xy[2 * part + 1] = affine[2 * i + 1]
            parts = short_parts(&a[part], &k[i], A.whole, &E.glv)
            el_images(&xy[2 * part], 1, parts, E)
            part += parts
        fault = E.lanes.window_sums(E.lanes.curve, sums.v, xy.v, a.v, part, A.bits, width)
        pt_identity(R, E)
        for i in range(windows - 1, -1, -1):
            for j in range(width):
                pt_double(R, R, E)
            pt_add(R, R, &sums[3 * i], E)
        free(xy)
    if fault:
        raise MemoryError
    return 0


cdef int pt_msm_vartime(element* R, element* P, scalar_t* k, Py_ssize_t n, const curve_t* E) except -1:
    # sum k_i P_i for public k_i; P and k are used up
    cdef Py_ssize_t i, count = 0, straus_most = STRAUS_MOST_G2
    cdef parts_of_all_t A
    if element is fp_t:
        straus_most = STRAUS_MOST_G1
    for i in range(n):
        if not el_is_zero(&P[3 * i + 2]) and not mont_is_zero(k[i].v):
            pt_copy(&P[3 * count], &P[3 * i])
            k[count] = k[i]
            count += 1
    count_parts(&A, k, count, el_split(<const element*>P, E))
    if count == 0:
        pt_identity(R, E)
    elif element is fp_t and E.lanes != NULL and A.count >= LANES_SUM:
        g1_msm_lanes(R, P, k, count, &A, E)
    elif A.count <= straus_most * el_split(<const element*>P, E).parts:
        pt_msm_straus(R, <const element*>P, k, count, &A, E)
    else:
        pt_msm_buckets(R, <const element*>P, k, count, &A, E)
    return 0
