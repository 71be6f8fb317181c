// The HTTP methods that the client sends and the server routes.
#pragma once

#include <optional>
#include <string_view>

namespace carryall::http {

enum class Method { get, head, post, put, patch, del, options };

std::string_view to_string(Method method);                  // "GET", ..., "DELETE"
std::optional<Method> parse_method(std::string_view text);  // exact, upper case

}  // namespace carryall::http
