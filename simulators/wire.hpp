// A Reply as bytes.
#pragma once

#include <string>
#include <string_view>

#include "reply.hpp"

namespace carryall::simulators {

std::string_view reason_of(int status);
void append_response(std::string& out, const Reply& reply, bool close, bool head_only);

}  // namespace carryall::simulators
