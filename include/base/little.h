/* Numbers as bytes, little-endian whatever the machine: for what is kept in files. */
#ifndef BASE_LITTLE_H
#define BASE_LITTLE_H

#include <stdint.h>

static inline void little_put32(unsigned char out[4], uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (unsigned char)(v >> (8 * i));
    }
}

static inline void little_put64(unsigned char out[8], uint64_t v)
{
    little_put32(out, (uint32_t)v);
    little_put32(out + 4, (uint32_t)(v >> 32));
}

static inline uint32_t little_get32(const void *at)
{
    const unsigned char *b = at;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t little_get64(const void *at)
{
    const unsigned char *b = at;
    return little_get32(b) | (uint64_t)little_get32(b + 4) << 32;
}

#endif
