/* What a module of lanes offers to the module of words of the same size: functions on plain arrays of words, so that no
 * secret becomes an object on the way. Field elements are residues of mont.h, elements of Fp2 two of them, points
 * three elements (X : Y : Z), scalars MONT_WORDS words.
 *
 * n may be any number; groups of eight are formed inside, and a group that is not full works on copies of its first value.
 * Constant time like the single operations, but for map_original. -1 means that there was no memory.
 */
#ifndef MILAGRO_LANES_TABLE_H
#define MILAGRO_LANES_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const void *curve; /* the first argument of each function */

    /* R_i = k_i P_i for points of order r or 1; a step counts points or scalars, 0 for one that all share */
    void (*multiply_g1)(const void *curve, uint64_t *R, const uint64_t *P, ptrdiff_t next_point, const uint64_t *k,
                        ptrdiff_t next_scalar, ptrdiff_t n);
    void (*multiply_g2)(const void *curve, uint64_t *R, const uint64_t *P, ptrdiff_t next_point, const uint64_t *k,
                        ptrdiff_t next_scalar, ptrdiff_t n);

    /* R_i from message i: `count` field elements of `size` uniform octets each, one message after the other */
    void (*hash_g1)(const void *curve, uint64_t *R, const uint8_t *u, ptrdiff_t size, ptrdiff_t count, ptrdiff_t n);
    void (*hash_g2)(const void *curve, uint64_t *R, const uint8_t *u, ptrdiff_t size, ptrdiff_t count, ptrdiff_t n);

    /* The original library's map of the public octets h_i, of size_i, in variable time; found_i = 0 where the caller has to
     * go on by itself (a point whose order divides the cofactor). */
    void (*map_original_g1)(const void *curve, uint64_t *R, uint8_t *found, const uint8_t *const *h, const size_t *size,
                            ptrdiff_t n);

    /* prod_j e(P_ij, Q_ij) for j < m. P and Q hold n*m pointers, item after item: to points (neither the identity), or to the
     * lines of a prepared point where prepared[j]. f_i = 12 field elements a.a.a, a.a.b, a.b.a .. as in fp12_t; or,
     * where f is NULL, is_one_i = 1 or 0. */
    int (*products)(const void *curve, uint64_t *f, uint8_t *is_one, const uint64_t *const *P, const uint64_t *const *Q,
                    const uint8_t *prepared, ptrdiff_t m, ptrdiff_t n);

    /* For each window of `width` bits of the n public parts, signed numbers of MONT_WORDS words below 2^bits in size:
     * the sum of the points (x, y) times their digits, bits/width + 1 points, least significant first. */
    int (*window_sums)(const void *curve, uint64_t *sums, const uint64_t *xy, const uint64_t *parts, ptrdiff_t n, int bits,
                       int width);
} lanes_table;

#endif
