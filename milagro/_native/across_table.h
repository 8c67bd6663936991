/* What a module that computes across the lanes offers to the module of words of the same size: one product of pairings.
 *
 * Each pair comes as the lines of its point of G2, in the order of the loop, and as two numbers of its point of G1, residues
 * of mont.h all: of a prepared point m and n of each line and (-x/y, 1/y); else l1 and l2 of each line, l0 in an array of its
 * own, and (y, x). pairing.pxi says what the letters are. f = 12 field elements as in fp12_t; or, where f is NULL,
 * *is_one = 1 or 0. Constant time.
 */
#ifndef MILAGRO_ACROSS_TABLE_H
#define MILAGRO_ACROSS_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint64_t *lines;
    const uint64_t *l0; /* NULL where the point is prepared */
    const uint64_t *P;
} across_pair;

typedef struct {
    const void *curve; /* the first argument */
    void (*product)(const void *curve, uint64_t *f, uint64_t *is_one, const across_pair *pairs, ptrdiff_t count);
} across_table;

#endif
