/* Eight numbers that stand in memory by themselves, as digits one after the other: number k begins at rows + index[k]. */
#ifndef MILAGRO_LANES_ROWS_H
#define MILAGRO_LANES_ROWS_H

#include "lanes.h"

#ifdef LANES_IFMA

LANES_CALL void lanes_read_rows(lane *z, const uint64_t *rows, const int64_t *index) {
    lane at = _mm512_loadu_si512(index);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) z[i] = _mm512_i64gather_epi64(at, rows + i, 8);
}

/* The numbers of the lanes in the mask; where two lanes have one place, the last of them stays. */
LANES_CALL void lanes_write_rows(uint64_t *rows, const int64_t *index, const lane *z, lane_mask m) {
    lane at = _mm512_loadu_si512(index);
    LANES_UNROLL
    for (int i = 0; i < LANES_DIGITS; i++) _mm512_mask_i64scatter_epi64(rows + i, (__mmask8)m, at, z[i], 8);
}

#else

LANES_CALL void lanes_read_rows(lane *z, const uint64_t *rows, const int64_t *index) {
    for (int i = 0; i < LANES_DIGITS; i++)
        for (int k = 0; k < LANES; k++) z[i].w[k] = rows[index[k] + i];
}

LANES_CALL void lanes_write_rows(uint64_t *rows, const int64_t *index, const lane *z, lane_mask m) {
    for (int i = 0; i < LANES_DIGITS; i++)
        for (int k = 0; k < LANES; k++)
            if (m >> k & 1) rows[index[k] + i] = z[i].w[k];
}

#endif

#endif
