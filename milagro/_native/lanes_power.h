/* Powers, inverses, and what is derived from a modulus. Part of lanes.h. */

/* z_i = x_i^e for one x or two, one behind the other, and a public exponent e of MONT_WORDS words, the same in every lane, by sliding windows over
 * odd powers. Two at once take less than twice the time: one fills the processor while the other waits for itself. */
LANES_CALL void lanes_pow_rows(lane *z, const lane *x, int rows, const uint64_t *e, const lanes_modulus *M) {
    lane odd[1 << (MONT_POW_WINDOW - 1)][2][LANES_DIGITS], t[2][LANES_DIGITS];
    int begun = 0, at = 64 * MONT_WORDS - 1;
#define EXPONENT_BIT(i) (e[(i) / 64] >> ((i) % 64) & 1)
#define EACH_ROW for (int r = 0; r < rows; r++)
    EACH_ROW {
        memcpy(odd[0][r], x + r * LANES_DIGITS, sizeof t[r]);
        lanes_sqr(t[r], odd[0][r], M);
    }
    for (int i = 1; i < 1 << (MONT_POW_WINDOW - 1); i++) EACH_ROW lanes_mul(odd[i][r], odd[i - 1][r], t[r], M);
    EACH_ROW memcpy(t[r], M->one, sizeof t[r]);
    while (at >= 0) {
        if (!EXPONENT_BIT(at)) {
            if (begun) EACH_ROW lanes_sqr(t[r], t[r], M);
            at--;
            continue;
        }
        int end = at < MONT_POW_WINDOW - 1 ? 0 : at - MONT_POW_WINDOW + 1, digit = 0;
        while (!EXPONENT_BIT(end)) end++;
        for (; at >= end; at--) {
            digit = 2 * digit + (int)EXPONENT_BIT(at);
            if (begun) EACH_ROW lanes_sqr(t[r], t[r], M);
        }
        EACH_ROW {
            if (begun)
                lanes_mul(t[r], t[r], odd[digit / 2][r], M);
            else
                memcpy(t[r], odd[digit / 2][r], sizeof t[r]);
        }
        begun = 1;
    }
    EACH_ROW memcpy(z + r * LANES_DIGITS, t[r], sizeof t[r]);
#undef EACH_ROW
#undef EXPONENT_BIT
    mont_wipe(odd, sizeof odd);
    mont_wipe(t, sizeof t);
}

LANES_CALL void lanes_pow(lane *z, const lane *x, const uint64_t *e, const lanes_modulus *M) { lanes_pow_rows(z, x, 1, e, M); }

/* Where x is a square or 0: x^((p-1)/2) is 0 or 1 */
LANES_CALL lane_mask lanes_is_square(const lane *x, const lanes_modulus *M) {
    lane t[LANES_DIGITS];
    lanes_pow(t, x, M->half, M);
    return lanes_is_zero(t) | lanes_equal(t, M->one);
}

/* The same for x and for y */
LANES_CALL void lanes_are_squares(
    lane_mask *first, lane_mask *second, const lane *x, const lane *y, const lanes_modulus *M) {
    lane t[2 * LANES_DIGITS];
    memcpy(t, x, sizeof t / 2);
    memcpy(t + LANES_DIGITS, y, sizeof t / 2);
    lanes_pow_rows(t, t, 2, M->half, M);
    *first = lanes_is_zero(t) | lanes_equal(t, M->one);
    *second = lanes_is_zero(t + LANES_DIGITS) | lanes_equal(t + LANES_DIGITS, M->one);
    mont_wipe(t, sizeof t);
}

/* z = 2^(128 MONT_WORDS)/x mod p for the numbers x, and 0 for 0, so that z times r3 is the inverse in Montgomery form: one
 * inversion by mont.h for all lanes (Montgomery's trick), 1 standing in for 0. */
