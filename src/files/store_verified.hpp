// Puts a file and believes it only when the store shows it again, with its size. What must stay
// true: success means that the store answered that it holds every byte; whatever it may say about
// the upload alone is not enough.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "files/file_store.hpp"

namespace carryall::files {

struct VerifyPace {
    std::chrono::milliseconds first_wait{5'000};  // doubled each time
    std::chrono::milliseconds in_all{300'000};    // of waiting; then it has failed
    // Waits so long; false: give up now, the process is to end.
    std::function<bool(std::chrono::milliseconds)> wait;
};

// A pace that really waits. `is_stopping` is asked a few times a second.
VerifyPace real_pace(std::function<bool()> is_stopping);

// Uploads, then looks for the file and its size until both are right or the time is used up. An
// upload that fails for a passing reason is repeated in the same rhythm: the same bytes under the
// same key do no harm. The error's text says what the store showed last.
Result<void> store_verified(FileStore& store, const std::string& key,
                            const std::filesystem::path& file, const std::string& content_type,
                            const VerifyPace& pace);

}  // namespace carryall::files
