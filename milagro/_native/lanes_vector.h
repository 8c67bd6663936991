/* Eight 64-bit words at once: the operations that lanes.h is written in.
 *
 * With AVX-512 (F, DQ, IFMA) and gcc each is one instruction, and everything after this header is compiled for it: call
 * nothing of such a module before lanes_supported, not even its import. Anywhere else, or where LANES_PORTABLE is
 * defined, a lane is an array of C: slow, but the same text can then be run under memcheck and on any processor.
 * No branch and no address depends on what a lane holds. A lane_mask has a bit for each lane.
 */
#ifndef MILAGRO_LANES_VECTOR_H
#define MILAGRO_LANES_VECTOR_H

#include <stdint.h>
#include <stdlib.h>

#if defined(__x86_64__) && !defined(__clang__) && !defined(LANES_PORTABLE)
#define LANES_IFMA 1 /* clang has no way to say "from here on" without an end, and makes slow code of the same text */
#endif

#define LANES 8
#define LANES_ALL 0xffu
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#define LANES_CALL static __attribute__((noinline, unused))
#define LANES_UNROLL _Pragma("GCC unroll 20")

typedef uint64_t lane_mask; /* bits 0 to 7 */

#ifdef LANES_IFMA

#include <immintrin.h>

#pragma GCC target("avx512f,avx512dq,avx512ifma,bmi2,adx,prefer-vector-width=512")

typedef __m512i lane; /* may alias anything, as the compiler's header says */

LANES_INLINE lane lane_zero(void) { return _mm512_setzero_si512(); }
LANES_INLINE lane lane_all(uint64_t x) { return _mm512_set1_epi64((long long)x); }
LANES_INLINE lane lane_load(const uint64_t *x) { return _mm512_loadu_si512(x); }
LANES_INLINE void lane_store(uint64_t *z, lane x) { _mm512_storeu_si512(z, x); }
LANES_INLINE lane lane_add(lane x, lane y) { return _mm512_add_epi64(x, y); }
LANES_INLINE lane lane_sub(lane x, lane y) { return _mm512_sub_epi64(x, y); }
LANES_INLINE lane lane_and(lane x, lane y) { return _mm512_and_si512(x, y); }
LANES_INLINE lane lane_or(lane x, lane y) { return _mm512_or_si512(x, y); }
LANES_INLINE lane lane_xor(lane x, lane y) { return _mm512_xor_si512(x, y); }
/* shifted down, signed; down; up */
LANES_INLINE lane lane_sar(lane x, unsigned n) { return _mm512_srai_epi64(x, n); }
LANES_INLINE lane lane_shr(lane x, unsigned n) { return _mm512_srli_epi64(x, n); }
LANES_INLINE lane lane_shl(lane x, unsigned n) { return _mm512_slli_epi64(x, n); }
/* z + the lower, or the upper, 52 bits of the product of the lowest 52 bits of x and y */
LANES_INLINE lane lane_lo(lane z, lane x, lane y) { return _mm512_madd52lo_epu64(z, x, y); }
LANES_INLINE lane lane_hi(lane z, lane x, lane y) { return _mm512_madd52hi_epu64(z, x, y); }
/* word number x mod 8 of the table, for each lane */
LANES_INLINE lane lane_lookup(lane x, lane table) { return _mm512_permutexvar_epi64(x, table); }
/* lane at[k] of x, or of y from 8 on, in lane k */
LANES_INLINE lane lane_pick(lane x, lane y, lane at) { return _mm512_permutex2var_epi64(x, at, y); }
/* x where the mask is 1, else z */
LANES_INLINE lane lane_move(lane z, lane x, lane_mask m) { return _mm512_mask_mov_epi64(z, (__mmask8)m, x); }
/* where x is 0; where x, signed, is negative */
LANES_INLINE lane_mask lane_is_zero(lane x) { return _cvtmask8_u32(_mm512_testn_epi64_mask(x, x)); }
LANES_INLINE lane_mask lane_is_negative(lane x) { return _cvtmask8_u32(_mm512_movepi64_mask(x)); }

#else

typedef struct {
    uint64_t w[LANES];
} __attribute__((aligned(64))) lane;

#define LANE_WISE(expression)                                                                                          \
    lane r;                                                                                                            \
    for (int k = 0; k < LANES; k++) r.w[k] = (expression);                                                             \
    return r
#define LANE_LOW(x) ((x) & (((uint64_t)1 << 52) - 1))

LANES_INLINE lane lane_all(uint64_t x) { LANE_WISE(x); }
LANES_INLINE lane lane_zero(void) { return lane_all(0); }
LANES_INLINE lane lane_load(const uint64_t *x) { LANE_WISE(x[k]); }
LANES_INLINE void lane_store(uint64_t *z, lane x) {
    for (int k = 0; k < LANES; k++) z[k] = x.w[k];
}
LANES_INLINE lane lane_add(lane x, lane y) { LANE_WISE(x.w[k] + y.w[k]); }
LANES_INLINE lane lane_sub(lane x, lane y) { LANE_WISE(x.w[k] - y.w[k]); }
LANES_INLINE lane lane_and(lane x, lane y) { LANE_WISE(x.w[k] & y.w[k]); }
LANES_INLINE lane lane_or(lane x, lane y) { LANE_WISE(x.w[k] | y.w[k]); }
LANES_INLINE lane lane_xor(lane x, lane y) { LANE_WISE(x.w[k] ^ y.w[k]); }
LANES_INLINE lane lane_sar(lane x, unsigned n) { LANE_WISE((uint64_t)((int64_t)x.w[k] >> n)); }
LANES_INLINE lane lane_shr(lane x, unsigned n) { LANE_WISE(x.w[k] >> n); }
LANES_INLINE lane lane_shl(lane x, unsigned n) { LANE_WISE(x.w[k] << n); }
LANES_INLINE lane lane_lo(lane z, lane x, lane y) { LANE_WISE(z.w[k] + LANE_LOW(LANE_LOW(x.w[k]) * LANE_LOW(y.w[k]))); }
LANES_INLINE lane lane_hi(lane z, lane x, lane y) {
    LANE_WISE(z.w[k] + (uint64_t)((mont_wide)LANE_LOW(x.w[k]) * LANE_LOW(y.w[k]) >> 52));
}
LANES_INLINE lane lane_lookup(lane x, lane table) {
    lane r = lane_zero();
    for (int k = 0; k < LANES; k++)
        for (uint64_t i = 0; i < LANES; i++) r.w[k] |= mont_mask(mont_word_equal(x.w[k] & 7, i)) & table.w[i];
    return r;
}
/* the positions are public here */
LANES_INLINE lane lane_pick(lane x, lane y, lane at) { LANE_WISE(at.w[k] & 8 ? y.w[at.w[k] & 7] : x.w[at.w[k] & 7]); }
LANES_INLINE lane lane_move(lane z, lane x, lane_mask m) { LANE_WISE(z.w[k] ^ (mont_mask(m >> k & 1) & (z.w[k] ^ x.w[k]))); }
LANES_INLINE lane_mask lane_is_zero(lane x) {
    lane_mask m = 0;
    for (int k = 0; k < LANES; k++) m |= mont_word_is_zero(x.w[k]) << k;
    return m;
}
LANES_INLINE lane_mask lane_is_negative(lane x) {
    lane_mask m = 0;
    for (int k = 0; k < LANES; k++) m |= x.w[k] >> 63 << k;
    return m;
}

#endif

/* Memory in which lanes may lie; to be freed with free. */
LANES_CALL void *lanes_allocate(size_t size) { return aligned_alloc(64, (size + 64) & ~(size_t)63); }

#endif
