/* Certificates for tests, made once by the openssl command. */
#ifndef UNIT_IO_CERTS_H
#define UNIT_IO_CERTS_H

#include "io/room.h"

static char certs[64]; /* a folder that all tests share: NAME.pem, NAME.key */

ROOM_UNUSED static int make_certs(void **state)
{
    (void)state;
    strcpy(certs, "/tmp/penstock-certs-XXXXXX");
    assert_non_null(mkdtemp(certs));
    char command[4096];
    /* ca signs: good (localhost, 127.0.0.1), named and other (other names), old (expired) */
    snprintf(command, sizeof command,
             "cd %s && exec >/dev/null 2>&1 && set -e\n"
             "ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
             "openssl req -x509 $ec -keyout ca.key -out ca.pem -days 30 -subj /CN=test-ca "
             "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign\n"
             "openssl req -x509 $ec -keyout stranger.key -out stranger.pem -days 30 "
             "-subj /CN=stranger -addext subjectAltName=DNS:localhost,IP:127.0.0.1\n"
             "make() { openssl req $ec -keyout $1.key -out $1.csr -subj /CN=$1\n"
             "printf 'subjectAltName=%%s' \"$2\" >$1.ext\n"
             "openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem "
             "$3 -extfile $1.ext; }\n"
             "make good DNS:localhost,IP:127.0.0.1 '-days 30'\n"
             "make named DNS:hooks.example.com,DNS:*.example.net '-days 60'\n"
             "openssl pkey -in good.key -aes256 -passout pass:x -out locked.key\n"
             "openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem -days 30 "
             "-subj /CN=rsa\n"
             "make other DNS:elsewhere.example,IP:10.0.0.1 '-days 30'\n"
             /* OpenSSL 3.0 takes negative days, 3.4 and later dates instead. */
             "make old DNS:localhost,IP:127.0.0.1 '-days -1' ||\n"
             "make old DNS:localhost,IP:127.0.0.1 "
             "'-not_before 20200101000000Z -not_after 20200102000000Z'\n",
             certs);
    return system(command);
}

ROOM_UNUSED static int remove_certs(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", certs);
    return system(command);
}

#endif
