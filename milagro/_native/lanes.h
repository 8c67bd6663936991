/* Montgomery arithmetic on eight numbers at once, one in each lane of a vector.
 *
 * Include after mont.h. A number is LANES_DIGITS digits of 52 bits, least significant first, digit i of all eight
 * numbers in one lane; R = 2^(52 LANES_DIGITS) here. Below, N = LANES_DIGITS, c = 2^(52 (N - 1)) is the unit of the top
 * digit, u = 2^s c is the greatest power of two up to p(1 + 2^-40), and p is the modulus.
 *
 * What is stored is a residue: any of the numbers that it stands for in [0, 2p + 4c), its digits in [0, 2^52). Not
 * stored: sums of products, 2N columns of 64 bits, signed, the value being their sum with the weights 2^(52 i).
 *
 * lanes_setup refuses a modulus unless 16p < R(1 + 2^-40) ("four spare bits"), p < 1.7u and s >= 16. From that:
 *   - a product of two residues, divided by R, is below (2p + 4c)^2/R < p/4 + c;
 *   - twice the bound of a residue is less than 8u, and p + u + 4c <= 2p + 4c unless u > p, where u - p < 2^-40 p.
 *
 * Constant time: as mont.h; a choice is a lane_mask.
 */
#ifndef MILAGRO_LANES_H
#define MILAGRO_LANES_H

#include "lanes_vector.h"

#define LANES_DIGIT 52
#define LANES_LOW (((uint64_t)1 << LANES_DIGIT) - 1)
#ifndef LANES_DIGITS
#define LANES_DIGITS ((64 * MONT_WORDS + 4 + LANES_DIGIT - 1) / LANES_DIGIT)
#endif
#define LANES_TOP (LANES_DIGITS - 1)
#define LANES_OFFSET 16 /* so many p are added to what lanes_redc makes of a sum of products */

typedef struct {
    uint64_t m[MONT_WORDS];    /* the modulus, as words */
    uint64_t half[MONT_WORDS]; /* (p - 1)/2 */
    uint64_t spare;            /* 1: as in mont_modulus */
    mont_modulus words;        /* the same modulus for mont.h */
    unsigned shift;            /* s */
    lane inv;                  /* -1/p mod 2^52 */
    lane estimate;             /* floor(2^(52 N + 5)/p) */
    lane p[LANES_DIGITS];
    lane minus[LANES_DIGITS];        /* R - p */
    lane offset[LANES_DIGITS];       /* LANES_OFFSET p */
    lane positive[2 * LANES_DIGITS]; /* 5p^2 */
    lane after_add[LANES_DIGITS];    /* word j of lane i: digit i of floor(j u/p) p, for j = 0 .. 7 */
    lane after_sub[LANES_DIGITS];    /* for j = 0, 1, 2, 3, -4, -3, -2, -1, negative ones with negative digits */
    lane one[LANES_DIGITS];          /* R mod p */
    lane r2[LANES_DIGITS];           /* R^2 mod p */
    lane r3[LANES_DIGITS];           /* R^3 / 2^(128 MONT_WORDS) mod p: lanes_inverse */
    lane in[LANES_DIGITS];           /* R^2 / 2^(64 MONT_WORDS) mod p: lanes_from_residues */
    lane out[LANES_DIGITS];          /* 2^(64 MONT_WORDS) mod p: lanes_to_residues */
} lanes_modulus;

/* The modulus of the call that this thread is in, for the two functions that ask "is it zero?" without being told. */
static _Thread_local const lanes_modulus *lanes_current;

LANES_INLINE void enter_lanes(const lanes_modulus *M) { lanes_current = M; }

/* ---- digits ---------------------------------------------------------------------------------------------- */

/* Signed columns to digits: the carries are taken up, the top digit keeps what is left. */
LANES_INLINE void lanes_carry(lane *z) {
    lane low = lane_all(LANES_LOW);
    LANES_UNROLL
    for (int i = 0; i < LANES_TOP; i++) {
        z[i + 1] = lane_add(z[i + 1], lane_sar(z[i], LANES_DIGIT));
        z[i] = lane_and(z[i], low);
    }
}

