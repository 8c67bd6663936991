/* Inverses and Jacobi symbols, without a power. Part of mont.h.
 *
 * Inverse: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion" (eprint 2019/266), with delta
 * starting at 1/2 (Wuille). One division step on (delta, f, g), f odd:
 *
 *     delta > 0 and g odd:  (1 - delta, g, (g - f)/2)         else:  (1 + delta, f, (g + (g mod 2) f)/2)
 *
 * A round is 62 steps on the lowest words alone, giving a matrix with 2^62 (f', g') = (u v; q r)(f, g); it is then applied
 * to the whole of f and g, and modulo m to d and e, where always f = d*x and g = e*x modulo m. After enough rounds, a
 * number fixed by the length of m, g = 0 and f = +-1 (or x = 0 and d = 0).
 */
#define GCD_BITS 62
#define GCD_LIMBS (MONT_WORDS + 1)
#define GCD_MASK (~(uint64_t)0 >> (64 - GCD_BITS))

__extension__ typedef __int128 mont_signed_wide;

typedef struct { /* the sum of v[i] * 2^(62 i); all limbs but the last in [0, 2^62), the last with the sign */
    int64_t v[GCD_LIMBS];
} gcd_number;

typedef struct {
    int64_t u, v, q, r;
} gcd_matrix;

/* How many rounds end for every x modulo an m of so many bits: (45907 b + 26313)/19929 steps (Wuille's convex hulls) */
MONT_INLINE int gcd_rounds(int bits) { return ((45907 * bits + 26313) / 19929 + GCD_BITS - 1) / GCD_BITS; }

MONT_INLINE void gcd_from_words(gcd_number *z, const uint64_t *x) {
    for (int i = 0; i < GCD_LIMBS; i++) {
        int at = GCD_BITS * i / 64, shift = GCD_BITS * i % 64;
        uint64_t limb = at < MONT_WORDS ? x[at] >> shift : 0;
        if (shift && at + 1 < MONT_WORDS) limb |= x[at + 1] << (64 - shift);
        z->v[i] = (int64_t)(limb & GCD_MASK);
    }
}

/* of a number in [0, 2^(64 MONT_WORDS)) */
MONT_INLINE void gcd_to_words(uint64_t *z, const gcd_number *x) {
    for (int i = 0; i < MONT_WORDS; i++) {
        int at = 64 * i / GCD_BITS, shift = 64 * i % GCD_BITS;
        z[i] = (uint64_t)x->v[at] >> shift | (uint64_t)x->v[at + 1] << (GCD_BITS - shift);
    }
}

