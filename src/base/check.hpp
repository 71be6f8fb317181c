// CHECK: assumptions that hold in a correct program, on in production too. A broken one ends the
// process: restarting is cheap and safe (docs/RELIABILITY.md), going on with a wrong state is not.
// Never for input of users, carriers or files: that is Result's work.
#pragma once

namespace carryall::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace carryall::base

#define CHECK(condition)                \
    ((condition) ? static_cast<void>(0) \
                 : ::carryall::base::check_failed(#condition, __FILE__, __LINE__))
