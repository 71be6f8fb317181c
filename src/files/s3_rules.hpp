// What is said to an S3 service and what its answers mean. Pure. What must stay true: every URL is
// in the form that AWS signs (RFC 3986, capital hexadecimal digits, queries sorted by name), for
// libcurl signs it as it stands; an answer that is not understood is a failure, never "absent".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "files/file_store.hpp"
#include "http/client.hpp"

namespace carryall::files {

// The parameters in the order of their names.
using S3Query = std::vector<std::pair<std::string, std::string>>;

// Of an object; `key` empty: of the bucket.
std::string s3_url(const S3Settings& settings, std::string_view key, const S3Query& query = {});

// How long a transfer of so many bytes may take.
std::chrono::milliseconds transfer_time(std::uint64_t bytes);

// "NoSuchBucket" from an error document; empty: it names none.
std::string s3_error_code(std::string_view body);

// Whether the answer says that there is no object with this key.
bool is_absent(const http::ClientResponse& response);

// What went wrong and what to do, of an answer that is not the one that was hoped for.
base::Error s3_failure(const S3Settings& settings, const http::ClientResponse& response);

}  // namespace carryall::files