LANES_CALL void lanes_inverse(lane *z, const lane *x, const lanes_modulus *M) {
    uint64_t number[LANES][MONT_WORDS], before[LANES][MONT_WORDS], t[MONT_WORDS], zero[MONT_WORDS] = {0}, vanishes[LANES];
    lane c[LANES_DIGITS];
    lanes_canonical(c, x, M);
    lanes_scatter(number[0], c, MONT_WORDS);
    memcpy(t, M->words.one, sizeof t);
    for (int k = 0; k < LANES; k++) {
        vanishes[k] = mont_is_zero(number[k]);
        mont_move(number[k], M->words.one, vanishes[k]);
        memcpy(before[k], t, sizeof t);
        mont_mul(t, t, number[k], &M->words);
    }
    mont_inverse(t, t, &M->words);
    mont_mul(t, t, M->words.r3, &M->words);
    for (int k = LANES - 1; k >= 0; k--) {
        mont_mul(before[k], before[k], t, &M->words);
        mont_mul(t, t, number[k], &M->words);
        mont_move(before[k], zero, vanishes[k]);
    }
    lanes_gather(z, before[0], MONT_WORDS);
    mont_wipe(number, sizeof number);
    mont_wipe(before, sizeof before);
    mont_wipe(t, sizeof t);
    mont_wipe(vanishes, sizeof vanishes);
    mont_wipe(c, sizeof c);
}

/* ---- what is derived from a modulus: public, once for each --------------------------------------------------- */

/* z = k*x in `size` digits, the top one taking what is left */
LANES_CALL void digits_multiple(uint64_t *z, const uint64_t *x, uint64_t k, int size) {
    uint64_t carry = 0;
    for (int i = 0; i < size; i++) {
        carry += k * x[i] & LANES_LOW;
        uint64_t above = (uint64_t)((mont_wide)k * x[i] >> LANES_DIGIT);
        z[i] = i + 1 < size ? carry & LANES_LOW : carry + (above << LANES_DIGIT);
        carry = (carry >> LANES_DIGIT) + above;
    }
}

