/* Montgomery arithmetic on numbers of MONT_WORDS 64-bit words, least significant word first.
 *
 * Include after defining MONT_WORDS. Residues are kept as x*R mod m with R = 2^(64*MONT_WORDS), always fully
 * reduced. The modulus may use every bit of its words (no spare bit is assumed), must be odd and above 2^64.
 *
 * Constant time: no branch and no address depends on a value, only on MONT_WORDS and on lengths. Choices are masks;
 * each mask passes through mont_hide, so that the compiler cannot prove it to be 0 or ~0 and turn it into a branch.
 */
#ifndef MILAGRO_MONT_H
#define MILAGRO_MONT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef MONT_WORDS
#error "define MONT_WORDS before including mont.h"
#endif
#if !defined(__SIZEOF_INT128__)
#error "the native backend needs a compiler with unsigned __int128 (gcc or clang, 64-bit target)"
#endif

__extension__ typedef unsigned __int128 mont_wide;

#define MONT_UNROLL _Pragma("GCC unroll 8")
#define MONT_CALL static __attribute__((noinline, unused))
#define MONT_INLINE static inline __attribute__((always_inline, unused))

typedef struct {
    uint64_t m[MONT_WORDS];     /* the modulus */
    uint64_t one[MONT_WORDS];   /* R mod m */
    uint64_t r2[MONT_WORDS];    /* R^2 mod m */
    uint64_t word[MONT_WORDS];  /* 2^64 * R mod m: multiplying by it shifts up by one word */
    uint64_t half[MONT_WORDS];  /* (m - 1)/2 as a plain number */
    uint64_t inv;               /* -1/m mod 2^64 */
} mont_modulus;

/* ---- single words --------------------------------------------------------------------------------------- */

MONT_INLINE uint64_t mont_hide(uint64_t x) {
    __asm__("" : "+r"(x));
    return x;
}

/* bit 0 -> 0, bit 1 -> ~0 */
MONT_INLINE uint64_t mont_mask(uint64_t bit) { return mont_hide(0 - bit); }

/* 1 if x = 0, else 0 */
MONT_INLINE uint64_t mont_word_is_zero(uint64_t x) { return 1 ^ ((x | (0 - x)) >> 63); }

/* 1 if x = y, else 0 */
MONT_INLINE uint64_t mont_word_equal(uint64_t x, uint64_t y) { return mont_word_is_zero(x ^ y); }

/* ---- plain numbers of MONT_WORDS words ------------------------------------------------------------------ */

MONT_INLINE uint64_t mont_raw_add(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    uint64_t carry = 0;
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide t = (mont_wide)x[i] + y[i] + carry;
        z[i] = (uint64_t)t;
        carry = (uint64_t)(t >> 64);
    }
    return carry;
}

MONT_INLINE uint64_t mont_raw_sub(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    uint64_t borrow = 0;
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) {
        mont_wide t = (mont_wide)x[i] - y[i] - borrow;
        z[i] = (uint64_t)t;
        borrow = (uint64_t)(t >> 64) & 1;
    }
    return borrow;
}

/* z = bit ? x : z */
MONT_INLINE void mont_move(uint64_t *z, const uint64_t *x, uint64_t bit) {
    uint64_t mask = mont_mask(bit);
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) z[i] ^= mask & (z[i] ^ x[i]);
}

/* z |= x where bit = 1: the inner step of a masked table scan, over any number of words */
MONT_INLINE void mont_gather(uint64_t *z, const uint64_t *x, size_t words, uint64_t bit) {
    uint64_t mask = mont_mask(bit);
    for (size_t i = 0; i < words; i++) z[i] |= mask & x[i];
}

MONT_INLINE uint64_t mont_is_zero(const uint64_t *x) {
    uint64_t all = 0;
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) all |= x[i];
    return mont_word_is_zero(all);
}

MONT_INLINE uint64_t mont_equal(const uint64_t *x, const uint64_t *y) {
    uint64_t all = 0;
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) all |= x[i] ^ y[i];
    return mont_word_is_zero(all);
}

/* 1 if x < y, else 0 */
MONT_INLINE uint64_t mont_below(const uint64_t *x, const uint64_t *y) {
    uint64_t rest[MONT_WORDS];
    return mont_raw_sub(rest, x, y);
}

/* `size` big-endian octets (size <= 8*MONT_WORDS) to words, and back */
MONT_CALL void mont_from_octets(uint64_t *z, const uint8_t *octets, size_t size) {
    memset(z, 0, 8 * MONT_WORDS);
    for (size_t i = 0; i < size; i++) z[i / 8] |= (uint64_t)octets[size - 1 - i] << (8 * (i % 8));
}

MONT_CALL void mont_to_octets(uint8_t *octets, const uint64_t *x, size_t size) {
    for (size_t i = 0; i < size; i++) octets[size - 1 - i] = (uint8_t)(x[i / 8] >> (8 * (i % 8)));
}

/* Zero memory that held a secret; the barrier keeps the compiler from dropping a store to a dying buffer. */
MONT_CALL void mont_wipe(void *memory, size_t size) {
    memset(memory, 0, size);
    __asm__ __volatile__("" : : "r"(memory) : "memory");
}

/* Zero the stack below the caller, where the functions that it called kept their variables. */
MONT_CALL void mont_wipe_stack(void) {
    uint8_t below[32768];
    mont_wipe(below, sizeof below);
}

