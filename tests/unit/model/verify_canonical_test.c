/* Texts that are made of a request, and signed. The signatures are of the providers' own npm
 * libraries. */
#include "bench.h"

#include "model/verify_parts.h"

static void mercado_pago_signs_ids_and_a_time(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, "mercadopago", "key", "");
    b.body = "{\"whatever\":true}"; /* nobody signs it */
    bench_header(&b, "x-signature",
                 "ts=1704908010,"
                 "v1=9a0194d46f7a9d7df5f77a6281369989a449d43c67197b6f2b3f9533864ca3a7");
    bench_header(&b, "x-request-id", "r-1");
    b.target = "/hooks/x?type=payment&data.id=4%32";
    bench_takes(&b);
    static const char *const others[] = {
        "/hooks/x?data.id=43",
        "/hooks/x?data.id=42&data.id=42",
        "/hooks/x?data.id=42%3B",
        "/hooks/x",
        "/hooks/x?data.id=42;a=b",
        "/hooks/x?id=42",
        "/hooks/x?data.id=%42&data.id",
        "/hooks/x?data.id=42%zz",
        "/hooks/x?data.id=42&data%2Eid=666",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        b.target = others[i];
        bench_refuses(&b, "");
    }
    b.target = "/hooks/x?data.id=42";
    bench_header(&b, "x-request-id", "r-2");
    bench_refuses(&b, "no secret");
    bench_header(&b, "x-request-id", "r-1");
    bench_header(&b, "x-signature",
                 "ts=17049080100,"
                 "v1=9a0194d46f7a9d7df5f77a6281369989a449d43c67197b6f2b3f9533864ca3a7");
    bench_refuses(&b, "no secret");
    bench_header(&b, "x-signature",
                 "ts=1704908010,"
                 "v1=73aeb48c7032f36f7b8271b72c75483b52c45dd31f36101386332ae387790006");
    b.target = "/hooks/x?data.id="; /* a pair that is empty is left out */
    bench_takes(&b);
    b.target = "/hooks/x?type=payment";
    bench_takes(&b);
    /* Here nobody signed an id, so there may be none, however it is written. */
    static const char *const ids[] = {
        "/hooks/x?data.id=7",           "/hooks/x?data%2Eid=7",
        "/hooks/x?data.id=7&data.id=7", "/hooks/x?data.id=7&data%2eid=7",
        "/hooks/x?data.id=7%",          "/hooks/x?data.id=7%zz",
        "/hooks/x?data%2id=7",
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        b.target = ids[i];
        bench_refuses(&b, i < 2 ? "no secret" : "its id is there twice");
    }
    /* Signed in truth as id 1, request x; the library would take it for another. */
    bench_header(&b, "x-signature",
                 "ts=1704908010,"
                 "v1=7b90d716af120a2c7e590c41d7872f1f0c0e0ae3d19151a001c453a638f5c8fa");
    b.target = "/hooks/x?data.id=1%3Brequest-id%3Ax";
    bench_refuses(&b, "what stands between");
    bench_close(&b);
}

#define CONTENTFUL_KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void contentful_signs_what_a_list_names(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, "contentful", CONTENTFUL_KEY, "");
    b.body = "{\"a\":1}";
    b.target = "/hooks/a b?x=1&y=%20";
    bench_header(&b, "X-Contentful-Signature",
                 "14c808e5ae4f370cd4ef864c1eb4970e29fbc6ec35c443158473380623a56615");
    bench_header(&b, "X-Contentful-Timestamp", "1735689600000");
    const char *list = "x-a,x-contentful-signed-headers,x-contentful-timestamp";
    bench_header(&b, "X-Contentful-Signed-Headers", list);
    bench_header(&b, "X-A", " v ");
    bench_takes(&b);
    b.target = "/hooks/a b?x=1&y=%21";
    bench_refuses(&b, "no secret");
    b.target = "/hooks/a b?x=1&y=%20?z";
    bench_refuses(&b, "no secret");
    b.target = "/hooks/a b?x=1&y=%20";
    b.body = "{\"a\":2}";
    bench_refuses(&b, "no secret");
    b.body = "{\"a\":1}";
    b.method = "PUT";
    bench_refuses(&b, "no secret");
    b.method = "POST";
    bench_header(&b, "X-A", "w");
    bench_refuses(&b, "no secret");
    bench_header(&b, "X-A", "v");
    static const char *const lists[] = {
        "x-a,x-contentful-signed-headers", /* the time could be changed */
        "x-a,x-contentful-timestamp",
        "x-a",
        "",
        ",",
        "x-a,x-a,x-contentful-signed-headers,x-contentful-timestamp",
        "x-a,x-b,x-contentful-signed-headers,x-contentful-timestamp",
        "X-A,x-contentful-signed-headers,x-contentful-timestamp",
        "x-a, x-contentful-signed-headers, x-contentful-timestamp",
        "x-a:v;x-b,x-contentful-signed-headers,x-contentful-timestamp",
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,bb,cc,dd,ee,ff,gg",
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        bench_header(&b, "X-Contentful-Signed-Headers", lists[i]);
        bench_refuses(&b, "header");
    }
    bench_header(&b, "X-Contentful-Signed-Headers", list);
    bench_takes(&b);
    assert_true(fields_add(&b.fields, STR("x-a"), STR("v")));
    bench_refuses(&b, "there twice");
    bench_close(&b);
}

