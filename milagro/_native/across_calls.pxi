# One product of pairings across the lanes, from this module's arrays. There only while E.across is not NULL.

def use_across(CurveData curve not None, engine not None):
    """From now on single products of pairings of the curve are computed across the lanes of this engine."""
    curve.E.across = <const across_table*>PyCapsule_GetPointer(engine.table(), "milagro.across")
    curve.across_engine = engine


cdef int product_across(fp12_t* f, limb* is_one, pair_t* pairs, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # The final power of the product of affine pairs, or, where is_one is not NULL, whether it is 1; -1 without memory
    cdef Py_ssize_t j, k = 0, count = count_lines(E), plain = 0
    cdef size_t size
    cdef across_pair* rows
    cdef fp2_t* lines
    cdef fp_t x
    for j in range(n):
        plain += pairs[j].lines == NULL
    size = 3 * count * plain * sizeof(fp2_t) + n * sizeof(across_pair)
    lines = <fp2_t*>malloc(size + 1)
    if lines == NULL:
        return -1
    rows = <across_pair*>(lines + 3 * count * plain)
    for j in range(n):
        rows[j].P = pairs[j].P[0].v
        rows[j].l0 = NULL
        if pairs[j].lines != NULL:
            rows[j].lines = pairs[j].lines.a.v
            continue
        loop_lines(lines + 3 * count * k, lines + 3 * count * k + 2 * count, pairs[j].Q, E)
        rows[j].lines = lines[3 * count * k].a.v
        rows[j].l0 = lines[3 * count * k + 2 * count].a.v
        x = pairs[j].P[0]                       # l0 goes with y, l1 with x
        pairs[j].P[0] = pairs[j].P[1]
        pairs[j].P[1] = x
        k += 1
    E.across.product(E.across.curve, NULL if is_one != NULL else f.a.a.a.v, is_one, rows, n)
    mont_wipe(lines, size)
    free(lines)
    return 0