/* One round of steps. `half` is -(delta + 1/2), negative exactly if delta > 0. */
MONT_INLINE int64_t gcd_steps(gcd_matrix *t, int64_t half, uint64_t f, uint64_t g) {
    uint64_t u = 1, v = 0, q = 0, r = 1;
    for (int i = 0; i < GCD_BITS; i++) {
        uint64_t odd = mont_mask(g & 1), minus = mont_mask((uint64_t)half >> 63);
        g += odd & ((f ^ minus) - minus); /* g odd: g - f or g + f */
        q += odd & ((u ^ minus) - minus);
        r += odd & ((v ^ minus) - minus);
        minus &= odd;
        f += minus & g; /* f + (g - f) */
        u += minus & q;
        v += minus & r;
        half = (int64_t)((uint64_t)half ^ minus) - 1; /* 1 - delta or 1 + delta */
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *t = (gcd_matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return half;
}

/* (f, g) = t (f, g)/2^62, which is exact */
MONT_INLINE void gcd_apply(gcd_number *f, gcd_number *g, const gcd_matrix *t) {
    mont_signed_wide cf = 0, cg = 0;
    for (int i = 0; i < GCD_LIMBS; i++) {
        int64_t fi = f->v[i], gi = g->v[i];
        cf += (mont_signed_wide)t->u * fi + (mont_signed_wide)t->v * gi;
        cg += (mont_signed_wide)t->q * fi + (mont_signed_wide)t->r * gi;
        if (i) {
            f->v[i - 1] = (int64_t)((uint64_t)cf & GCD_MASK);
            g->v[i - 1] = (int64_t)((uint64_t)cg & GCD_MASK);
        }
        cf >>= GCD_BITS;
        cg >>= GCD_BITS;
    }
    f->v[GCD_LIMBS - 1] = (int64_t)cf;
    g->v[GCD_LIMBS - 1] = (int64_t)cg;
}

/* (d, e) = t (d, e)/2^62 modulo m, from (-2m, m) to (-2m, m): m is added once for each factor of a negative number, and
 * then as often as makes the lowest limb vanish. `inverse` is 1/m mod 2^62. */
MONT_INLINE void gcd_apply_modulo(
    gcd_number *d, gcd_number *e, const gcd_matrix *t, const gcd_number *m, uint64_t inverse) {
    int64_t sd = d->v[GCD_LIMBS - 1] >> 63, se = e->v[GCD_LIMBS - 1] >> 63;
    int64_t md = (t->u & sd) + (t->v & se), me = (t->q & sd) + (t->r & se);
    mont_signed_wide cd = 0, ce = 0;
    for (int i = 0; i < GCD_LIMBS; i++) {
        int64_t di = d->v[i], ei = e->v[i];
        cd += (mont_signed_wide)t->u * di + (mont_signed_wide)t->v * ei;
        ce += (mont_signed_wide)t->q * di + (mont_signed_wide)t->r * ei;
        if (i == 0) {
            md -= (int64_t)((inverse * (uint64_t)cd + (uint64_t)md) & GCD_MASK);
            me -= (int64_t)((inverse * (uint64_t)ce + (uint64_t)me) & GCD_MASK);
        }
        cd += (mont_signed_wide)m->v[i] * md;
        ce += (mont_signed_wide)m->v[i] * me;
        if (i) {
            d->v[i - 1] = (int64_t)((uint64_t)cd & GCD_MASK);
            e->v[i - 1] = (int64_t)((uint64_t)ce & GCD_MASK);
        }
        cd >>= GCD_BITS;
        ce >>= GCD_BITS;
    }
    d->v[GCD_LIMBS - 1] = (int64_t)cd;
    e->v[GCD_LIMBS - 1] = (int64_t)ce;
}

/* x = (sign x) + (m where the result so far is negative), limbs carried; sign is 0 or ~0 for minus */
MONT_INLINE void gcd_normalise(gcd_number *x, uint64_t sign, const gcd_number *m) {
    for (int pass = 0; pass < 2; pass++) {
        uint64_t add = (uint64_t)(x->v[GCD_LIMBS - 1] >> 63), minus = pass ? 0 : sign;
        int64_t carry = 0;
        for (int i = 0; i < GCD_LIMBS; i++) {
            uint64_t limb = (uint64_t)x->v[i] + (add & (uint64_t)m->v[i]);
            carry += (int64_t)((limb ^ minus) - minus);
            x->v[i] = i + 1 < GCD_LIMBS ? (int64_t)((uint64_t)carry & GCD_MASK) : carry;
            carry >>= GCD_BITS;
        }
    }
}

/* z = 1/x mod m for plain x < m, and 0 for 0 */
MONT_CALL void mont_inverse(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    gcd_number m, f, g, d = {{0}}, e = {{1}};
    gcd_matrix t;
    int64_t half = -1;
    gcd_from_words(&m, M->m);
    gcd_from_words(&g, x);
    f = m;
    for (int i = 0; i < M->rounds; i++) {
        half = gcd_steps(&t, half, (uint64_t)f.v[0], (uint64_t)g.v[0]);
        gcd_apply_modulo(&d, &e, &t, &m, 0 - M->inv);
        gcd_apply(&f, &g, &t);
    }
    gcd_normalise(&d, mont_mask((uint64_t)f.v[GCD_LIMBS - 1] >> 63), &m);
    gcd_to_words(z, &d);
    mont_wipe(&f, sizeof f);
    mont_wipe(&g, sizeof g);
    mont_wipe(&d, sizeof d);
    mont_wipe(&e, sizeof e);
    mont_wipe(&t, sizeof t);
}

/* The Jacobi symbol, after Hamburg, "Computing the Jacobi symbol using Bernstein-Yang" (eprint 2021/1271), with an argument of
 * our own. Of (g/|f|) one division step keeps, by the rules of reciprocity for odd numbers of both signs,
 *
 *     (g/|f|) = (2/|f'|) (g'/|f'|) (-1)^((g-1)/2 (f+1)/2) s         s = -1 if f > 0 and g < 0, else 1
 *
 * with the last two factors only where f' = g. All but s is told by three bits of f and two of g. For s, see (f, g) as a
 * vector in the plane: exchanging, f' = g and g' = (g - f)/2, turns it clockwise by a right angle and shears it along the
 * second axis; the other step only shears it. So f changes its sign once for every half turn, and s counts every second
 * change: after n of them from f = m > 0, s has been -1 for (n + 1)/2 times, rounded down. n modulo 4 is needed.
 *
 * During a round only low words of f and g are at hand, but the matrix is exact: the changes of sign of its u are the half
 * turns of the vector (1, 0), or of (-1, 0). Of these two take the one on the side of the first axis where (f, g) was when
 * the round began. Less than half a turn lies between them, then and, since all steps are linear, ever after; it is to the
 * same side; so their counts differ by no more than 1, and by how much is told by the signs of f, before and after, and
 * of g: a vector with g on the same side as f is behind. (u = 0 is a vector on the second axis. It stands there only
 * after the first exchange, with q < 0, and counts as not across: q/u is 0, then infinite or with an even denominator.) */

/* As gcd_steps, from 64 bits of f and g. Adds up the half turns of (u, q), and the signs that the low bits tell. */
MONT_INLINE int64_t gcd_steps_symbol(
    gcd_matrix *t, int64_t half, uint64_t f, uint64_t g, uint64_t *turns, uint64_t *signs) {
    uint64_t u = 1, v = 0, q = 0, r = 1, n = 0, flips = 0;
    for (int i = 0; i < GCD_BITS; i++) {
        uint64_t odd = mont_mask(g & 1), minus = mont_mask((uint64_t)half >> 63), before = u;
        flips ^= odd & minus & g & ~f; /* bit 1: g = 3 and f = 1 mod 4 */
        g += odd & ((f ^ minus) - minus);
        q += odd & ((u ^ minus) - minus);
        r += odd & ((v ^ minus) - minus);
        minus &= odd;
        f += minus & g;
        u += minus & q;
        v += minus & r;
        half = (int64_t)((uint64_t)half ^ minus) - 1;
        n += (before ^ u) >> 63;
        flips ^= f ^ f >> 1; /* bit 1: f = 3 or 5 mod 8 */
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *t = (gcd_matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    *turns = n;
    *signs ^= flips;
    return half;
}

/* The Jacobi symbol (x/m): 1, -1, or 0. Of x in Montgomery form it is the same, since R is a square. */
MONT_CALL int mont_jacobi(const uint64_t *x, const mont_modulus *M) {
    gcd_number f, g;
    gcd_matrix t;
    int64_t half = -1;
    uint64_t turns = 0, n, signs = 0, rest = 0;
    gcd_from_words(&f, M->m);
    gcd_from_words(&g, x);
    for (int i = 0; i < M->rounds; i++) {
        uint64_t f_minus = (uint64_t)f.v[GCD_LIMBS - 1] >> 63, g_minus = (uint64_t)g.v[GCD_LIMBS - 1] >> 63;
        half = gcd_steps_symbol(&t, half, (uint64_t)f.v[0] | (uint64_t)f.v[1] << GCD_BITS,
                                (uint64_t)g.v[0] | (uint64_t)g.v[1] << GCD_BITS, &n, &signs);
        gcd_apply(&f, &g, &t);
        uint64_t unlike = (n ^ f_minus ^ (uint64_t)f.v[GCD_LIMBS - 1] >> 63) & 1; /* one more or one less: 1 or ~0 */
        turns += n + (unlike ^ (mont_mask(1 ^ f_minus ^ g_minus) & (0 - 2 * unlike)));
    }
    gcd_normalise(&f, mont_mask((uint64_t)f.v[GCD_LIMBS - 1] >> 63), &g); /* |f|, as g = 0: the greatest common divisor */
    for (int i = 0; i < GCD_LIMBS; i++) rest |= (uint64_t)(f.v[i] ^ (i == 0));
    signs = (signs ^ (turns + 1)) >> 1 & 1;
    mont_wipe(&f, sizeof f);
    mont_wipe(&g, sizeof g);
    mont_wipe(&t, sizeof t);
    return (int)mont_word_is_zero(rest) * (1 - 2 * (int)signs);
}

/* The same for a public x, in variable time. Binary algorithm: factors 2 of x count by m mod 8, an exchange of two odd
 * numbers by both mod 4. */
MONT_CALL int mont_jacobi_vartime(const uint64_t *x, const mont_modulus *M) {
    uint64_t f[MONT_WORDS], g[MONT_WORDS], less[MONT_WORDS], flips = 0;
    memcpy(f, M->m, sizeof f);
    memcpy(g, x, sizeof g);
    while (!mont_is_zero(g)) {
        while (g[0] == 0) { /* 2^64 is a square */
            for (int i = 0; i + 1 < MONT_WORDS; i++) g[i] = g[i + 1];
            g[MONT_WORDS - 1] = 0;
        }
        int zeros = __builtin_ctzll(g[0]);
        MONT_UNROLL
        for (int i = 0; i < MONT_WORDS; i++)
            g[i] = g[i] >> zeros | (i + 1 < MONT_WORDS ? g[i + 1] << 1 << (63 - zeros) : 0);
        flips ^= (uint64_t)zeros & (f[0] >> 1 ^ f[0] >> 2); /* (2/f) = -1 for f = 3, 5 mod 8 */
        uint64_t swap = mont_mask(mont_raw_sub(less, g, f)); /* g < f: exchange, and f - g */
        flips ^= swap & f[0] & g[0] >> 1 & f[0] >> 1;
        uint64_t carry = swap & 1;
        MONT_UNROLL
        for (int i = 0; i < MONT_WORDS; i++) {
            f[i] ^= swap & (f[i] ^ g[i]);
            less[i] ^= swap;
            less[i] += carry;
            carry &= less[i] == 0;
            g[i] = less[i];
        }
    }
    uint64_t rest = f[0] ^ 1;
    for (int i = 1; i < MONT_WORDS; i++) rest |= f[i];
    return rest ? 0 : 1 - 2 * (int)(flips & 1);
}
