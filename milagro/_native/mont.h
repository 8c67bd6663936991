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
    uint64_t spare;             /* 1 if 2m < R: a sum of two residues fits */
    uint64_t roomy;             /* 1 if 4m < R: products need not be fully reduced before they are multiplied again */
    uint64_t r3[MONT_WORDS];    /* R^3 mod m */
    int rounds;                 /* of mont_inverse */
} mont_modulus;

/* ---- single words --------------------------------------------------------------------------------------- */

MONT_INLINE uint64_t mont_hide(uint64_t x) {
    __asm__("" : "+r"(x));
    return x;
}

MONT_INLINE uint64_t mont_not(uint64_t bit) { return bit ^ 1; }

/* bit 0 -> 0, bit 1 -> ~0 */
MONT_INLINE uint64_t mont_mask(uint64_t bit) { return mont_hide(0 - bit); }

/* 1 if x = 0, else 0 */
MONT_INLINE uint64_t mont_word_is_zero(uint64_t x) { return 1 ^ ((x | (0 - x)) >> 63); }

/* 1 if x = y, else 0 */
MONT_INLINE uint64_t mont_word_equal(uint64_t x, uint64_t y) { return mont_word_is_zero(x ^ y); }

/* ---- plain numbers of MONT_WORDS words ------------------------------------------------------------------ */

/* The kernels that carry: in assembly where MONT_X86 is asked for and the target has it (without optimisation, or with
 * the address sanitizer, there are too few registers for it: such a build is portable). mont_supported says whether the
 * module is what was asked for and this processor can run it (CPUID leaf 7: bit 8 of EBX is BMI2, bit 19 is ADX). */
#if defined(MONT_X86) && defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
#include <cpuid.h>
#include "mont_x86.h"
MONT_CALL int mont_supported(void) {
    unsigned int a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 8 & 1) && (b >> 19 & 1);
}
#elif defined(MONT_X86)
#undef MONT_X86
#include "mont_portable.h"
MONT_CALL int mont_supported(void) { return 0; }
#else
#include "mont_portable.h"
MONT_CALL int mont_supported(void) { return 1; }
#endif

MONT_INLINE uint64_t mont_raw_add(uint64_t *z, const uint64_t *x, const uint64_t *y) { return mont_carry_add(z, x, y, 0); }

MONT_INLINE uint64_t mont_raw_sub(uint64_t *z, const uint64_t *x, const uint64_t *y) { return mont_borrow_sub(z, x, y, 0); }

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

/* Zero the vector registers that copies of structures and memcpy pass through: the loader would write what is left in
 * them to the stack the first time that a function of another library is called. */
MONT_CALL void mont_wipe_registers(void) {
#if defined(__x86_64__)
    static const uint8_t zeros[2][256];
    uint8_t copy[256];
    for (volatile size_t i = 0; i < 2; i++) memcpy(copy, zeros[i], 32 << (3 * i));
    __asm__ __volatile__("" : : "r"(copy) : "memory");
    __asm__ __volatile__(
        "pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\t"
        "pxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\tpxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\t"
        "pxor %%xmm8, %%xmm8\n\tpxor %%xmm9, %%xmm9\n\tpxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\t"
        "pxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\tpxor %%xmm14, %%xmm14\n\tpxor %%xmm15, %%xmm15"
        :
        :
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15");
#endif
}

/* Zero the stack below the caller, where the functions that it called kept their variables, and the registers. */
MONT_CALL void mont_wipe_stack(void) {
    uint8_t below[32768];
    mont_wipe(below, sizeof below);
    mont_wipe_registers();
}

/* ---- residues modulo m ---------------------------------------------------------------------------------- */

MONT_INLINE void mont_add(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    mont_carry_add_mod(z, x, y, 0, M);
}

MONT_INLINE void mont_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    mont_borrow_sub_mod(z, x, y, 0, M);
}

/* The same as calls: where a line of code runs once, fetching it costs more than the call */
MONT_CALL void mont_add_called(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    mont_add(z, x, y, M);
}

