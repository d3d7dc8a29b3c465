/* CRC-32C (Castagnoli; RFC 9260 appendix A): finds what a disk or a crash has damaged. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of these bytes, or, with the checksum of those before them as `crc`, of all; 0 at first. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
