/* Weights. */
#include "server/http/accept.h"

#include "base/text.h"

double rh_web_weight(struct rh_text parameters)
{
    while (parameters.data) {
        struct rh_text part = rh_text_trim(rh_text_cut(&parameters, ';'));
        double weight;
        if (!rh_text_starts(part, "q="))
            continue;
        part.data += 2;
        part.len -= 2;
        return rh_text_to_f64(part, &weight) ? weight : 0;
    }
    return 1;
}
