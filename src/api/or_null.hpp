// What is absent is null in a document, never left out.
#pragma once

#include <optional>

#include "base/json.hpp"

namespace carryall::api {

template <class T>
base::json::value or_null(const std::optional<T>& value) {
    return value ? base::json::value(*value) : base::json::value(nullptr);
}

}  // namespace carryall::api