/* One number in words, in every lane */
LANES_CALL void lanes_spread(lane *z, const uint64_t *x) {
    for (int i = 0; i < LANES_DIGITS; i++) {
        int at = LANES_DIGIT * i / 64, shift = LANES_DIGIT * i % 64;
        uint64_t digit = at < MONT_WORDS ? x[at] >> shift : 0;
        if (shift && at + 1 < MONT_WORDS) digit |= x[at + 1] << (64 - shift);
        z[i] = lane_all(digit & LANES_LOW);
    }
}

/* Eight numbers in words, number k at x + k*stride, and back */
LANES_CALL void lanes_gather(lane *z, const uint64_t *x, size_t stride) {
    lane w[MONT_WORDS + 1], low = lane_all(LANES_LOW);
    uint64_t column[LANES];
    for (int i = 0; i < MONT_WORDS; i++) {
        for (int k = 0; k < LANES; k++) column[k] = x[(size_t)k * stride + (size_t)i];
        w[i] = lane_load(column);
    }
    w[MONT_WORDS] = lane_zero();
    for (int i = 0; i < LANES_DIGITS; i++) {
        unsigned at = LANES_DIGIT * (unsigned)i / 64, shift = LANES_DIGIT * (unsigned)i % 64;
        lane digit = at < MONT_WORDS ? lane_shr(w[at], shift) : lane_zero();
        if (shift && at < MONT_WORDS) digit = lane_or(digit, lane_shl(w[at + 1], 64 - shift));
        z[i] = lane_and(digit, low);
    }
}

LANES_CALL void lanes_scatter(uint64_t *z, const lane *x, size_t stride) {
    uint64_t column[LANES];
    for (int i = 0; i < MONT_WORDS; i++) {
        unsigned at = 64 * (unsigned)i / LANES_DIGIT, shift = 64 * (unsigned)i % LANES_DIGIT;
        lane w = lane_shr(x[at], shift);
        if (at + 1 < LANES_DIGITS) w = lane_or(w, lane_shl(x[at + 1], LANES_DIGIT - shift));
        if (at + 2 < LANES_DIGITS && 2 * LANES_DIGIT - shift < 64) w = lane_or(w, lane_shl(x[at + 2], 2 * LANES_DIGIT - shift));
        lane_store(column, w);
        for (int k = 0; k < LANES; k++) z[(size_t)k * stride + (size_t)i] = column[k];
    }
    mont_wipe(column, sizeof column);
}

/* ---- residues -------------------------------------------------------------------------------------------- */

/* t, a sum or difference of two residues by digits, to a residue. t lies between j u and (j + 1) u + 4c for the j that the
 * top digit says (for a difference, 2 is taken off first: lower digits may borrow one). What remains is below
 * u + p + 4c, and not negative. */
LANES_INLINE void lanes_settle(lane *z, lane *t, const lane *multiples, lane top, const lanes_modulus *M) {
    lane j = lane_sar(top, M->shift);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_sub(t[i], lane_lookup(j, multiples[i]));
    lanes_carry(t);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = t[i];
}

LANES_CALL void lanes_add(lane *z, const lane *x, const lane *y, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_add(x[i], y[i]);
    lanes_settle(z, t, M->after_add, t[LANES_TOP], M);
}

LANES_CALL void lanes_sub(lane *z, const lane *x, const lane *y, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_sub(x[i], y[i]);
    lanes_settle(z, t, M->after_sub, lane_sub(t[LANES_TOP], lane_all(2)), M);
}

LANES_CALL void lanes_neg(lane *z, const lane *x, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_sub(lane_zero(), x[i]);
    lanes_settle(z, t, M->after_sub, lane_sub(t[LANES_TOP], lane_all(2)), M);
}

/* x/2 mod p: x or x + p, whichever is even, shifted down */
LANES_CALL void lanes_halve(lane *z, const lane *x, const lanes_modulus *M) {
    lane t[LANES_DIGITS], odd = lane_sub(lane_zero(), lane_and(x[0], lane_all(1)));
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_add(x[i], lane_and(odd, M->p[i]));
    LANES_UNROLL
    for (int i = 0; i < LANES_TOP; i++)
        t[i] = lane_add(lane_shr(t[i], 1), lane_shl(lane_and(t[i + 1], lane_all(1)), LANES_DIGIT - 1));
    t[LANES_TOP] = lane_shr(t[LANES_TOP], 1);
    lanes_carry(t);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = t[i];
}

/* ---- products -------------------------------------------------------------------------------------------- */