/* ---- residues modulo m ---------------------------------------------------------------------------------- */

/* z = t mod m for t = carry*R + t < 2m */
MONT_INLINE void mont_reduce_once(uint64_t *z, const uint64_t *t, uint64_t carry, const mont_modulus *M) {
    uint64_t less[MONT_WORDS];
    uint64_t borrow = mont_raw_sub(less, t, M->m);
    uint64_t keep = mont_mask(borrow & (carry ^ 1)); /* t < m */
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) z[i] = less[i] ^ (keep & (less[i] ^ t[i]));
}

MONT_INLINE void mont_add(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    uint64_t t[MONT_WORDS];
    uint64_t carry = mont_raw_add(t, x, y);
    mont_reduce_once(z, t, carry, M);
}

MONT_INLINE void mont_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    uint64_t t[MONT_WORDS], back[MONT_WORDS];
    uint64_t mask = mont_mask(mont_raw_sub(t, x, y));
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) back[i] = mask & M->m[i];
    mont_raw_add(z, t, back);
}

MONT_INLINE void mont_neg(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    static const uint64_t zero[MONT_WORDS] = {0};
    mont_sub(z, zero, x, M);
}

/* z = x/2 mod m: x or x + m, whichever is even, shifted down */
MONT_INLINE void mont_halve(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t t[MONT_WORDS];
    uint64_t mask = mont_mask(x[0] & 1);
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS; i++) t[i] = mask & M->m[i];
    uint64_t carry = mont_raw_add(t, x, t);
    MONT_UNROLL
    for (int i = 0; i < MONT_WORDS - 1; i++) z[i] = (t[i] >> 1) | (t[i + 1] << 63);
    z[MONT_WORDS - 1] = (t[MONT_WORDS - 1] >> 1) | (carry << 63);
}

/* z = x*y/R mod m, by coarsely integrated operand scanning (Koc, Acar, Kaliski 1996).
 * Invariant after each round: t < 2m, so that t[MONT_WORDS] is 0 or 1 whatever the size of m. */
MONT_CALL void mont_mul(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
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

/* plain x < m -> x*R mod m, and back */
MONT_CALL void mont_enter(uint64_t *z, const uint64_t *x, const mont_modulus *M) { mont_mul(z, x, M->r2, M); }

MONT_CALL void mont_leave(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t one[MONT_WORDS] = {1};
    mont_mul(z, x, one, M);
}

/* z = x^e for a public exponent e of MONT_WORDS words, by 4-bit windows; 0^e = 0 for e > 0 */
MONT_CALL void mont_pow(uint64_t *z, const uint64_t *x, const uint64_t *e, const mont_modulus *M) {
    uint64_t table[16][MONT_WORDS], t[MONT_WORDS];
    memcpy(table[0], M->one, sizeof t);
    for (int i = 1; i < 16; i++) mont_mul(table[i], table[i - 1], x, M);
    memcpy(t, M->one, sizeof t);
    int at = 16 * MONT_WORDS - 1;
    while (at > 0 && ((e[at / 16] >> (4 * (at % 16))) & 15) == 0) at--;
    for (; at >= 0; at--) {
        uint64_t digit = (e[at / 16] >> (4 * (at % 16))) & 15;
        for (int i = 0; i < 4; i++) mont_mul(t, t, t, M);
        if (digit) mont_mul(t, t, table[digit], M);
    }
    memcpy(z, t, sizeof t);
    mont_wipe(table, sizeof table);
    mont_wipe(t, sizeof t);
}

/* z = the big-endian octets mod m, as a plain number: t = t*2^64 + (next word), from the top */
MONT_CALL void mont_reduce_octets(uint64_t *z, const uint8_t *octets, size_t size, const mont_modulus *M) {
    uint64_t t[MONT_WORDS] = {0}, next[MONT_WORDS] = {0};
    size_t at = 0;
    while (at < size) {
        size_t end = at + ((size - at) % 8 ? (size - at) % 8 : 8);
        next[0] = 0;
        for (; at < end; at++) next[0] = next[0] << 8 | octets[at];
        mont_mul(t, t, M->word, M);
        mont_add(t, t, next, M);
    }
    memcpy(z, t, sizeof t);
    mont_wipe(t, sizeof t);
    mont_wipe(next, sizeof next);
}

/* Everything that is derived from the modulus in M->m. */
MONT_CALL void mont_setup(mont_modulus *M) {
    uint64_t inv = 1, t[MONT_WORDS] = {1}, zero[MONT_WORDS] = {0};
    for (int i = 0; i < 6; i++) inv *= 2 - M->m[0] * inv; /* Newton: 2, 4, .. 64 right bits */
    M->inv = 0 - inv;
    for (int i = 0; i < 64 * MONT_WORDS; i++) mont_add(t, t, t, M);
    memcpy(M->one, t, sizeof t);
    for (int i = 0; i < 64; i++) mont_add(t, t, t, M);
    memcpy(M->word, t, sizeof t);
    for (int i = 64; i < 64 * MONT_WORDS; i++) mont_add(t, t, t, M);
    memcpy(M->r2, t, sizeof t);
    memcpy(M->half, zero, sizeof zero);
    for (int i = 0; i < MONT_WORDS; i++)
        M->half[i] = M->m[i] >> 1 | (i + 1 < MONT_WORDS ? M->m[i + 1] << 63 : 0);
}

#endif
