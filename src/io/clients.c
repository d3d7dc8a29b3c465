/* Connections counted by client, and the memory that they share. */
#include "io/clients.h"

#include "base/cidr.h"
#include "base/crypt.h"
#include "base/log.h"
#include "base/map.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct clients {
    atomic_uint references, connections;
    atomic_size_t bytes;
    struct crypt_key *key;
    uv_mutex_t lock;   /* of `counts` */
    struct map counts; /* a number in place of a pointer */
};

struct clients *clients_new(void)
{
    struct clients *c = calloc(1, sizeof *c);
    char secret[32];
    ENSURE(c != NULL && uv_mutex_init(&c->lock) == 0);
    crypt_random(secret, sizeof secret);
    c->key = crypt_key_new(CRYPT_SHA256, (struct str){secret, sizeof secret});
    crypt_wipe(secret, sizeof secret);
    map_init(&c->counts);
    atomic_init(&c->references, 1);
    return c;
}

struct clients *clients_ref(struct clients *c)
{
    atomic_fetch_add(&c->references, 1);
    return c;
}

void clients_unref(struct clients *c)
{
    if (atomic_fetch_sub(&c->references, 1) > 1) {
        return;
    }
    map_done(&c->counts);
    uv_mutex_destroy(&c->lock);
    crypt_key_free(c->key);
    free(c);
}

unsigned clients_enter(struct clients *c)
{
    return atomic_fetch_add(&c->connections, 1);
}

void clients_leave(struct clients *c, unsigned connections)
{
    atomic_fetch_sub(&c->connections, connections);
}

static struct client_key key_of(struct clients *c, const struct sockaddr_storage *peer)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    struct client_key key;
    struct address_bytes address = address_of(peer);
    address = address_client(&address);
    struct str bytes = {(const char *)address.v, sizeof address.v};
    crypt_hmac(c->key, &bytes, 1, digest);
    memcpy(key.v, digest, sizeof key.v);
    return key;
}

static struct str text_of(const struct client_key *key)
{
    return (struct str){key->v, sizeof key->v};
}

bool clients_add(struct clients *c, const struct sockaddr_storage *peer, unsigned most,
                 struct client_key *out)
{
    *out = key_of(c, peer); /* not under the lock: it takes longer than all the rest */
    uv_mutex_lock(&c->lock);
    uintptr_t n = (uintptr_t)map_find(&c->counts, text_of(out));
    if (n < most) {
        map_set(&c->counts, text_of(out), (void *)(n + 1));
    }
    uv_mutex_unlock(&c->lock);
    return n < most;
}

void clients_remove(struct clients *c, const struct client_key *key)
{
    uv_mutex_lock(&c->lock);
    uintptr_t n = (uintptr_t)map_find(&c->counts, text_of(key));
    if (n > 1) {
        map_set(&c->counts, text_of(key), (void *)(n - 1));
    } else {
        map_remove(&c->counts, text_of(key));
    }
    uv_mutex_unlock(&c->lock);
}

bool clients_hold(struct clients *c, size_t bytes, size_t most)
{
    size_t before = atomic_load(&c->bytes);
    do {
        if (before > most || bytes > most - before) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&c->bytes, &before, before + bytes));
    return true;
}

void clients_let_go(struct clients *c, size_t bytes)
{
    atomic_fetch_sub(&c->bytes, bytes);
}

size_t clients_held(struct clients *c)
{
    return atomic_load(&c->bytes);
}

size_t clients_known(struct clients *c)
{
    uv_mutex_lock(&c->lock);
    size_t n = c->counts.n;
    uv_mutex_unlock(&c->lock);
    return n;
}