/* columns += x*y, for digits. A column grows by less than (2N - 1) 2^52. */
LANES_INLINE void lanes_accumulate(lane *c, const lane *x, const lane *y) {
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        lane xi = x[i];
        LANES_UNROLL
        for (int j = 0; j < LANES_DIGITS; j++) {
            c[i + j] = lane_lo(c[i + j], xi, y[j]);
            c[i + j + 1] = lane_hi(c[i + j + 1], xi, y[j]);
        }
    }
}

LANES_INLINE void lanes_clear(lane *c) {
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) c[i] = lane_zero();
}

/* The upper half of c + q p for the q < R that makes the lower half 0: (c + q p)/R, above c/R and below c/R + p. Columns
 * below 2^63 - 2^57 in size. A row adds q_i p at digit i, where the column becomes a multiple of 2^52: what it carries is
 * the column plus 2^52 - 1, shifted down, so that the lowest product need not be computed. */
LANES_INLINE void lanes_fold(lane *c, const lanes_modulus *M) {
    lane low = lane_all(LANES_LOW);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        lane q = lane_lo(lane_zero(), c[i], M->inv);
        lane carry = lane_sar(lane_add(c[i], low), LANES_DIGIT);
        carry = lane_hi(carry, q, M->p[0]);
        LANES_UNROLL
        for (int j = 1; j < LANES_DIGITS; j++) {
            c[i + j] = lane_lo(c[i + j], q, M->p[j]);
            c[i + j + 1] = lane_hi(c[i + j + 1], q, M->p[j]);
        }
        c[i + 1] = lane_add(c[i + 1], carry);
    }
}

/* The same, to digits. For 0 <= c < p R that is a residue, below 2p. */
LANES_INLINE void lanes_fold_to(lane *z, lane *c, const lanes_modulus *M) {
    lanes_fold(c, M);
    lanes_carry(c + LANES_DIGITS);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = c[LANES_DIGITS + i];
}

/* x*y/R mod p; also for x and y with x*y < p R, whatever their sizes */
LANES_CALL void lanes_mul(lane *z, const lane *x, const lane *y, const lanes_modulus *M) {
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    lanes_accumulate(c, x, y);
    lanes_fold_to(z, c, M);
}

/* The columns of x^2: every mixed product once, doubled, then the squares */
LANES_INLINE void lanes_square(lane *c, const lane *x) {
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        lane xi = x[i];
        LANES_UNROLL
        for (int j = i + 1; j < LANES_DIGITS; j++) {
            c[i + j] = lane_lo(c[i + j], xi, x[j]);
            c[i + j + 1] = lane_hi(c[i + j + 1], xi, x[j]);
        }
    }
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) {
        c[2 * i] = lane_lo(lane_add(c[2 * i], c[2 * i]), x[i], x[i]);
        c[2 * i + 1] = lane_hi(lane_add(c[2 * i + 1], c[2 * i + 1]), x[i], x[i]);
    }
}

LANES_CALL void lanes_sqr(lane *z, const lane *x, const lanes_modulus *M) {
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    lanes_square(c, x);
    lanes_fold_to(z, c, M);
}

/* The columns of x^2 */
LANES_CALL void lanes_square_product(lane *z, const lane *x) {
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    lanes_square(c, x);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) z[i] = c[i];
}

/* The columns of x*y */
LANES_CALL void lanes_product(lane *z, const lane *x, const lane *y) {
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    lanes_accumulate(c, x, y);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) z[i] = c[i];
}

/* How large sums of products get: take for a unit the product of two residues, below (2p + 4c)^2, with columns below
 * (2N - 1) 2^52. A product in Fp2 has parts of at most 2 units; with s the sum of the two parts of xi,
 *   xn + ym = (x + y)(m + n) - xm - yn has at most 6, xi times something s times as much,
 *   a product in Fp6 at most 6s + 2, 2s + 6 and 8, and
 *   one or a square in Fp12 at most 3(6s + 2), (6s + 2) + 8s, or 2(6s + 2) + 8s = 20s + 4.
 * load_engine refuses a curve unless (20s + 4)(2N - 1) 2^52 <= 2^63 - 2^57 and (20s + 4) 4p <= 13R. */

/* t, digits of any sign with a value in (p, 32p), to a residue below 5/4 p. The q made of the top digit is at most t/p, and
 * less than t/p - 1 by less than 1/4: the digits below carry no more than 2^12 into it, s >= 16, and the estimate of
 * 2^(52 N + 5)/p has 9 bits. t - q p is computed modulo R: q (R - p) is added. */
