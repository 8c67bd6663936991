/* Short signed scalars: k = sum a_i lambda^i mod r by rounding towards a lattice, and their digits.
 *
 * Include after mont.h. A short scalar is a number of MONT_WORDS words in two's complement. Constant time.
 */
#ifndef MILAGRO_SPLIT_H
#define MILAGRO_SPLIT_H

/* c = floor(k*g / 2^(64*(MONT_WORDS + 1)) + 1/2) for g of MONT_WORDS + 1 words */
MONT_CALL void split_round(uint64_t *c, const uint64_t *k, const uint64_t *g) {
    uint64_t t[2 * MONT_WORDS + 1] = {0};
    for (int i = 0; i < MONT_WORDS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j <= MONT_WORDS; j++) {
            mont_wide sum = (mont_wide)k[i] * g[j] + t[i + j] + carry;
            t[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        t[i + MONT_WORDS + 1] = carry;
    }
    uint64_t carry = t[MONT_WORDS] >> 63;
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide sum = (mont_wide)t[MONT_WORDS + 1 + i] + carry;
        c[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    mont_wipe(t, sizeof t);
}

/* a -= c*b modulo 2^(64*MONT_WORDS) */
MONT_CALL void split_subtract(uint64_t *a, const uint64_t *c, const uint64_t *b) {
    uint64_t t[MONT_WORDS] = {0};
    for (int i = 0; i < MONT_WORDS; i++) {
        uint64_t carry = 0;
        for (int j = 0; i + j < MONT_WORDS; j++) {
            mont_wide sum = (mont_wide)c[i] * b[j] + t[i + j] + carry;
            t[i + j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
    }
    mont_raw_sub(a, a, t);
    mont_wipe(t, sizeof t);
}

/* Digit number `at` of a, in base 2^width with digits from -2^(width-1) to 2^(width-1) (Booth 1951): the bits from
 * width*at - 1 to width*at + width - 1. The size comes back, the sign (1 for minus) in *sign. The caller sees to it
 * that the bits lie in the words. */
MONT_INLINE uint64_t split_digit(const uint64_t *a, int at, int width, uint64_t *sign) {
    int low = width * at - 1;
    uint64_t t, size, mask;
    if (at == 0) {
        t = a[0] << 1;
    } else {
        t = a[low / 64] >> (low % 64);
        if (low % 64 > 63 - width && low / 64 + 1 < MONT_WORDS) t |= a[low / 64 + 1] << (64 - low % 64);
    }
    t &= ((uint64_t)2 << width) - 1;
    *sign = t >> width;
    size = (t + 1) >> 1;
    mask = mont_mask(*sign);
    return size ^ (mask & (size ^ (((uint64_t)1 << width) - size)));
}

/* The non-adjacent form of width `width` of a public a, least significant digit first: odd digits below
 * 2^(width-1) in size, at least width - 1 zeros between two. `size` digits are written. Variable time. */
MONT_CALL void split_naf(int8_t *digits, int size, const uint64_t *a, int width) {
    uint64_t n[MONT_WORDS + 1], carry = a[MONT_WORDS - 1] >> 63, flip = 0 - carry;
    int8_t minus = carry ? -1 : 1;
    for (int i = 0; i < MONT_WORDS; i++) { /* the size of a */
        n[i] = (a[i] ^ flip) + carry;
        carry &= n[i] == 0;
    }
    n[MONT_WORDS] = 0;
    memset(digits, 0, (size_t)size);
    carry = 0;
    for (int at = 0; at < size;) {
        uint64_t bits = n[at / 64] >> (at % 64);
        if (at % 64) bits |= n[at / 64 + 1] << (64 - at % 64);
        if ((bits & 1) == carry) {
            at++;
            continue;
        }
        int digit = (int)((bits & (((uint64_t)1 << width) - 1)) + carry);
        carry = digit >> (width - 1) & 1;
        digits[at] = (int8_t)(minus * (digit - (int)(carry << width)));
        at += width;
    }
}

#endif
