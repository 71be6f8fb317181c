// Names of files as others are to save them: in mails and in answers. What must stay true: a name
// is one name, and nothing in it leaves its header.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace carryall::base {

inline constexpr std::size_t kMaxFileNameBytes = 200;

// "März 2026.txt": UTF-8 without a folder and without controls.
Result<void> check_file_name(std::string_view name);

// The value of a Content-Disposition header: a name that is not plain ASCII as RFC 2231 (mail) and
// RFC 8187 (HTTP) write it, which is the same for one as short as ours.
std::string attachment_disposition(std::string_view file_name);

}  // namespace carryall::base
