/* Whether lanes_vector.h can run here: AVX-512 F, DQ and IFMA, BMI2 and ADX in the processor (CPUID leaf 7, EBX bits 16, 17,
 * 21, 8, 19), and an operating system that keeps all the registers (leaf 1, ECX bit 27: OSXSAVE; XCR0 bits 1, 2, 5, 6, 7).
 * For modules that run on any processor; what clang compiles has no lanes. */
#ifndef MILAGRO_LANES_SUPPORTED_H
#define MILAGRO_LANES_SUPPORTED_H

#if defined(__x86_64__) && !defined(__clang__)
#include <cpuid.h>
static __attribute__((unused)) int lanes_supported(void) {
    const unsigned int wanted = 1u << 16 | 1u << 17 | 1u << 21 | 1u << 8 | 1u << 19;
    unsigned int a, b, c, d, low, high;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & wanted) != wanted) return 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0;
    __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 0xe6) == 0xe6;
}
#else
static __attribute__((unused)) int lanes_supported(void) { return 0; }
#endif

#endif
