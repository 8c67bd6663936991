/* The kernels of mont.h in C with 128-bit products, for every 64-bit processor. */

/* z = x + y + carry; the carry out */
MONT_INLINE uint64_t mont_carry_add(uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t carry) {
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide t = (mont_wide)x[i] + y[i] + carry;
        z[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return carry;
}

/* z = x - y - borrow; the borrow out */
MONT_INLINE uint64_t mont_borrow_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t borrow) {
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide t = (mont_wide)x[i] - y[i] - borrow;
        z[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    return borrow;
}

/* z = t mod m for t = carry*R + t < 2m */
MONT_INLINE void mont_reduce_once(uint64_t *z, const uint64_t *t, uint64_t carry, const mont_modulus *M) {
    uint64_t less[MONT_WORDS];
    uint64_t borrow = mont_borrow_sub(less, t, M->m, 0);
    uint64_t keep = mont_mask(borrow & (carry ^ 1)); /* t < m */
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) z[i] = less[i] ^ (keep & (less[i] ^ t[i]));
}

/* z = x + y + carry mod m, for a sum below 2m */
MONT_INLINE void mont_carry_add_mod(
    uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t carry, const mont_modulus *M) {
    uint64_t t[MONT_WORDS];
    carry = mont_carry_add(t, x, y, carry);
    mont_reduce_once(z, t, carry, M);
}

/* z = x - y - borrow mod m, for a difference not below -m */
MONT_INLINE void mont_borrow_sub_mod(
    uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t borrow, const mont_modulus *M) {
    uint64_t t[MONT_WORDS], back[MONT_WORDS];
    uint64_t mask = mont_mask(mont_borrow_sub(t, x, y, borrow));
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) back[i] = mask & M->m[i];
    mont_carry_add(z, t, back, 0);
}

/* z = x*y in 2 MONT_WORDS words, not over x or y */
MONT_CALL void mont_product(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    uint64_t carry = 0;
    MONT_UNROLL
    for (int j = 0; j < MONT_WORDS; j++) {
        mont_wide sum = (mont_wide)x[j] * y[0] + carry;
        z[j] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    z[MONT_WORDS] = carry;
    MONT_UNROLL
    for (int i = 1; i < MONT_WORDS; i++) {
        carry = 0;
        MONT_UNROLL
        for (int j = 0; j < MONT_WORDS; j++) {
            mont_wide sum = (mont_wide)x[j] * y[i] + z[i + j] + carry;
            z[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        z[i + MONT_WORDS] = carry;
    }
}

/* z = x/R mod m for x < m*R of 2 MONT_WORDS words. The lower half of x becomes some t <= m; then z = t + upper half.
 * A row makes t = (t + q*m)/2^64 with the q that makes it whole; from t < R comes t < R, whatever the size of m. */
MONT_CALL void mont_redc(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t t[MONT_WORDS];
    MONT_UNROLL
    for (int j = 0; j < MONT_WORDS; j++) t[j] = x[j];
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        uint64_t q = t[0] * M->inv;
        mont_wide sum = (mont_wide)q * M->m[0] + t[0];
        uint64_t carry = (uint64_t)(sum >> 64);
        MONT_UNROLL
        for (int j = 1; j < MONT_WORDS; j++) {
            sum = (mont_wide)q * M->m[j] + t[j] + carry;
            t[j - 1] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        t[MONT_WORDS - 1] = carry;
    }
    uint64_t carry = mont_carry_add(t, t, x + MONT_WORDS, 0);
    mont_reduce_once(z, t, carry, M);
}

/* z = x*y/R mod m, by coarsely integrated operand scanning (Koc, Acar, Kaliski 1996).
 * Invariant after each round: t < x + m < 2m, so that t[MONT_WORDS] is 0 or 1 whatever the size of m and of y. */
MONT_INLINE void mont_mul_rows(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    uint64_t t[MONT_WORDS + 1] = {0};
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide sum;
        uint64_t carry = 0, above, q;
        MONT_UNROLL
        for (int j = 0; j < MONT_WORDS; j++) { /* t += x * y[i] */
            sum = (mont_wide)x[j] * y[i] + t[j] + carry;
            t[j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        sum = (mont_wide)t[MONT_WORDS] + carry;
        t[MONT_WORDS] = (uint64_t)sum;
        above = (uint64_t)(sum >> 64);
        q = t[0] * M->inv; /* t = (t + q*m)/2^64 */
        sum = (mont_wide)q * M->m[0] + t[0];
        carry = (uint64_t)(sum >> 64);
        MONT_UNROLL
        for (int j = 1; j < MONT_WORDS; j++) {
            sum = (mont_wide)q * M->m[j] + t[j] + carry;
            t[j - 1] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        sum = (mont_wide)t[MONT_WORDS] + carry;
        t[MONT_WORDS - 1] = (uint64_t)sum;
        t[MONT_WORDS] = above + (uint64_t)(sum >> 64);
    }
    mont_reduce_once(z, t, t[MONT_WORDS], M);
}

/* z = x^2 in 2 MONT_WORDS words, not over x: the products x[i] x[j], i < j, then all doubled and the squares added */
MONT_CALL void mont_square(uint64_t *z, const uint64_t *x) {
    uint64_t carry = 0, above = 0;
    z[0] = 0;
    MONT_UNROLL
    for (int j = 1; j < MONT_WORDS; j++) {
        mont_wide sum = (mont_wide)x[0] * x[j] + carry;
        z[j] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    z[MONT_WORDS] = carry;
    MONT_UNROLL
    for (int i = 1; i < MONT_WORDS; i++) {
        carry = 0;
        MONT_UNROLL
        for (int j = i + 1; j < MONT_WORDS; j++) {
            mont_wide sum = (mont_wide)x[i] * x[j] + z[i + j] + carry;
            z[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        z[i + MONT_WORDS] = carry;
    }
    carry = 0;
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide square = (mont_wide)x[i] * x[i];
        mont_wide sum = (mont_wide)(z[2 * i] << 1 | above) + (uint64_t)square + carry;
        above = z[2 * i] >> 63;
        z[2 * i] = (uint64_t)sum;
        sum = (mont_wide)(z[2 * i + 1] << 1 | above) + (uint64_t)(square >> 64) + (uint64_t)(sum >> 64);
        above = z[2 * i + 1] >> 63;
        z[2 * i + 1] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

/* Results below 2m are allowed here; these are below m. mont_mul_rows and mont_redc take factors below 2m where 4m < R. */
MONT_INLINE void mont_redc_loose(uint64_t *z, const uint64_t *x, const mont_modulus *M) { mont_redc(z, x, M); }

MONT_INLINE void mont_mul_loose(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    mont_mul_rows(z, x, y, M);
}
