# Sums of many multiples of points of G1 by public scalars: the buckets of msm.pxi, eight pairs of points added at once
# and eight windows summed at once. In variable time.                Spec: spec/curves.md#scalar-multiplication
#
# Points are rows of digits in memory: (x, y) where they are added, (x, y, -y) as they come.

cdef extern from "lanes_rows.h":
    void lanes_read_rows(digit* z, const limb* rows, const int64_t* index) noexcept nogil
    void lanes_write_rows(limb* rows, const int64_t* index, const digit* z, limb mask) noexcept nogil

cdef enum:
    ROW = 2 * DIGITS
    SOURCE_ROW = 3 * DIGITS
    ROWS_TOGETHER = 32768   # rows in the windows that are worked off together, at least eight windows

cdef struct row_pair_t:
    Py_ssize_t left         # the right one is next to it
    Py_ssize_t put          # where the sum goes
    bint twice
    bint vanishes


cdef void rows_of_points(limb* rows, const limb* xy, Py_ssize_t n, const curve_t* E) noexcept nogil:
    cdef const limb* points[LANES]
    cdef int64_t index[LANES]
    cdef fp_t x, y, minus
    cdef limb mask
    cdef Py_ssize_t at, j
    for at in range(0, n, 8):
        for j in range(LANES):
            points[j] = xy + 2 * NLIMBS * lane_item(at, j, n)
            index[j] = SOURCE_ROW * (at + j)
        read_residues(&x, points, 0, E)
        read_residues(&y, points, 1, E)
        fp_neg(&minus, &y, E)
        mask = (<limb>1 << min(n - at, <Py_ssize_t>LANES)) - 1
        lanes_write_rows(rows, index, x.v, mask)
        lanes_write_rows(rows + DIGITS, index, y.v, mask)
        lanes_write_rows(rows + 2 * DIGITS, index, minus.v, mask)


cdef void sort_rows(
    limb* ordered, Py_ssize_t* begins, Py_ssize_t* sizes, Py_ssize_t offset, const limb* rows, const scalar_t* a,
    Py_ssize_t n, int at, int width, int* digits,
) noexcept nogil:
    # As sort_by_digit of msm.pxi
    cdef Py_ssize_t i, where, buckets = 1 << (width - 1)
    cdef limb size, sign
    cdef const limb* row
    memset(sizes, 0, buckets * sizeof(Py_ssize_t))
    for i in range(n):
        size = split_digit(a[i].v, at, width, &sign)
        digits[i] = -<int>size if sign else <int>size
        if size:
            sizes[size - 1] += 1
    for i in range(buckets):
        begins[i] = offset
        offset += sizes[i]
        sizes[i] = 0
    for i in range(n):
        if digits[i] == 0:
            continue
        size = digits[i] if digits[i] > 0 else -digits[i]
        where = begins[size - 1] + sizes[size - 1]
        sizes[size - 1] += 1
        row = rows + SOURCE_ROW * i
        memcpy(ordered + ROW * where, row, DIGITS * sizeof(limb))
        row += DIGITS if digits[i] > 0 else 2 * DIGITS
        memcpy(ordered + ROW * where + DIGITS, row, DIGITS * sizeof(limb))


