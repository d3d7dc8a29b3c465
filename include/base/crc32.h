/* CRC-32 (ISO 3309; RFC 1952 8): PayPal signs it in place of a body. Against chance only: whoever
 * wants to finds another text of the same checksum at once. */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(const void *bytes, size_t n);

#endif
