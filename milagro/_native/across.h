/* One element of Fp12 = Fp2[w]/(w^6 - xi) in one vector: lane k holds the coefficient of w^k, for k = 0 .. 5.
 *
 * Include after lanes.h. An element is 2 LANES_DIGITS lanes: the real parts, then the imaginary parts, residues of lanes.h
 * each. Lanes 6 and 7 hold residues that mean nothing. A product is a sum over w^i times the rest:
 *
 *   x y = sum_i x_i w^i y:    lane k of w^i y is y_(k-i), or xi y_(k-i+6) where k < i
 *
 * that is six products in Fp2 of eight lanes each, added up before one reduction. Eight lanes with six in use make one
 * such product as cheap as a sixth of Karatsuba's in words, so nothing cleverer is done.
 *
 * Bounds: a residue is below 2p + 4c and 16p < R, so a product of two is below pR/4 (1 + 2^-8), and a sum of 12 of them
 * below the 14 pR that lanes_redc takes.
 */
#ifndef MILAGRO_ACROSS_H
#define MILAGRO_ACROSS_H

#include "lanes.h"

#define ACROSS (2 * LANES_DIGITS)
#define ACROSS_XI 3

/* From lane index[k] of x, or of y for 8 and above */
LANES_INLINE void across_pick(lane *z, const lane *x, const lane *y, const uint64_t *index) {
    lane at = lane_load(index);
    LANES_UNROLL
    for (int i = 0; i < ACROSS; i++) z[i] = lane_pick(x[i], y[i], at);
}

/* In which lane of (x, xi x) the coefficient of w^k in w^i x stands: row i */
static const uint64_t across_turn[6][LANES] = {
    {0, 1, 2, 3, 4, 5, 6, 7},     {13, 0, 1, 2, 3, 4, 6, 7},   {12, 13, 0, 1, 2, 3, 6, 7},
    {11, 12, 13, 0, 1, 2, 6, 7},  {10, 11, 12, 13, 0, 1, 6, 7}, {9, 10, 11, 12, 13, 0, 6, 7}};
static const uint64_t across_same[LANES][LANES] = {
    {0, 0, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2, 2, 2}, {3, 3, 3, 3, 3, 3, 3, 3},
    {4, 4, 4, 4, 4, 4, 4, 4}, {5, 5, 5, 5, 5, 5, 5, 5}, {6, 6, 6, 6, 6, 6, 6, 6}, {7, 7, 7, 7, 7, 7, 7, 7}};

/* k x by digits, for a small public k > 0 */
LANES_INLINE void across_times(lane *z, const lane *x, unsigned k) {
    unsigned bit = 1;
    while (bit <= k / 2) bit *= 2;
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = x[i];
    while (bit /= 2) {
        LANES_UNROLL
        for (int i = 0; i < LANES_DIGITS; i++) {
            z[i] = lane_add(z[i], z[i]);
            if (k & bit) z[i] = lane_add(z[i], x[i]);
        }
    }
}

/* xi x = (a + ib)(m + in) = ma - nb + i(mb + na) in every lane. n <= 3 and m + n <= 10, so with 8p added both parts lie
 * in (p, 29p). */
LANES_CALL void across_mul_xi(lane *z, const lane *x, unsigned m, unsigned n, const lanes_modulus *M) {
    lane ma[LANES_DIGITS], mb[LANES_DIGITS], na[LANES_DIGITS], nb[LANES_DIGITS];
    across_times(ma, x, m);
    across_times(mb, x + LANES_DIGITS, m);
    across_times(na, x, n);
    across_times(nb, x + LANES_DIGITS, n);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        lane offset = lane_shl(M->p[i], 3);
        ma[i] = lane_add(lane_sub(ma[i], nb[i]), offset);
        mb[i] = lane_add(lane_add(mb[i], na[i]), offset);
    }
    lanes_settle_wide(z, ma, M);
    lanes_settle_wide(z + LANES_DIGITS, mb, M);
}