LANES_INLINE void lanes_settle_wide(lane *z, lane *t, const lanes_modulus *M) {
    lane q = lane_hi(lane_zero(), lane_sar(lane_sub(t[LANES_TOP], lane_all(1 << 12)), 5), M->estimate);
    t[0] = lane_lo(t[0], q, M->minus[0]);
    LANES_UNROLL
    for (int i = 1; i < LANES_DIGITS; i++) t[i] = lane_lo(lane_hi(t[i], q, M->minus[i - 1]), q, M->minus[i]);
    lanes_carry(t);
    t[LANES_TOP] = lane_and(t[LANES_TOP], lane_all(LANES_LOW));
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = t[i];
}

/* The residue x/R for columns x of any sign, |x| <= 14 p R: with 16p added it lies in (p, 32p). */
LANES_CALL void lanes_redc(lane *z, const lane *x, const lanes_modulus *M) {
    lane c[2 * LANES_DIGITS], *t = c + LANES_DIGITS;
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) c[i] = x[i];
    lanes_fold(c, M);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_add(t[i], M->offset[i]);
    lanes_settle_wide(z, t, M);
}

LANES_INLINE void lanes_wide_add(lane *z, const lane *x, const lane *y, const lanes_modulus *M) {
    (void)M;
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) z[i] = lane_add(x[i], y[i]);
}

LANES_INLINE void lanes_wide_sub(lane *z, const lane *x, const lane *y, const lanes_modulus *M) {
    (void)M;
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) z[i] = lane_sub(x[i], y[i]);
}

/* ---- products in Fp2 = Fp[i]/(i^2 + 1) -------------------------------------------------------------------- */
/* (a + ib)(c + id) = ac - bd + i(ad + bc) by four products: Karatsuba's three save fewer multiplications than the digits
 * of the two sums cost. */

LANES_INLINE void lanes_subtract_columns(lane *c, const lane *from) {
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) c[i] = lane_sub(from[i], c[i]);
}

/* Reduced. 5p^2 is added to the real part, which so lies between 0 and 10p^2 < p R, as does the other. */
LANES_CALL void lanes_fp2_mul(
    lane *za, lane *zb, const lane *a, const lane *b, const lane *x, const lane *y, const lanes_modulus *M) {
    lane c[2 * LANES_DIGITS], real[LANES_DIGITS];
    lanes_clear(c);
    lanes_accumulate(c, b, y);
    lanes_subtract_columns(c, M->positive);
    lanes_accumulate(c, a, x);
    lanes_fold_to(real, c, M);
    lanes_clear(c);
    lanes_accumulate(c, a, y);
    lanes_accumulate(c, b, x);
    lanes_fold_to(zb, c, M);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) za[i] = real[i];
}

/* Columns, not over the operands */
LANES_CALL void lanes_fp2_product(lane *za, lane *zb, const lane *a, const lane *b, const lane *x, const lane *y) {
    static const lane zero[2 * LANES_DIGITS];
    lane c[2 * LANES_DIGITS];
    lanes_clear(c);
    lanes_accumulate(c, b, y);
    lanes_subtract_columns(c, zero);
    lanes_accumulate(c, a, x);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) za[i] = c[i];
    lanes_clear(c);
    lanes_accumulate(c, a, y);
    lanes_accumulate(c, b, x);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) zb[i] = c[i];
}

/* (a + b)(a - b) and 2ab as columns. The sum is not reduced, so the first is below 8p^2 + 16pc, as is the second. */
LANES_INLINE void lanes_square_columns(
    lane *za, lane *zb, const lane *a, const lane *b, const lanes_modulus *M) {
    lane s[LANES_DIGITS], d[LANES_DIGITS];
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) s[i] = lane_add(a[i], b[i]);
    lanes_carry(s);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) d[i] = lane_sub(a[i], b[i]);
    lanes_settle(d, d, M->after_sub, lane_sub(d[LANES_TOP], lane_all(2)), M);
    lanes_clear(zb);
    lanes_accumulate(zb, a, b);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) zb[i] = lane_add(zb[i], zb[i]);
    lanes_clear(za);
    lanes_accumulate(za, s, d);
}

LANES_CALL void lanes_fp2_sqr(lane *za, lane *zb, const lane *a, const lane *b, const lanes_modulus *M) {
    lane ca[2 * LANES_DIGITS], cb[2 * LANES_DIGITS];
    lanes_square_columns(ca, cb, a, b, M);
    lanes_fold_to(za, ca, M);
    lanes_fold_to(zb, cb, M);
}

