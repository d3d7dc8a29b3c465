/* What a Redis is like, judged: does it fit what the configuration promises? */
#ifndef MODEL_DOCTOR_H
#define MODEL_DOCTOR_H

#include "model/conf.h"

enum doctor_verdict {
    DOCTOR_FINE,
    DOCTOR_WARNING, /* it works, until it does not */
    DOCTOR_WRONG,   /* data could be lost, or senders are refused */
};

/* What was asked of one server. */
struct doctor_facts {
    struct str info;               /* INFO everything */
    struct str cluster;            /* CLUSTER INFO; empty: it is of none, or does not say */
    const struct str *config;      /* CONFIG GET *: names and values in turn */
    size_t config_count;           /* of both; 0: CONFIG is barred */
    int64_t ahead_ms;              /* its clock minus ours */
    uint64_t typical_us, worst_us; /* of some round trips */
    bool has_disk;                 /* data_dir is in use, and its disk known */
    uint64_t disk_free, disk_all;  /* bytes */
};

/* `text` says what was found; `change` the line to change, or "". Both are borrowed. */
typedef void (*doctor_say)(void *user, enum doctor_verdict v, const char *text, const char *change);

/* Everything that is known of it, fine things too, in a fixed order. */
void doctor_judge(const struct conf *c, const struct doctor_facts *f, doctor_say say, void *user);

#endif