/* columns = sum of x_r y_r over some products in Fp2, lane by lane: real columns, then imaginary ones */
LANES_CALL void across_sum(lane *columns, const lane (*x)[ACROSS], const lane (*y)[ACROSS], int terms) {
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    for (int r = 0; r < terms; r++) lanes_accumulate(c, x[r] + LANES_DIGITS, y[r] + LANES_DIGITS);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) c[i] = lane_sub(lane_zero(), c[i]);
    for (int r = 0; r < terms; r++) lanes_accumulate(c, x[r], y[r]);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) columns[i] = c[i];
    lanes_clear(c);
    for (int r = 0; r < terms; r++) {
        lanes_accumulate(c, x[r], y[r] + LANES_DIGITS);
        lanes_accumulate(c, x[r] + LANES_DIGITS, y[r]);
    }
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) columns[2 * LANES_DIGITS + i] = c[i];
}

LANES_INLINE void across_reduce(lane *z, const lane *columns, const lanes_modulus *M) {
    lanes_redc(z, columns, M);
    lanes_redc(z + LANES_DIGITS, columns + 2 * LANES_DIGITS, M);
}

/* columns += R x */
LANES_INLINE void across_add_shifted(lane *columns, const lane *x) {
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        columns[LANES_DIGITS + i] = lane_add(columns[LANES_DIGITS + i], x[i]);
        columns[3 * LANES_DIGITS + i] = lane_add(columns[3 * LANES_DIGITS + i], x[LANES_DIGITS + i]);
    }
}

LANES_CALL void across_mul(lane *z, const lane *x, const lane *y, unsigned m, unsigned n, const lanes_modulus *M) {
    lane left[6][ACROSS], right[6][ACROSS], columns[2 * ACROSS], turned[ACROSS];
    across_mul_xi(turned, y, m, n, M);
    for (int i = 0; i < 6; i++) {
        across_pick(left[i], x, x, across_same[i]);
        across_pick(right[i], y, turned, across_turn[i]);
    }
    across_sum(columns, left, right, 6);
    across_reduce(z, columns, M);
}

/* f times sum_j l_j w^place[j], plus f w^plus if plus >= 0; l_j in lane lanes[j] of l */
LANES_CALL void across_mul_sparse(
    lane *z, const lane *f, const lane *l, const int *lanes, const int *places, int terms, int plus, unsigned m,
    unsigned n, const lanes_modulus *M) {
    lane left[3][ACROSS], right[3][ACROSS], columns[2 * ACROSS], turned[ACROSS];
    across_mul_xi(turned, f, m, n, M);
    for (int j = 0; j < terms; j++) {
        across_pick(left[j], l, l, across_same[lanes[j]]);
        across_pick(right[j], f, turned, across_turn[places[j]]);
    }
    across_sum(columns, left, right, terms);
    if (plus >= 0) {
        across_pick(right[0], f, turned, across_turn[plus]);
        across_add_shifted(columns, right[0]);
    }
    across_reduce(z, columns, M);
}

/* x^2: of the sum over pairs i <= j with i + j = k or k + 6 four products in even lanes, three in odd ones. In the rows
 * below: where x_i stands, and where 1, 2, xi or 2 xi times x_j stands in (x, xi x) and in (2x, 2 xi x). */
static const uint64_t across_sqr_left[4][LANES] = {
    {0, 0, 1, 0, 2, 0, 6, 7}, {3, 2, 4, 1, 5, 1, 6, 7}, {1, 3, 0, 4, 0, 2, 6, 7}, {2, 6, 3, 6, 1, 6, 6, 7}};
static const uint64_t across_sqr_once[2][LANES] = {{0, 0, 1, 0, 2, 0, 6, 7}, {11, 0, 12, 0, 13, 0, 6, 7}};
static const uint64_t across_sqr_twice[4][LANES] = {
    {0, 1, 0, 3, 0, 5, 6, 7}, {0, 13, 0, 2, 0, 4, 6, 7}, {13, 12, 2, 13, 4, 3, 6, 7}, {12, 6, 13, 6, 3, 6, 6, 7}};
#define ACROSS_EVEN 0x15u
#define ACROSS_ODD 0x2au