MONT_CALL void mont_sub_called(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    mont_sub(z, x, y, M);
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

/* z = x*y/R mod m for x < m and any y < R */
MONT_CALL void mont_mul(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
#ifdef MONT_X86
    if (!M->spare) {
        uint64_t product[2 * MONT_WORDS];
        mont_product(product, x, y);
        mont_redc(z, product, M);
        return;
    }
#endif
    mont_mul_rows(z, x, y, M);
}

/* z = x^2/R mod m */
MONT_CALL void mont_sqr(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t square[2 * MONT_WORDS];
    mont_square(square, x);
    mont_redc(z, square, M);
}

/* plain x < m -> x*R mod m, and back */
MONT_CALL void mont_enter(uint64_t *z, const uint64_t *x, const mont_modulus *M) { mont_mul(z, x, M->r2, M); }

MONT_CALL void mont_leave(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t one[MONT_WORDS] = {1};
    mont_mul(z, x, one, M);
}

/* Parity of the plain number of a residue */
MONT_CALL uint64_t mont_odd(const uint64_t *x, const mont_modulus *M) {
    uint64_t t[MONT_WORDS];
    mont_leave(t, x, M);
    return t[0] & 1;
}

/* Within a power: z = x*y/R and x^2/R, where the modulus is roomy below 2m from factors below 2m */
MONT_CALL void mont_pow_mul(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    if (M->roomy)
        mont_mul_loose(z, x, y, M);
    else
        mont_mul(z, x, y, M);
}

MONT_CALL void mont_pow_sqr(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    uint64_t square[2 * MONT_WORDS];
    mont_square(square, x);
    if (M->roomy)
        mont_redc_loose(z, square, M);
    else
        mont_redc(z, square, M);
}

#define MONT_POW_WINDOW 5
#define MONT_ROWS 2

/* z[k] = x[k]^e for `rows` numbers one behind the other and a public exponent e of MONT_WORDS words, by sliding windows
 * over odd powers; 0^e = 0 for e > 0. All take each step together, since a processor can multiply one number while it
 * still waits for the other's carries. */
MONT_CALL void mont_pow_rows(uint64_t *z, const uint64_t *x, int rows, const uint64_t *e, const mont_modulus *M) {
    uint64_t odd[1 << (MONT_POW_WINDOW - 1)][MONT_ROWS][MONT_WORDS], t[MONT_ROWS][MONT_WORDS];
    static const uint64_t zero[MONT_WORDS] = {0};
    int begun = 0, at = 64 * MONT_WORDS - 1;
#define EXPONENT_BIT(i) (e[(i) / 64] >> ((i) % 64) & 1)
    for (int k = 0; k < rows; k++) {
        memcpy(odd[0][k], x + k * MONT_WORDS, sizeof odd[0][k]);
        mont_pow_sqr(t[k], odd[0][k], M);
    }
    for (int i = 1; i < 1 << (MONT_POW_WINDOW - 1); i++)
        for (int k = 0; k < rows; k++) mont_pow_mul(odd[i][k], odd[i - 1][k], t[k], M);
    for (int k = 0; k < rows; k++) memcpy(t[k], M->one, sizeof t[k]);
    while (at >= 0) {
        if (!EXPONENT_BIT(at)) {
            for (int k = 0; begun && k < rows; k++) mont_pow_sqr(t[k], t[k], M);
            at--;
            continue;
        }
        int end = at < MONT_POW_WINDOW - 1 ? 0 : at - MONT_POW_WINDOW + 1, digit = 0;
        while (!EXPONENT_BIT(end)) end++;
        for (; at >= end; at--) {
            digit = 2 * digit + (int)EXPONENT_BIT(at);
            for (int k = 0; begun && k < rows; k++) mont_pow_sqr(t[k], t[k], M);
        }
        for (int k = 0; k < rows; k++) {
            if (begun)
                mont_pow_mul(t[k], t[k], odd[digit / 2][k], M);
            else
                memcpy(t[k], odd[digit / 2][k], sizeof t[k]);
        }
        begun = 1;
    }
#undef EXPONENT_BIT
    for (int k = 0; k < rows; k++) mont_add(z + k * MONT_WORDS, t[k], zero, M); /* below m */
    mont_wipe(odd, sizeof odd);
    mont_wipe(t, sizeof t);
}

MONT_CALL void mont_pow(uint64_t *z, const uint64_t *x, const uint64_t *e, const mont_modulus *M) {
    mont_pow_rows(z, x, 1, e, M);
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

/* z = the big-endian octets mod m, in Montgomery form. Up to twice MONT_WORDS words: (high*R + low)*R is a product of high
 * with R^3 and one of low with R^2; a second factor may be any number below R. */
MONT_CALL void mont_enter_octets(uint64_t *z, const uint8_t *octets, size_t size, const mont_modulus *M) {
    uint64_t low[MONT_WORDS], high[MONT_WORDS];
    if (size > 16 * MONT_WORDS) {
        mont_reduce_octets(low, octets, size, M);
        mont_enter(z, low, M);
        mont_wipe(low, sizeof low);
        return;
    }
    size_t above = size > 8 * MONT_WORDS ? size - 8 * MONT_WORDS : 0;
    mont_from_octets(low, octets + above, size - above);
    mont_mul(z, M->r2, low, M);
    if (above) {
        mont_from_octets(high, octets, above);
        mont_mul(high, M->r3, high, M);
        mont_add(z, z, high, M);
        mont_wipe(high, sizeof high);
    }
    mont_wipe(low, sizeof low);
}

#include "mont_inverse.h"

/* 1 if x is a square or 0, for a prime m; for two numbers; for a public one, in variable time */
MONT_INLINE uint64_t mont_is_square(const uint64_t *x, const mont_modulus *M) {
    return (uint64_t)(mont_jacobi(x, M) + 1) >> 1 | mont_is_zero(x);
}

MONT_INLINE void mont_are_squares(
    uint64_t *first, uint64_t *second, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    *first = mont_is_square(x, M);
    *second = mont_is_square(y, M);
}

MONT_INLINE uint64_t mont_is_square_vartime(const uint64_t *x, const mont_modulus *M) {
    return mont_jacobi_vartime(x, M) >= 0;
}

/* ---- products before their reduction: numbers below m*R, of 2 MONT_WORDS words ------------------------------- */

/* z = x + y mod m*R */
MONT_INLINE void mont_wide_add(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    uint64_t carry = mont_raw_add(z, x, y);
    mont_carry_add_mod(z + MONT_WORDS, x + MONT_WORDS, y + MONT_WORDS, carry, M);
}

/* z = x - y mod m*R */
MONT_INLINE void mont_wide_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    uint64_t borrow = mont_raw_sub(z, x, y);
    mont_borrow_sub_mod(z + MONT_WORDS, x + MONT_WORDS, y + MONT_WORDS, borrow, M);
}

/* z = x - y for y <= x */
MONT_INLINE void mont_wide_sub_plain(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    uint64_t borrow = mont_raw_sub(z, x, y);
    mont_borrow_sub(z + MONT_WORDS, x + MONT_WORDS, y + MONT_WORDS, borrow);
}

#include "mont_tower.h"

/* Everything that is derived from the modulus in M->m. */
MONT_CALL void mont_setup(mont_modulus *M) {
    uint64_t inv = 1, t[MONT_WORDS] = {1}, zero[MONT_WORDS] = {0};
    for (int i = 0; i < 6; i++) inv *= 2 - M->m[0] * inv; /* Newton: 2, 4, .. 64 right bits */
    M->inv = 0 - inv;
    M->spare = 1 ^ (M->m[MONT_WORDS - 1] >> 63);
    M->roomy = mont_word_is_zero(M->m[MONT_WORDS - 1] >> 62);
    for (int i = 0; i < 64 * MONT_WORDS; i++) mont_add(t, t, t, M);
    memcpy(M->one, t, sizeof t);
    for (int i = 0; i < 64; i++) mont_add(t, t, t, M);
    memcpy(M->word, t, sizeof t);
    for (int i = 64; i < 64 * MONT_WORDS; i++) mont_add(t, t, t, M);
    memcpy(M->r2, t, sizeof t);
    mont_mul(M->r3, M->r2, M->r2, M);
    int bits = 64 * MONT_WORDS;
    while (!(M->m[(bits - 1) / 64] >> ((bits - 1) % 64) & 1)) bits--;
    M->rounds = gcd_rounds(bits);
    memcpy(M->half, zero, sizeof zero);
    for (int i = 0; i < MONT_WORDS; i++)
        M->half[i] = M->m[i] >> 1 | (i + 1 < MONT_WORDS ? M->m[i + 1] << 63 : 0);
}

#endif