cdef Py_ssize_t find_pairs(
    row_pair_t* pairs, const Py_ssize_t* begins, const Py_ssize_t* sizes, Py_ssize_t buckets,
) noexcept nogil:
    # Neighbours in each bucket
    cdef Py_ssize_t b, i, n = 0
    for b in range(buckets):
        for i in range(sizes[b] // 2):
            pairs[n].left = begins[b] + 2 * i
            pairs[n].twice = pairs[n].vanishes = False
            n += 1
    return n


cdef void equal_x(
    fp_t* d, row_pair_t* pairs, limb zero, const fp_t* y, const fp_t* z, const curve_t* E,
) noexcept nogil:
    # d = 0 in these lanes: twice the same point, with 2y in the place of d, or two opposite ones, with 1
    cdef fp_t t
    cdef limb same = zero & mont_equal(y.v, z.v)
    cdef int j
    fp_add(&t, y, y, E)
    mont_move(d.v, t.v, same)
    fp_one(&t, E)
    mont_move(d.v, t.v, zero & ~same)
    for j in range(LANES):
        pairs[j].twice = same >> j & 1
        pairs[j].vanishes = (zero & ~same) >> j & 1


cdef inline void places(int64_t* left, int64_t* right, const row_pair_t* pairs) noexcept nogil:
    cdef int j
    for j in range(LANES):
        left[j] = ROW * pairs[j].left
        right[j] = left[j] + ROW


cdef void invert_differences(
    fp_t* inverses, fp_t* d, row_pair_t* pairs, Py_ssize_t n, const limb* ordered, const curve_t* E,
) noexcept nogil:
    # What the slopes are divided by, for n pairs, a multiple of eight
    cdef int64_t left[LANES]
    cdef int64_t right[LANES]
    cdef fp_t x, y, t
    cdef limb zero
    cdef Py_ssize_t c
    fp_one(&t, E)
    for c in range(n // LANES):
        places(left, right, &pairs[LANES * c])
        lanes_read_rows(x.v, ordered, left)
        lanes_read_rows(y.v, ordered, right)
        fp_sub(&d[c], &y, &x, E)
        zero = mont_is_zero(d[c].v)
        if zero:
            lanes_read_rows(x.v, ordered + DIGITS, left)
            lanes_read_rows(y.v, ordered + DIGITS, right)
            equal_x(&d[c], &pairs[LANES * c], zero, &x, &y, E)
        inverses[c] = t
        fp_mul(&t, &t, &d[c], E)
    fp_inv(&t, &t, E)
    for c in range(n // LANES - 1, -1, -1):
        fp_mul(&inverses[c], &inverses[c], &t, E)
        fp_mul(&t, &t, &d[c], E)


cdef void add_rows(
    limb* ordered, const row_pair_t* pairs, Py_ssize_t n, const fp_t* inverses, const curve_t* E,
) noexcept nogil:
    # The sums, by add_pair of msm.pxi; those at the end that only fill up a group are left out
    cdef int64_t left[LANES]
    cdef int64_t right[LANES]
    cdef fp_t x, y, z, w, s, t
    cdef limb twice, mask
    cdef Py_ssize_t at, j
    for at in range(0, n, 8):
        places(left, right, &pairs[at])
        lanes_read_rows(x.v, ordered, left)
        lanes_read_rows(y.v, ordered + DIGITS, left)
        lanes_read_rows(z.v, ordered, right)
        lanes_read_rows(w.v, ordered + DIGITS, right)
        twice = mask = 0
        for j in range(LANES):
            twice |= <limb>pairs[at + j].twice << j
            left[j] = 0                         # what fills up a group has no place
            if at + j < n and not pairs[at + j].vanishes:
                mask |= <limb>1 << j
                left[j] = ROW * pairs[at + j].put
        fp_sub(&s, &w, &y, E)
        if twice:
            fp_sqr(&t, &x, E)
            fp_add(&w, &t, &t, E)
            fp_add(&w, &w, &t, E)
            mont_move(s.v, w.v, twice)
        fp_mul(&s, &s, &inverses[at // LANES], E)
        fp_sqr(&t, &s, E)
        fp_sub(&t, &t, &x, E)
        fp_sub(&t, &t, &z, E)
        fp_sub(&x, &x, &t, E)
        fp_mul(&x, &x, &s, E)
        fp_sub(&x, &x, &y, E)
        lanes_write_rows(ordered, left, t.v, mask)
        lanes_write_rows(ordered + DIGITS, left, x.v, mask)


cdef void halve_rows(
    limb* ordered, Py_ssize_t* begins, Py_ssize_t* sizes, Py_ssize_t buckets, row_pair_t* pairs, fp_t* d,
    fp_t* inverses, const curve_t* E,
) noexcept nogil:
    # As halve_buckets of msm.pxi. No sum is put where a later pair still stands.
    cdef Py_ssize_t b, i, put, take = 0, n = find_pairs(pairs, begins, sizes, buckets), full = n
    while full % LANES:
        pairs[full] = pairs[0]
        full += 1
    invert_differences(inverses, d, pairs, full, ordered, E)
    for b in range(buckets):
        put = begins[b]
        for i in range(sizes[b] // 2):
            pairs[take].put = put
            put += not pairs[take].vanishes
            take += 1
    add_rows(ordered, pairs, n, inverses, E)
    take = 0
    for b in range(buckets):
        put = begins[b]
        for i in range(sizes[b] // 2):
            put += not pairs[take].vanishes
            take += 1
        if sizes[b] & 1:
            memmove(ordered + ROW * put, ordered + ROW * (begins[b] + sizes[b] - 1), ROW * sizeof(limb))
            put += 1
        sizes[b] = put - begins[b]


cdef void sums_of_rows(
    limb* sums, const limb* ordered, const Py_ssize_t* begins, const Py_ssize_t* sizes, Py_ssize_t buckets,
    Py_ssize_t windows, const curve_t* E,
) noexcept nogil:
    # sum j B_j of each window, as sum_of_buckets of msm.pxi
    cdef fp_t running[3]
    cdef fp_t total[3]
    cdef fp_t S[3]
    cdef fp_t xy[2]
    cdef int64_t index[LANES]
    cdef limb there
    cdef Py_ssize_t at, b, j, place
    for at in range(0, windows, 8):
        pt_identity(running, E)
        pt_identity(total, E)
        for b in range(buckets - 1, -1, -1):
            there = 0
            for j in range(LANES):
                place = buckets * (at + j) + b
                index[j] = 0
                if at + j < windows and sizes[place]:
                    there |= <limb>1 << j
                    index[j] = ROW * begins[place]
            if there:
                lanes_read_rows(xy[0].v, ordered, index)
                lanes_read_rows(xy[1].v, ordered + DIGITS, index)
                pt_add_affine(S, running, xy, E)
                for j in range(3):
                    mont_move(running[j].v, S[j].v, there)
            pt_add(total, total, running, E)
        write_points(sums, at, windows, total, E)


cdef bint two_in_one(const Py_ssize_t* sizes, Py_ssize_t buckets) noexcept nogil:
    cdef Py_ssize_t b
    for b in range(buckets):
        if sizes[b] > 1:
            return True
    return False


cdef int window_sums(
    const void* curve, limb* sums, const limb* xy, const limb* parts, Py_ssize_t n, int bits, int width,
) noexcept nogil:
    cdef const curve_t* E = <const curve_t*>curve
    cdef Py_ssize_t buckets = 1 << (width - 1), done = 0, some, j, windows = bits // width + 1
    cdef Py_ssize_t group = min(windows, max(<Py_ssize_t>LANES, ROWS_TOGETHER // n)), g = group * n + LANES
    cdef size_t numbers = 2 * (g // 2 // LANES + 1) * sizeof(fp_t)
    cdef size_t rows_size = (SOURCE_ROW * n + ROW * g) * sizeof(limb)
    cdef size_t pairs_size = (g // 2 + LANES) * sizeof(row_pair_t)
    cdef size_t places_size = 2 * group * buckets * sizeof(Py_ssize_t)
    cdef uint8_t* memory = <uint8_t*>lanes_allocate(
        numbers + rows_size + pairs_size + places_size + n * sizeof(int)
    )
    if memory == NULL:
        return -1
    cdef fp_t* d = <fp_t*>memory
    cdef limb* rows = <limb*>(memory + numbers)
    cdef limb* ordered = rows + SOURCE_ROW * n
    cdef row_pair_t* pairs = <row_pair_t*>(memory + numbers + rows_size)
    cdef Py_ssize_t* begins = <Py_ssize_t*>(<uint8_t*>pairs + pairs_size)
    cdef Py_ssize_t* sizes = begins + group * buckets
    enter_lanes(&E.p)
    rows_of_points(rows, xy, n, E)
    while done < windows:
        some = min(group, windows - done)
        for j in range(some):
            sort_rows(
                ordered, &begins[j * buckets], &sizes[j * buckets], j * n, rows, <const scalar_t*>parts, n, done + j,
                width, <int*>(sizes + group * buckets),
            )
        while two_in_one(sizes, some * buckets):
            halve_rows(ordered, begins, sizes, some * buckets, pairs, d, d + g // 2 // LANES + 1, E)
        sums_of_rows(sums + 3 * NLIMBS * done, ordered, begins, sizes, buckets, some, E)
        done += some
    free(memory)
    return 0