LANES_CALL void across_sqr(lane *z, const lane *x, unsigned m, unsigned n, const lanes_modulus *M) {
    lane left[4][ACROSS], right[4][ACROSS], columns[2 * ACROSS], turned[ACROSS], twice[ACROSS], both[ACROSS];
    across_mul_xi(turned, x, m, n, M);
    lanes_add(twice, x, x, M);
    lanes_add(twice + LANES_DIGITS, x + LANES_DIGITS, x + LANES_DIGITS, M);
    lanes_add(both, turned, turned, M);
    lanes_add(both + LANES_DIGITS, turned + LANES_DIGITS, turned + LANES_DIGITS, M);
    for (int r = 0; r < 4; r++) {
        across_pick(left[r], x, x, across_sqr_left[r]);
        across_pick(right[r], twice, both, across_sqr_twice[r]);
        if (r < 2) {
            lane once[ACROSS];
            across_pick(once, x, turned, across_sqr_once[r]);
            LANES_UNROLL
            for (int i = 0; i < ACROSS; i++) right[r][i] = lane_move(right[r][i], once[i], ACROSS_EVEN);
        }
    }
    LANES_UNROLL
    for (int i = 0; i < ACROSS; i++) left[3][i] = lane_move(left[3][i], lane_zero(), ACROSS_ODD);
    across_sum(columns, left, right, 4);
    across_reduce(z, columns, M);
}

/* x^2 where x^(p^4 - p^2 + 1) = 1 (Granger, Scott 2010; cyclotomic.pxi has the formula): with s = w^3,
 *   lane 0: 3(x0^2 + xi x3^2) - 2x0    lane 2: 3(x1^2 + xi x4^2) - 2x2    lane 4: 3(x2^2 + xi x5^2) - 2x4
 *   lane 3: 3(2 x0 x3) + 2x3           lane 5: 3(2 x1 x4) + 2x5           lane 1: 3(2 xi x2 x5) + 2x1
 * A mixed product is added twice. The sum is below 3*4/4 pR + 2R(2p + 4c) in size, so below 8pR. */
static const uint64_t across_cyclotomic_left[2][LANES] = {{0, 2, 1, 0, 2, 1, 6, 7}, {3, 2, 4, 0, 5, 1, 6, 7}};
static const uint64_t across_cyclotomic_right[2][LANES] = {{0, 13, 1, 3, 2, 4, 6, 7}, {11, 13, 12, 3, 13, 4, 6, 7}};

LANES_CALL void across_cyclotomic_sqr(lane *z, const lane *x, unsigned m, unsigned n, const lanes_modulus *M) {
    lane left[2][ACROSS], right[2][ACROSS], columns[2 * ACROSS], turned[ACROSS], twice[ACROSS];
    across_mul_xi(turned, x, m, n, M);
    for (int r = 0; r < 2; r++) {
        across_pick(left[r], x, x, across_cyclotomic_left[r]);
        across_pick(right[r], x, turned, across_cyclotomic_right[r]);
    }
    across_sum(columns, left, right, 2);
    LANES_UNROLL
    for (int i = 0; i < 2 * ACROSS; i++) columns[i] = lane_add(columns[i], lane_add(columns[i], columns[i]));
    LANES_UNROLL
    for (int i = 0; i < ACROSS; i++) {
        lane t = lane_add(x[i], x[i]);
        twice[i] = lane_move(t, lane_sub(lane_zero(), t), ACROSS_EVEN);
    }
    across_add_shifted(columns, twice);
    across_reduce(z, columns, M);
}

/* x^(p^6): the odd powers of w change sign */
LANES_CALL void across_conj(lane *z, const lane *x, const lanes_modulus *M) {
    lane t[ACROSS];
    lanes_neg(t, x, M);
    lanes_neg(t + LANES_DIGITS, x + LANES_DIGITS, M);
    LANES_UNROLL
    for (int i = 0; i < ACROSS; i++) z[i] = lane_move(x[i], t[i], ACROSS_ODD);
}

/* Lanes 1, 3, 5 of one part into lanes 0, 2, 4 */
LANES_INLINE void across_odd(lane *z, const lane *x) {
    lane at = lane_load((const uint64_t[LANES]){1, 1, 3, 3, 5, 5, 7, 7});
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = lane_pick(x[i], x[i], at);
}

/* Zero the stack below the caller, as mont_wipe_stack: a product keeps less than 32 KiB there, a power four elements */
LANES_CALL void across_wipe_stack(void) {
    uint8_t below[49152];
    mont_wipe(below, sizeof below);
}

/* Lane k of both parts into all lanes */
LANES_INLINE void across_spread(lane *z, const lane *x, int k) { across_pick(z, x, x, across_same[k]); }

#endif
