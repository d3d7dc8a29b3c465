/* Connections counted by client. */
#include "io/clients.h"

#include "base/cidr.h"
#include "base/crypt.h"

#include <stdint.h>
#include <string.h>

void clients_init(struct clients *c)
{
    char secret[32];
    crypt_random(secret, sizeof secret);
    c->key = crypt_key_new(CRYPT_SHA256, (struct str){secret, sizeof secret});
    crypt_wipe(secret, sizeof secret);
    map_init(&c->counts);
}

void clients_done(struct clients *c)
{
    map_done(&c->counts);
    crypt_key_free(c->key);
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
    *out = key_of(c, peer);
    uintptr_t n = (uintptr_t)map_find(&c->counts, text_of(out));
    if (n >= most) {
        return false;
    }
    map_set(&c->counts, text_of(out), (void *)(n + 1));
    return true;
}

void clients_remove(struct clients *c, const struct client_key *key)
{
    uintptr_t n = (uintptr_t)map_find(&c->counts, text_of(key));
    if (n > 1) {
        map_set(&c->counts, text_of(key), (void *)(n - 1));
    } else {
        map_remove(&c->counts, text_of(key));
    }
}
