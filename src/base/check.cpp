// Ends the process after saying which assumption broke and where.
#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace carryall::base {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line);
    std::abort();
}

}  // namespace carryall::base
