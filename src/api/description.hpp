// api/openapi.yaml, built into the program (cmake/folder.cmake).
#pragma once

#include <string_view>

namespace carryall::api {

std::string_view openapi_yaml();

}  // namespace carryall::api