/* -1, 0, 1 as x is below, equal to or above y */
LANES_CALL int digits_compare(const uint64_t *x, const uint64_t *y) {
    for (int i = LANES_TOP; i >= 0; i--)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

LANES_CALL void digits_spread(lane *z, const uint64_t *x, int size) {
    for (int i = 0; i < size; i++) z[i] = lane_all(x[i]);
}

/* 2^k mod p */
LANES_CALL void lanes_power_of_two(lane *z, int k, const lanes_modulus *M) {
    uint64_t t[MONT_WORDS] = {1};
    while (k-- > 0) mont_add(t, t, t, &M->words);
    lanes_spread(z, t);
}

/* For |j u|: floor(|j| u/p) p, or where j < 0 the next multiple that is not below |j| u, negative */
LANES_CALL void lanes_multiple_for(uint64_t *z, int j, const uint64_t *p, unsigned shift) {
    uint64_t bound[LANES_DIGITS] = {0}, k = 0;
    bound[LANES_TOP] = (uint64_t)(j < 0 ? -j : j) << shift;
    do {
        digits_multiple(z, p, ++k, LANES_DIGITS);
    } while (digits_compare(z, bound) < (j < 0 ? 0 : 1));
    if (j >= 0) digits_multiple(z, p, k - 1, LANES_DIGITS);
    for (int i = 0; i < LANES_DIGITS && j < 0; i++) z[i] = 0 - z[i];
}

LANES_CALL void lanes_setup_multiples(lanes_modulus *M, const uint64_t *p) {
    uint64_t add[LANES][LANES_DIGITS], sub[LANES][LANES_DIGITS], row[LANES];
    for (int j = 0; j < LANES; j++) {
        lanes_multiple_for(add[j], j, p, M->shift);
        lanes_multiple_for(sub[j], j < LANES / 2 ? j : j - LANES, p, M->shift);
    }
    for (int i = 0; i < LANES_DIGITS; i++) {
        for (int j = 0; j < LANES; j++) row[j] = add[j][i];
        M->after_add[i] = lane_load(row);
        for (int j = 0; j < LANES; j++) row[j] = sub[j][i];
        M->after_sub[i] = lane_load(row);
    }
}

/* floor(2^(52 N + 5)/p), bit by bit */
LANES_CALL uint64_t lanes_estimate(const uint64_t *p) {
    uint64_t rest[LANES_DIGITS] = {1}, quotient = 0;
    for (int k = 0; k < LANES_DIGIT * LANES_DIGITS + 5; k++) {
        digits_multiple(rest, rest, 2, LANES_DIGITS);
        quotient *= 2;
        if (digits_compare(rest, p) < 0) continue;
        quotient |= 1;
        for (int i = 0; i < LANES_TOP; i++) {
            rest[i] -= p[i];
            rest[i + 1] -= rest[i] >> 63;
            rest[i] &= LANES_LOW;
        }
        rest[LANES_TOP] -= p[LANES_TOP];
    }
    return quotient;
}

/* 5p^2 */
LANES_CALL void lanes_setup_positive(lanes_modulus *M, const uint64_t *p) {
    uint64_t square[2 * LANES_DIGITS] = {0}, row[LANES_DIGITS + 1];
    for (int i = 0; i < LANES_DIGITS; i++) {
        uint64_t padded[LANES_DIGITS + 1] = {0}, carry = 0;
        memcpy(padded, p, 8 * LANES_DIGITS);
        digits_multiple(row, padded, p[i], LANES_DIGITS + 1);
        for (int j = 0; j <= LANES_DIGITS; j++) {
            carry += square[i + j] + row[j];
            square[i + j] = carry & LANES_LOW;
            carry >>= LANES_DIGIT;
        }
    }
    digits_multiple(square, square, 5, 2 * LANES_DIGITS);
    digits_spread(M->positive, square, 2 * LANES_DIGITS);
}

/* Everything that is derived from the modulus in M->m; M->shift stays 0 for a modulus that does not fit (see lanes.h). */
LANES_CALL void lanes_setup(lanes_modulus *M) {
    uint64_t p[LANES_DIGITS], t[LANES_DIGITS], column[LANES];
    memcpy(M->words.m, M->m, sizeof M->m);
    mont_setup(&M->words);
    memcpy(M->half, M->words.half, sizeof M->half);
    M->spare = 1;
    M->shift = 0;
    lanes_spread(M->p, M->m);
    for (int i = 0; i < LANES_DIGITS; i++) {
        lane_store(column, M->p[i]);
        p[i] = column[0];
    }
    uint64_t top = p[LANES_TOP];
    unsigned shift = 0;
    while (top >> shift > 1) shift++;
    if (((uint64_t)2 << shift) - top <= top >> 40) shift++;
    if (shift < 16 || shift > 48 || (shift == 48 && top >> 48) || top > ((uint64_t)1 << shift) / 10 * 17) return;
    M->shift = shift;
    M->inv = lane_all(M->words.inv & LANES_LOW);
    M->estimate = lane_all(lanes_estimate(p));
    digits_multiple(t, p, LANES_OFFSET, LANES_DIGITS);
    digits_spread(M->offset, t, LANES_DIGITS);
    lanes_setup_multiples(M, p);
    lanes_setup_positive(M, p);
    lanes_power_of_two(M->one, LANES_DIGIT * LANES_DIGITS, M);
    lanes_power_of_two(M->r2, 2 * LANES_DIGIT * LANES_DIGITS, M);
    lanes_power_of_two(M->r3, 3 * LANES_DIGIT * LANES_DIGITS - 128 * MONT_WORDS, M);
    lanes_power_of_two(M->in, 2 * LANES_DIGIT * LANES_DIGITS - 64 * MONT_WORDS, M);
    lanes_power_of_two(M->out, 64 * MONT_WORDS, M);
    uint64_t carry = 1; /* R - p: every digit turned round, plus 1 */
    for (int i = 0; i < LANES_DIGITS; i++) {
        carry += LANES_LOW - p[i];
        t[i] = carry & LANES_LOW;
        carry >>= LANES_DIGIT;
    }
    digits_spread(M->minus, t, LANES_DIGITS);
}