LANES_CALL void lanes_fp2_square_product(lane *za, lane *zb, const lane *a, const lane *b, const lanes_modulus *M) {
    lane ca[2 * LANES_DIGITS], cb[2 * LANES_DIGITS];
    lanes_square_columns(ca, cb, a, b, M);
    LANES_UNROLL
    for (int i = 0; i < 2 * LANES_DIGITS; i++) {
        za[i] = ca[i];
        zb[i] = cb[i];
    }
}

/* ---- canonical numbers ------------------------------------------------------------------------------------ */

/* The number below p, for a residue; twice p is subtracted where that leaves no negative number. */
LANES_CALL void lanes_canonical(lane *z, const lane *x, const lanes_modulus *M) {
    lane t[LANES_DIGITS], less[LANES_DIGITS];
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) t[i] = x[i];
    for (int pass = 0; pass < 2; pass++) {
        LANES_UNROLL
        for (int i = 0; i < LANES_DIGITS; i++) less[i] = lane_sub(t[i], M->p[i]);
        lanes_carry(less);
        lane_mask keep = lane_is_negative(less[LANES_TOP]);
        LANES_UNROLL
        for (int i = 0; i < LANES_DIGITS; i++) t[i] = lane_move(less[i], t[i], keep);
    }
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = t[i];
}

/* z = x in the lanes of the mask */
LANES_INLINE void lanes_move(lane *z, const lane *x, lane_mask m) {
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = lane_move(z[i], x[i], m);
}

/* Where the eight words are this value */
LANES_INLINE lane_mask lanes_where(const uint64_t *x, uint64_t value) {
    return lane_is_zero(lane_xor(lane_load(x), lane_all(value)));
}

/* z = x in the lanes of the mask, over any number of digits: the inner step of a table scan */
LANES_INLINE void lanes_pick(lane *z, const lane *x, size_t count, lane_mask m) {
    for (size_t i = 0; i < count; i++) z[i] = lane_move(z[i], x[i], m);
}

/* Zero the stack below the caller, as mont_wipe_stack */
LANES_CALL void lanes_wipe_stack(void) {
    uint8_t below[262144];
    mont_wipe(below, sizeof below);
}

LANES_INLINE lane_mask lanes_not(lane_mask m) { return m ^ LANES_ALL; }

LANES_CALL lane_mask lanes_is_zero(const lane *x) {
    lane t[LANES_DIGITS], all = lane_zero();
    lanes_canonical(t, x, lanes_current);
    for (int i = 0; i < LANES_DIGITS; i++) all = lane_or(all, t[i]);
    return lane_is_zero(all);
}

LANES_CALL lane_mask lanes_equal(const lane *x, const lane *y) {
    lane t[LANES_DIGITS];
    lanes_sub(t, x, y, lanes_current);
    return lanes_is_zero(t);
}

/* plain -> Montgomery form, and back to the number below p */
LANES_CALL void lanes_enter(lane *z, const lane *x, const lanes_modulus *M) { lanes_mul(z, x, M->r2, M); }

LANES_CALL void lanes_leave(lane *z, const lane *x, const lanes_modulus *M) {
    lane one[LANES_DIGITS];
    lanes_spread(one, (const uint64_t[MONT_WORDS]){1});
    lanes_mul(z, x, one, M);
    lanes_canonical(z, z, M);
}

/* Parity of the plain number: sgn0 of RFC 9380 */
LANES_CALL lane_mask lanes_odd(const lane *x, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    lanes_leave(t, x, M);
    return lanes_not(lane_is_zero(lane_and(t[0], lane_all(1))));
}

/* ---- between residues of mont.h, in words, and residues here ------------------------------------------------ */

LANES_CALL void lanes_from_residues(lane *z, const uint64_t *x, size_t stride, const lanes_modulus *M) {
    lanes_gather(z, x, stride);
    lanes_mul(z, z, M->in, M);
}

LANES_CALL void lanes_to_residues(uint64_t *z, const lane *x, size_t stride, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    lanes_mul(t, x, M->out, M);
    lanes_canonical(t, t, M);
    lanes_scatter(z, t, stride);
    mont_wipe(t, sizeof t);
}

#include "lanes_power.h"

#endif
