/* Where a secret's verdict becomes public: equal or not, canonical or not, the identity or not, which sign.
 *
 * The caller of such an operation branches on the answer, so it is meant to be seen, and this is the one place that
 * branches on it. The function keeps its name in the module, so that tests/constant_time can allow a branch here and
 * nowhere else. The two arms differ for the compiler, so that they stay a branch and the result holds no secret.
 */
#ifndef MILAGRO_DECLASSIFY_H
#define MILAGRO_DECLASSIFY_H

#include <stdint.h>

/* bit != 0, for everybody to see */
static __attribute__((noinline, unused)) int declassify(uint64_t bit) {
    if (bit) {
        __asm__ __volatile__("/* it is so */");
        return 1;
    }
    __asm__ __volatile__("/* it is not */");
    return 0;
}

#endif
