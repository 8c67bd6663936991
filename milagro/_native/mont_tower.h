/* Sums, products and reductions for the towers: on numbers of MONT_WORDS words, on products before their reduction, of
 * 2 MONT_WORDS words, and on pairs, the two halves of an element of Fp2 one after the other. Part of mont.h.
 *
 * On x86-64 adc, sbb, adcx, adox and cmov all go through two of the ports, mulx through one; add, and, mov through any.
 * The former are what takes the time. So a chain begins with add or sub, a mask does what would take cmov, and where the
 * modulus has a spare bit nothing asks for the carry out of a sum. In 4 words a row of a product is two plain chains,
 * one over the products and one into the sum: 7 of those instructions, where adcx and adox take 9.
 */
#ifdef MONT_X86

/* x and y are read through k0 and k1, which later keep two words */
#define FIRST_WORDS(first, rest, p) first " " AT(0, p) ", " R(t0) "\n\t" REST(APPLY_WORD, rest, p)
#if MONT_WORDS == 8
#define MASKED_WORD(k, t, kept, _) "movq " AT(k, m) ", %[k1]\n\tandq %[k0], %[k1]\n\tmovq %[k1], " R(kept) "\n\t"
#define MASKED_REST(X)                                                                           \
    X(8, t1, k8, ) X(16, t2, k2, ) X(24, t3, k3, ) X(32, t4, k4, ) X(40, t5, k5, ) X(48, t6, k6, ) X(56, t7, k7, )
#else
#define MASKED_WORD(k, t, kept, _) "movq " AT(k, m) ", " R(kept) "\n\tandq %[k0], " R(kept) "\n\t"
#define MASKED_REST(X) REST(X, )
#endif
#define ADD_KEPT(k, t, kept, _) "adcq " R(kept) ", " R(t) "\n\t"
#define TAKE_MODULUS WORDS(KEEP_WORD, ) FIRST_WORDS("subq", "sbbq", m) WORDS(CHOOSE_WORD, "cmovcq")
/* the same for a sum with a carry: c is minus the carry, and goes below 0 where there is none and m is too much */
#define TAKE_MODULUS_CARRIED                                                                     \
    "sbbq %[c], %[c]\n\t" WORDS(KEEP_WORD, ) FIRST_WORDS("subq", "sbbq", m) "sbbq $0, %[c]\n\t" WORDS(CHOOSE_WORD, "cmovcq")
#define GIVE_MODULUS                                                                             \
    "sbbq %[k0], %[k0]\n\t" MASKED_REST(MASKED_WORD)                                              \
    "andq " AT(0, m) ", %[k0]\n\taddq %[k0], " R(t0) "\n\t" MASKED_REST(ADD_KEPT)
/* lower words from memory to memory; then the upper ones into registers, in the same chain */
#define STREAM(k, op) "movq " AT(k, k0) ", " R(t0) "\n\t" op " " AT(k, k1) ", " R(t0) "\n\tmovq " R(t0) ", " AT(k, z) "\n\t"
#define CHAIN(k, t, op) "movq " AT(k, k0) ", " R(t) "\n\t" op " " AT(k, k1) ", " R(t) "\n\t"
#if MONT_WORDS == 4
#define STREAM_LOWER(first, rest) STREAM(0, first) STREAM(8, rest) STREAM(16, rest) STREAM(24, rest)
#define CHAIN_UPPER(op) CHAIN(32, t0, op) CHAIN(40, t1, op) CHAIN(48, t2, op) CHAIN(56, t3, op)
#define STREAM_UPPER(op) STREAM(32, op) STREAM(40, op) STREAM(48, op) STREAM(56, op)
#define KEEP_OUT [k2] "=&r"(k2), [k3] "=&r"(k3)
#define KEEP_DECLARE uint64_t k2, k3
#elif MONT_WORDS == 8
#define STREAM_LOWER(first, rest)                                                                \
    STREAM(0, first) STREAM(8, rest) STREAM(16, rest) STREAM(24, rest) STREAM(32, rest) STREAM(40, rest) \
    STREAM(48, rest) STREAM(56, rest)
