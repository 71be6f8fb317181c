// What /v1/bulk-changes and /v1/change-sets share when they take changes in. An upload's parameters
// stand in the query and become the same request that JSON makes, so both ways give the same
// answers; mistakes in them are reported by parameter instead of by pointer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/call.hpp"
#include "changes/request.hpp"
#include "changes/submit.hpp"

namespace carryall::api {

// What the query of an upload may have beside the names of the accounts.
std::vector<std::string> upload_parameters(const char* accounts);

// Calls `take` with the request that the query makes and the file's name, if it has one.
using UploadTaker = std::function<base::Result<http::Response>(changes::BulkChangeRequest,
                                                               std::optional<std::string>)>;
base::Result<http::Response> with_upload(Call& call, const UploadTaker& take);

// The file's devices, from the first row on.
base::Result<std::unique_ptr<changes::DeviceSource>> uploaded_devices(
    const Call& call, const changes::BulkChangeRequest& request);

changes::SubmitOptions submit_options(const Call& call, std::optional<std::string> file_name);

base::Error devices_are_missing();

// 422: allOrNothing, and some devices were bad; nothing was stored, and these are the reasons.
http::Response refused_whole(const http::Request& request,
                             const std::vector<const changes::SubmitResult*>& results);

}  // namespace carryall::api
