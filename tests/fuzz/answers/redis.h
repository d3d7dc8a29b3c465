/* A Redis of one process, for the driver `answers`: it takes the connections that our code makes,
 * reads the questions, and answers each as Redis would, unless the input has said otherwise.
 *
 * What the input says is a list of answers in waiting. One begins with a line `?`, the letter of
 * the question that it is for (the table in redis.c), and which part of the answer it stands for:
 * `*` all of it, a digit one element of the array that Redis would answer; `!` behind that: for
 * ever, not once. Then come values, one a line: `$text`, `:1`, `+OK`, `-ERR no`, `_` (nil), `[` and
 * `]` around an array, `=bytes` as they shall be on the wire. In them \r \n \0 and \\ are what they
 * are in C; \o \v \V \t \j stand for owner, version, version to come, top and name of the journal
 * that was asked about. So nearly each input is well-formed, and the rest comes by `=`. */
#ifndef FUZZ_ANSWERS_REDIS_H
#define FUZZ_ANSWERS_REDIS_H

#include "base/text.h"

void redis_open(void);  /* once a process: the socket */
void redis_begin(void); /* of a run: no connection, no journal, nothing in waiting */
/* Takes what is in waiting from `text` (which stays) up to the first line that begins with '!', or
 * to its end; the rest is returned. */
struct str redis_prepare(struct str text);
/* Takes connections, reads and answers. False: there was nothing to do. */
bool redis_turn(void);
void redis_hang_up(unsigned which); /* 1: the first connection, 2: the second ... 0: all */
extern bool redis_silent;           /* it takes questions, but answers none */
void redis_end(void);
/* Was it in any answer (or was there too much to remember)? */
bool redis_said(struct str text);
/* The clock of everything. */
extern int64_t clock_ms;

#endif