#define CHAIN_UPPER(op)                                                                          \
    CHAIN(64, t0, op) CHAIN(72, t1, op) CHAIN(80, t2, op) CHAIN(88, t3, op) CHAIN(96, t4, op)    \
    CHAIN(104, t5, op) CHAIN(112, t6, op) CHAIN(120, t7, op)
#define STREAM_UPPER(op)                                                                         \
    STREAM(64, op) STREAM(72, op) STREAM(80, op) STREAM(88, op) STREAM(96, op) STREAM(104, op) STREAM(112, op) \
    STREAM(120, op)
#define KEEP_OUT                                                                                 \
    [k2] "=m"(k2), [k3] "=m"(k3), [k4] "=m"(k4), [k5] "=m"(k5), [k6] "=m"(k6), [k7] "=m"(k7), [k8] "=m"(k8)
#define KEEP_DECLARE uint64_t k2, k3, k4, k5, k6, k7, k8
#else
#define STREAM_LOWER(first, rest)                                                                \
    STREAM(0, first) STREAM(8, rest) STREAM(16, rest) STREAM(24, rest) STREAM(32, rest) STREAM(40, rest)
#define CHAIN_UPPER(op)                                                                          \
    CHAIN(48, t0, op) CHAIN(56, t1, op) CHAIN(64, t2, op) CHAIN(72, t3, op) CHAIN(80, t4, op) CHAIN(88, t5, op)
#define STREAM_UPPER(op)                                                                         \
    STREAM(48, op) STREAM(56, op) STREAM(64, op) STREAM(72, op) STREAM(80, op) STREAM(88, op)
#define KEEP_OUT [k2] "=&r"(k2), [k3] "=&r"(k3), [k4] "=&r"(k4), [k5] "=&r"(k5)
#define KEEP_DECLARE uint64_t k2, k3, k4, k5
#endif

/* z = x + y, for a sum below R */
MONT_INLINE void tower_plain_add(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    uint64_t t0;
    __asm__ volatile(STREAM_LOWER("addq", "adcq") : [t0] "=&r"(t0) : [z] "r"(z), [k0] "r"(x), [k1] "r"(y) : "cc", "memory");
}

/* z = x + y mod m */
MONT_INLINE void tower_add(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    S_DECLARE;
    KEEP_DECLARE;
    if (!M->spare) {
#if MONT_WORDS == 4
        uint64_t c;
        __asm__ volatile(WORDS(LOAD_WORD, k0) FIRST_WORDS("addq", "adcq", k1) TAKE_MODULUS_CARRIED
                         : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y), [c] "=&r"(c)
                         : [m] "r"(M->m)
                         : "cc", "memory");
        SAVE_STRAIGHT(z);
#else
        mont_add(z, x, y, M);
#endif
        return;
    }
    __asm__ volatile(WORDS(LOAD_WORD, k0) FIRST_WORDS("addq", "adcq", k1) TAKE_MODULUS
                     : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y)
                     : [m] "r"(M->m)
                     : "cc", "memory");
    SAVE_STRAIGHT(z);
}

/* z = x - y mod m */
MONT_INLINE void tower_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    S_DECLARE;
    KEEP_DECLARE;
    __asm__ volatile(WORDS(LOAD_WORD, k0) FIRST_WORDS("subq", "sbbq", k1) GIVE_MODULUS
                     : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y)
                     : [m] "r"(M->m)
                     : "cc", "memory");
    SAVE_STRAIGHT(z);
}

