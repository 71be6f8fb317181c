#include "files/store_verified.hpp"

#include <algorithm>
#include <thread>

#include "base/check.hpp"

namespace carryall::files {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;

constexpr milliseconds kStopLook{200};

bool may_pass(const base::Error& error) {
    return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout;
}

// Whether the store shows the whole file. Its words are what it shows instead.
Result<void> look(FileStore& store, const std::string& key, std::uint64_t wanted) {
    const auto bytes = store.size_of(key);
    if (!bytes) return bytes.error();
    if (!bytes->has_value()) {
        return base::unavailable("the file store took " + key + " and does not have it");
    }
    if (**bytes != wanted) {
        return base::unavailable("the file store has " + std::to_string(**bytes) + " bytes of " +
                                 key + " instead of " + std::to_string(wanted));
    }
    return {};
}

}  // namespace

VerifyPace real_pace(std::function<bool()> is_stopping) {
    VerifyPace pace;
    pace.wait = [is_stopping = std::move(is_stopping)](milliseconds time) {
        const auto until = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < until) {
            if (is_stopping()) return false;
            std::this_thread::sleep_for(std::min(time, kStopLook));
        }
        return !is_stopping();
    };
    return pace;
}

Result<void> store_verified(FileStore& store, const std::string& key,
                            const std::filesystem::path& file, const std::string& content_type,
                            const VerifyPace& pace) {
    CHECK(pace.wait != nullptr && pace.first_wait > milliseconds(0));
    std::error_code failed;
    const std::uint64_t wanted = std::filesystem::file_size(file, failed);
    if (failed) return base::internal_error("cannot read " + file.string());
    bool is_put = false;
    milliseconds waited{0};
    for (milliseconds next = pace.first_wait;; next *= 2) {
        Result<void> done;
        if (!is_put) done = store.put(key, file, content_type);
        is_put = done.has_value();
        if (is_put) done = look(store, key, wanted);
        if (done || !may_pass(done.error())) return done;
        const milliseconds wait = std::min(next, pace.in_all - waited);
        if (wait <= milliseconds(0) || !pace.wait(wait)) {
            return base::unavailable(done.error().message + " (looked for " +
                                     std::to_string(waited.count() / 1'000) + " s)");
        }
        waited += wait;
    }
}

}  // namespace carryall::files
