/* core/host/elf.h on any bytes. */
#include "host/elf.h"

#include "base/err.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_error error = RH_ERROR_INIT;
    int rc = rh_elf_lint(data, size, "fuzz", &error);

    if (rc != error.error_class || (rc != RH_OK && rc != RH_CONTRACT))
        abort();
    return 0;
}