/* z = x + y mod m*R */
MONT_INLINE void tower_wide_add(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    S_DECLARE;
    KEEP_DECLARE;
    if (!M->spare) {
#if MONT_WORDS == 4
        uint64_t c;
        __asm__ volatile(STREAM_LOWER("addq", "adcq") CHAIN_UPPER("adcq") TAKE_MODULUS_CARRIED
                         : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y), [c] "=&r"(c)
                         : [m] "r"(M->m), [z] "r"(z)
                         : "cc", "memory");
        SAVE_STRAIGHT(z + MONT_WORDS);
#else
        mont_wide_add(z, x, y, M);
#endif
        return;
    }
    __asm__ volatile(STREAM_LOWER("addq", "adcq") CHAIN_UPPER("adcq") TAKE_MODULUS
                     : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y)
                     : [m] "r"(M->m), [z] "r"(z)
                     : "cc", "memory");
    SAVE_STRAIGHT(z + MONT_WORDS);
}

/* z = x - y mod m*R */
MONT_INLINE void tower_wide_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    S_DECLARE;
    KEEP_DECLARE;
    __asm__ volatile(STREAM_LOWER("subq", "sbbq") CHAIN_UPPER("sbbq") GIVE_MODULUS
                     : S_OUT, KEEP_OUT, [k0] "+&r"(x), [k1] "+&r"(y)
                     : [m] "r"(M->m), [z] "r"(z)
                     : "cc", "memory");
    SAVE_STRAIGHT(z + MONT_WORDS);
}

/* z = z - x - y in 2 MONT_WORDS words, for a difference that is not negative */
MONT_INLINE void tower_wide_sub_both(uint64_t *z, const uint64_t *x, const uint64_t *y) {
#if MONT_WORDS == 4
    uint64_t t0, t1, t2, t3, t4, t5, t6, t7;
#define ALL(X, p)                                                                                \
    X(8, t1, "sbbq", p) X(16, t2, "sbbq", p) X(24, t3, "sbbq", p) X(32, t4, "sbbq", p) X(40, t5, "sbbq", p)    \
    X(48, t6, "sbbq", p) X(56, t7, "sbbq", p)
#define SUB_WORD(k, t, op, p) op " " AT(k, p) ", " R(t) "\n\t"
#define OUT_WORD(k, t, op, p) "movq " R(t) ", " AT(k, p) "\n\t"
#define IN_WORD(k, t, op, p) "movq " AT(k, p) ", " R(t) "\n\t"
    __asm__ volatile(IN_WORD(0, t0, , z) ALL(IN_WORD, z)
                     SUB_WORD(0, t0, "subq", x) ALL(SUB_WORD, x)
                     SUB_WORD(0, t0, "subq", y) ALL(SUB_WORD, y)
                     OUT_WORD(0, t0, , z) ALL(OUT_WORD, z)
                     : [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),
                       [t6] "=&r"(t6), [t7] "=&r"(t7)
                     : [z] "r"(z), [x] "r"(x), [y] "r"(y)
                     : "cc", "memory");
#else
    uint64_t t0;
    for (int i = 0; i < 2; i++, x = y)
        __asm__ volatile(STREAM_LOWER("subq", "sbbq") STREAM_UPPER("sbbq")
                         : [t0] "=&r"(t0)
                         : [z] "r"(z), [k0] "r"(z), [k1] "r"(x)
                         : "cc", "memory");
#endif
}

#if MONT_WORDS == 8
#define tower_product mont_product
#define tower_redc mont_redc
#define tower_mul mont_mul
#else
#if MONT_WORDS == 4
/* e d c b a += rdx * p, where e is new; `low` is what remains of the lowest word */
#define PLAIN_ROW(p, low, lowest, a, b, c, d, e)                                                 \
    "mulxq " AT(0, p) ", " low ", %[a1]\n\tmulxq " AT(8, p) ", %[lo], %[a2]\n\taddq %[lo], %[a1]\n\t"            \
    "mulxq " AT(16, p) ", %[lo], %[a3]\n\tadcq %[lo], %[a2]\n\tmulxq " AT(24, p) ", %[lo], " R(e) "\n\t"         \
    "adcq %[lo], %[a3]\n\tadcq $0, " R(e) "\n\t" lowest                                           \
    "adcq %[a1], " R(b) "\n\tadcq %[a2], " R(c) "\n\tadcq %[a3], " R(d) "\n\tadcq $0, " R(e) "\n\t"