static void hash_of(const char *method, const char *target, const char *base, const char *want)
{
    struct buf out;
    struct verify_input in = {.method = str_of(method), .target = str_of(target)};
    buf_init(&out, 4096);
    bool made = verify_put_query_hash(&in, str_of(base), &out);
    assert_true(made == (want != NULL));
    if (made) {
        room_text(buf_str(&out), want, target);
    }
    buf_done(&out);
}

/* As createCanonicalRequest of atlassian-jwt has it. */
static void atlassian_sorts_a_query(void **state)
{
    (void)state;
    hash_of("POST", "/base/hooks/a&b/?z=1&b=%27x+y*&a=2&a=1&c&jwt=t", "https://h.example/base",
            "POST&/hooks/a%26b&a=1,2&b=%27x%20y%2A&c=&z=1");
    hash_of("POST", "/base", "https://h.example/base", "POST&/&");
    hash_of("GET", "/", "https://h.example", "GET&/&");
    hash_of("GET", "/x/", "https://h.example/", "GET&/x&");
    hash_of("GET", "/basement/x", "https://h.example/base", "GET&/basement/x&");
    hash_of("GET", "/x", "https://h.example/base", "GET&/x&");
    hash_of("GET", "/base/x", "https://h.example/base/", "GET&/x&");
    hash_of("GET", "/x?a=%", "https://h.example", NULL);
    char many[2000] = "/x?";
    for (int i = 0; i < 300; i++) {
        strcat(many, "a=1&");
    }
    hash_of("GET", many, "https://h.example", NULL);
}

/* Where the query is no good there is no hash: not even one of nothing. */
static void atlassian_needs_a_query_to_hash(void **state)
{
    (void)state;
    struct bench b;
    struct verify_recipe r = *verify_preset(STR("atlassian-connect"));
    const struct str secret = STR("shared");
    struct verify *none;
    bench_open(&b, "atlassian-connect", "shared", "https://h.example");
    bench_header(&b, "Authorization",
                 "JWT eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJxc2giOiJlM2IwYzQ0Mjk4ZmMxYzE0O"
                 "WFmYmY0Yzg5OTZmYjkyNDI3YWU0MWU0NjQ5YjkzNGNhNDk1OTkxYjc4NTJiODU1IiwiZXh"
                 "wIjoxNzM1Njg5NzAwfQ.K6Ki41k2sLYRB0ocpd0h6KgfMOeDS9K1-1qFspsTBuE");
    static const char *const bad[] = {"/x?a=%", "/x?%zz=1"};
    for (size_t i = 0; i < 2; i++) {
        b.target = bad[i];
        bench_refuses(&b, "the query");
    }
    bench_close(&b);
    static const char *const urls[] = {"https://h.example/?a=1", "https://h.example/#a"};
    for (size_t i = 0; i < 2; i++) {
        r.public_url = str_of(urls[i]);
        room_holds(str_of(verify_new(&none, &r, &secret, 1, NULL)), "without ? and #");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mercado_pago_signs_ids_and_a_time),
        cmocka_unit_test(contentful_signs_what_a_list_names),
        cmocka_unit_test(atlassian_sorts_a_query),
        cmocka_unit_test(atlassian_needs_a_query_to_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
