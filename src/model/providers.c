/* Providers: facts for people (PROVIDERS.md, section 2), and samples. */
#include "model/provider.h"

/* STR for a constant initialiser. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct provider providers[] = {
    {.name = TEXT("stripe"),
     .body =
         TEXT("{\"id\":\"evt_1PenstockSample\",\"object\":\"event\",\"type\":\"charge.succeeded\","
              "\"created\":1735689600,\"livemode\":false,\"data\":{\"object\":{"
              "\"id\":\"ch_1PenstockSample\",\"object\":\"charge\",\"amount\":5000,"
              "\"currency\":\"eur\",\"customer\":\"cus_PenstockSample\",\"paid\":true}}}")},
    {.name = TEXT("github"),
     .type = {TEXT("X-GitHub-Event"), TEXT("issues")},
     .body = TEXT("{\"action\":\"opened\",\"issue\":{\"number\":7,\"title\":\"A sample issue\","
                  "\"user\":{\"login\":\"octo-sample\"}},\"repository\":{\"id\":1,"
                  "\"full_name\":\"sample/pipes\"},\"sender\":{\"login\":\"octo-sample\"}}")},
    {.name = TEXT("shopify"),
     .type = {TEXT("X-Shopify-Topic"), TEXT("orders/create")},
     .body = TEXT(
         "{\"id\":820982911946154508,\"currency\":\"EUR\",\"total_price\":\"50.00\","
         "\"line_items\":[{\"title\":\"A sample pipe\",\"quantity\":1,\"price\":\"50.00\"}]}")},
    {.name = TEXT("slack"),
     .body =
         TEXT("{\"type\":\"event_callback\",\"team_id\":\"T0SAMPLE\",\"event_id\":\"Ev0SAMPLE\","
              "\"event_time\":1735689600,\"event\":{\"type\":\"app_mention\",\"user\":\"U0SAMPLE\","
              "\"channel\":\"C0SAMPLE\",\"text\":\"a sample mention\"}}")},
    {.name = TEXT("standard"),
     .body = TEXT("{\"type\":\"invoice.paid\",\"timestamp\":\"2025-01-01T00:00:00Z\","
                  "\"data\":{\"id\":\"inv_sample\",\"amount\":5000,\"currency\":\"eur\"}}")},
};

const struct provider *provider_find(struct str name)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        if (str_eq(providers[i].name, name)) {
            return &providers[i];
        }
    }
    return NULL;
}