#define TOWER_PRODUCT_ROW(k, a, ...)                                                             \
    "movq %[y], %%rdx\n\tmovq " #k "(%%rdx), %%rdx\n\t"                                            \
    PLAIN_ROW(x, "%[a0]", "addq %[a0], " R(a) "\n\t", a, __VA_ARGS__) "movq " R(a) ", " AT(k, z) "\n\t"
/* neg carries where the word is not 0, as does the sum with the product that makes it 0 */
#define TOWER_REDUCE_ROW(k, a, ...)                                                              \
    "movq " R(a) ", %%rdx\n\timulq %[inv], %%rdx\n\t" PLAIN_ROW(m, "%[lo]", "negq " R(a) "\n\t", a, __VA_ARGS__)

/* z = x*y in 2 MONT_WORDS words, not over x or y */
MONT_INLINE void tower_product(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    T_DECLARE;
    uint64_t lo, a0, a1, a2, a3;
    __asm__(ROW_0(PRODUCT_FIRST) ROWS(TOWER_PRODUCT_ROW) UPPER(STORE_UPPER)
            : T_OUT, [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3), [lo] "=&r"(lo),
              "=m"(*(uint64_t(*)[2 * MONT_WORDS])z)
            : [x] "r"(x), [y] "rm"(y), [z] "r"(z), READS(x, MONT_WORDS), READS(y, MONT_WORDS)
            : "cc", "rdx");
}
#define LAST_REST(X, ...) X(8, t0, a1, __VA_ARGS__) X(16, t1, a2, __VA_ARGS__) X(24, t2, a3, __VA_ARGS__)
#define LAST(X, ...) X(0, t4, t3, __VA_ARGS__) LAST_REST(X, __VA_ARGS__)
#define LAST_UPPER "addq 32(%[x]), %[t4]\n\tadcq 40(%[x]), %[t0]\n\tadcq 48(%[x]), %[t1]\n\tadcq 56(%[x]), %[t2]\n\t"
#define TAKE_LAST LAST(KEEP_WORD, ) "subq (%[m]), %[t4]\n\t" LAST_REST(APPLY_WORD, "sbbq", m) LAST(CHOOSE_WORD, "cmovcq")
#define TAKE_LAST_CARRIED                                                                        \
    "sbbq %[lo], %[lo]\n\t" LAST(KEEP_WORD, ) "subq (%[m]), %[t4]\n\t" LAST_REST(APPLY_WORD, "sbbq", m)        \
    "sbbq $0, %[lo]\n\t" LAST(CHOOSE_WORD, "cmovcq")
#define REDUCE_SCRATCH [lo] "=&r"(lo), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3)
#define REDUCE_DECLARE uint64_t lo, a1, a2, a3
#else
#define CARRIED_ROW(p, a, b, c, d, e, f, g)                                                      \
    CLEAR(a, b, c, d, e, f, g) STEP(0, p, a, b) STEP(8, p, b, c) STEP(16, p, c, d) STEP(24, p, d, e) STEP(32, p, e, f) \
    STEP(40, p, f, g) "adcq $0, " R(g) "\n\t"
#define TOWER_PRODUCT_ROW(k, a, ...)                                                             \
    "movq %[y], %%rdx\n\tmovq " #k "(%%rdx), %%rdx\n\t" CARRIED_ROW(x, a, __VA_ARGS__) "movq " R(a) ", " AT(k, z) "\n\t"
#define TOWER_REDUCE_ROW(k, a, ...) "movq " R(a) ", %%rdx\n\timulq %[inv], %%rdx\n\t" CARRIED_ROW(m, a, __VA_ARGS__)

