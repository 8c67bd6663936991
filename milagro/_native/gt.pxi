# GT: powers with the exponent in four parts, and membership.               Spec: spec/curves.md#scalar-multiplication
#
# On GT Frobenius is a power: f^p = f^lam, lam = t - 1 = 6u^2 (BN) or u (BLS12), since r divides p + 1 - t.
# So f^k = f0^a0 f1^a1 f2^a2 f3^a3 with f_j = f^(p^j) for every a with sum a_j lam^j = k mod r (Galbraith, Scott, eprint
# 2008/117). lam is the eigenvalue of psi on G2 too, so the parts are those of a scalar of G2, about a quarter of the
# bits of r each.
#
# The four parts are worked off together, one bit each a step, in the sign-aligned form of Faz-Hernandez, Longa, Sanchez
# (eprint 2013/158): every digit of the odd a0 is 1 or -1, and the others have 0 or the same sign. So each step is one
# squaring and one product by a table entry or its conjugate: eight entries, all read.

cdef extern from *:
    """
    __extension__ typedef unsigned __int128 gls_wide;
    """
    ctypedef uint64_t gls_wide      # 128 bits, which C knows

cdef struct parts_t:        # the recoded exponent: for each bit the table entry and whether it is conjugated
    uint8_t entry[GLS_BITS]
    uint8_t minus[GLS_BITS]
    limb sign[4]            # of each part, 1 if negative
    limb even               # 1 if a0 was even and has been made odd


cdef void words_negate(limb* z, limb bit) noexcept nogil:
    # z = -z modulo 2^(64 GLS_WORDS) if bit = 1
    cdef limb mask = mont_mask(bit), carry = bit
    cdef gls_wide sum
    cdef int i
    for i in range(GLS_WORDS):
        sum = <gls_wide>(z[i] ^ mask) + carry
        z[i] = <limb>sum
        carry = <limb>(sum >> 64)


cdef void words_halve(limb* z, limb bit) noexcept nogil:
    # z = floor(z/2) + bit for a number that is not negative
    cdef gls_wide sum
    cdef limb carry = bit
    cdef int i
    for i in range(GLS_WORDS):
        sum = <gls_wide>((z[i] >> 1) | (z[i + 1] << 63 if i + 1 < GLS_WORDS else 0)) + carry
        z[i] = <limb>sum
        carry = <limb>(sum >> 64)


cdef void four_parts(limb a[4][GLS_WORDS], limb* sign, const scalar_t* k, const curve_t* E) noexcept nogil:
    # |a_j| and the signs
    cdef scalar_t parts[PARTS]
    cdef int j
    scalar_split(parts, k, &E.gls)
    for j in range(4):
        sign[j] = parts[j].v[NLIMBS - 1] >> 63
        memcpy(a[j], parts[j].v, GLS_WORDS * sizeof(limb))
        words_negate(a[j], sign[j])
    mont_wipe(parts, sizeof(parts))


cdef void recode(parts_t* z, const scalar_t* k, const curve_t* E) noexcept nogil:
    cdef limb a[4][GLS_WORDS]
    cdef limb bit, minus
    cdef int i, j
    four_parts(a, z.sign, k, E)
    z.even = 1 ^ (a[0][0] & 1)
    a[0][0] |= 1
    for i in range(E.gls.bits + 1):             # digit i of a0 is -1 if its bit i + 1 is 0; the topmost is 1
        words_halve(a[0], 0)
        minus = (1 ^ (a[0][0] & 1)) if i < E.gls.bits else 0
        z.minus[i] = minus
        z.entry[i] = 0
        for j in range(1, 4):
            bit = a[j][0] & 1
            z.entry[i] |= bit << (j - 1)
            words_halve(a[j], bit & minus)
    mont_wipe(a, sizeof(a))
    mont_wipe(&bit, sizeof(bit))
    mont_wipe(&minus, sizeof(minus))


cdef inline void fp12_conj_if(fp12_t* x, limb bit, const curve_t* E) noexcept nogil:
    cdef fp6_t minus
    fp6_neg(&minus, &x.b, E)
    fp2_move(&x.b.a, &minus.a, bit)
    fp2_move(&x.b.b, &minus.b, bit)
    fp2_move(&x.b.c, &minus.c, bit)


cdef void gt_table(fp12_t* table, const fp12_t* x, const limb* sign, const curve_t* E) noexcept nogil:
    # f0 f1^e1 f2^e2 f3^e3 for entry e1 + 2 e2 + 4 e3, f_j = x^(+-p^j)
    cdef fp12_t f, g
    cdef int i, j
    table[0] = x[0]
    fp12_conj_if(&table[0], sign[0], E)
    f = x[0]
    for j in range(1, 4):
        fp12_frob(&f, &f, E)
        g = f
        fp12_conj_if(&g, sign[j], E)
        for i in range(1 << (j - 1)):
            fp12_mul(&table[(1 << (j - 1)) + i], &table[i], &g, E)
    mont_wipe(&f, sizeof(f))
    mont_wipe(&g, sizeof(g))