/* z = x*y in 2 MONT_WORDS words, not over x or y */
MONT_INLINE void tower_product(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    T_DECLARE;
    uint64_t lo, hi;
    __asm__(ROW_0(PRODUCT_FIRST) ROWS(TOWER_PRODUCT_ROW) UPPER(STORE_UPPER)
            : T_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi), "=m"(*(uint64_t(*)[2 * MONT_WORDS])z)
            : [x] "r"(x), [y] "rm"(y), [z] "r"(z), READS(x, MONT_WORDS), READS(y, MONT_WORDS)
            : "cc", "rdx");
}
#define LAST_REST(X, ...)                                                                        \
    X(8, t0, lo, __VA_ARGS__) X(16, t1, hi, __VA_ARGS__) X(24, t2, x, __VA_ARGS__) X(32, t3, d, __VA_ARGS__) \
    X(40, t4, k5, __VA_ARGS__)
#define LAST(X, ...) X(0, t6, t5, __VA_ARGS__) LAST_REST(X, __VA_ARGS__)
#define LAST_UPPER                                                                               \
    "addq 48(%[x]), %[t6]\n\tadcq 56(%[x]), %[t0]\n\tadcq 64(%[x]), %[t1]\n\tadcq 72(%[x]), %[t2]\n\t"  \
    "adcq 80(%[x]), %[t3]\n\tadcq 88(%[x]), %[t4]\n\t"
#define TAKE_LAST LAST(KEEP_WORD, ) "subq (%[m]), %[t6]\n\t" LAST_REST(APPLY_WORD, "sbbq", m) LAST(CHOOSE_WORD, "cmovcq")
#define REDUCE_SCRATCH [lo] "=&r"(lo), [hi] "=&r"(hi), [k5] "=m"(k5)
#define REDUCE_DECLARE uint64_t lo, hi, k5
#endif

/* z = x/R mod m for x < m*R of 2 MONT_WORDS words */
MONT_INLINE void tower_redc(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    T_DECLARE;
    REDUCE_DECLARE;
    uint64_t d;
    if (!M->spare) {
#if MONT_WORDS == 4
        __asm__ volatile(WORDS(LOAD_WORD, x) ROW_0(TOWER_REDUCE_ROW) ROWS(TOWER_REDUCE_ROW) LAST_UPPER TAKE_LAST_CARRIED
                         : T_OUT, REDUCE_SCRATCH, [d] "=&d"(d), [x] "+&r"(x)
                         : [m] "r"(M->m), [inv] "m"(M->inv)
                         : "cc", "memory");
        SAVE(z);
#else
        mont_redc(z, x, M);
#endif
        return;
    }
    __asm__ volatile(WORDS(LOAD_WORD, x) ROW_0(TOWER_REDUCE_ROW) ROWS(TOWER_REDUCE_ROW) LAST_UPPER TAKE_LAST
                     : T_OUT, REDUCE_SCRATCH, [d] "=&d"(d), [x] "+&r"(x)
                     : [m] "r"(M->m), [inv] "m"(M->inv)
                     : "cc", "memory");
    SAVE(z);
}

/* z = x*y/R mod m, for x and y as mont_mul takes them */
MONT_INLINE void tower_mul(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    if (M->spare) {
        mont_mul(z, x, y, M);
        return;
    }
    uint64_t product[2 * MONT_WORDS];
    tower_product(product, x, y);
    tower_redc(z, product, M);
}
#endif
#else
#define tower_mul mont_mul
#define tower_product mont_product
#define tower_redc mont_redc
#define tower_plain_add mont_raw_add
#define tower_add mont_add
#define tower_sub mont_sub
#define tower_wide_add mont_wide_add
#define tower_wide_sub mont_wide_sub

MONT_INLINE void tower_wide_sub_both(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    mont_wide_sub_plain(z, z, x);
    mont_wide_sub_plain(z, z, y);
}
#endif