cdef void gt_pow(fp12_t* z, const fp12_t* x, const scalar_t* k, const curve_t* E) noexcept nogil:
    # x^k for x in GT and secret k; the parts of k have one length, whatever k is
    cdef fp12_t table[8]
    cdef fp12_t t, entry
    cdef parts_t parts
    cdef int i, j
    recode(&parts, k, E)
    gt_table(table, x, parts.sign, E)
    fp12_one(&t, E)
    for i in range(E.gls.bits, -1, -1):
        memset(&entry, 0, sizeof(entry))
        for j in range(8):
            mont_gather(
                <limb*>&entry, <limb*>&table[j], sizeof(fp12_t) // sizeof(limb), mont_word_equal(parts.entry[i], j)
            )
        fp12_conj_if(&entry, parts.minus[i], E)
        if i == E.gls.bits:
            t = entry
        else:
            fp12_cyclotomic_sqr(&t, &t, E)
            fp12_mul(&t, &t, &entry, E)
    fp12_conj(&entry, &table[0], E)             # divided by f0 if a0 was even
    fp12_one(&table[0], E)
    for j in range(6):
        fp2_move(<fp2_t*>&table[0] + j, <fp2_t*>&entry + j, parts.even)
    fp12_mul(z, &t, &table[0], E)
    mont_wipe(table, sizeof(table))
    mont_wipe(&entry, sizeof(entry))
    mont_wipe(&t, sizeof(t))
    mont_wipe(&parts, sizeof(parts))


cdef void odd_form(int8_t* digits, const limb* a, limb sign, int size) noexcept nogil:
    # Digits 0, +-1, +-3, +-5, +-7 of a public number, least significant first (width-4 NAF)
    cdef limb rest[GLS_WORDS]
    cdef int i, digit
    memcpy(rest, a, sizeof(rest))
    for i in range(size):
        digit = 0
        if rest[0] & 1:
            digit = rest[0] & 15
            rest[0] &= ~<limb>15
            if digit > 8:
                digit -= 16
                words_add_small(rest, 16)
        digits[i] = -digit if sign else digit
        words_halve(rest, 0)


cdef void words_add_small(limb* z, limb k) noexcept nogil:
    cdef gls_wide sum
    cdef int i
    for i in range(GLS_WORDS):
        sum = <gls_wide>z[i] + k
        z[i] = <limb>sum
        k = <limb>(sum >> 64)


cdef void gt_pow_vartime(fp12_t* z, const fp12_t* x, const scalar_t* k, const curve_t* E) noexcept nogil:
    # x^k for x in GT and public k: a fifth of the digits is not 0, and each of those costs a product
    cdef fp12_t table[4][SEED_TABLE]
    cdef int8_t digits[4][GLS_BITS]
    cdef limb a[4][GLS_WORDS]
    cdef limb sign[4]
    cdef fp12_t t
    cdef int i, j, digit, size = E.gls.bits + 1
    four_parts(a, sign, k, E)
    fp12_cyclotomic_sqr(&t, x, E)
    table[0][0] = x[0]
    for i in range(1, SEED_TABLE):
        fp12_mul(&table[0][i], &table[0][i - 1], &t, E)
    for j in range(4):
        odd_form(digits[j], a[j], sign[j], size)
        for i in range(SEED_TABLE):
            if j:
                fp12_frob(&table[j][i], &table[j - 1][i], E)
    fp12_one(&t, E)
    for i in range(size - 1, -1, -1):
        if i < size - 1:
            fp12_cyclotomic_sqr(&t, &t, E)
        for j in range(4):
            digit = digits[j][i]
            if digit:
                multiply_by_digit(&t, &table[j][(digit if digit > 0 else -digit) // 2], digit, E)
    z[0] = t


cdef limb gt_in_subgroup(const fp12_t* x, const curve_t* E) noexcept nogil:
    # For public x: x is not 0, x^(p^4 - p^2 + 1) = 1 and x^p = x^lam, lam = t - 1.
    # Spec: spec/curves.md#subgroup-check
    # That decides x^r = 1: GT has both properties; and if the order d of x divides p - lam = p + 1 - t and
    # p^4 - p^2 + 1, then it divides r, which on a BN curve is p + 1 - t itself, and on a BLS12 curve
    # lam^4 - lam^2 + 1 = p^4 - p^2 + 1 modulo d.
    cdef fp12_t s, t
    if not fp12_in_cyclotomic_subgroup(x, E):
        return 0
    power_of_seed(&s, x, E)
    if E.bn:
        power_of_seed(&s, &s, E)
        cyclotomic_sixth_power(&s, &s, E)
    fp12_frob(&t, x, E)
    return fp12_equal(&s, &t)
