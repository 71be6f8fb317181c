#include "notify/fetched_files.hpp"

#include "base/file_name.hpp"
#include "base/ids.hpp"

namespace carryall::notify {
namespace {

namespace fs = std::filesystem;

}  // namespace

FetchedFiles::FetchedFiles()
    : folder_(fs::temp_directory_path() / ("carryall-mail-" + base::random_uuid())) {}

FetchedFiles::~FetchedFiles() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

std::optional<FetchedFiles::Missing> FetchedFiles::fetch(files::FileStore& store,
                                                         const DeliveryAttachment& wanted) {
    const std::string what = "attachment " + wanted.file_name + ": ";
    if (!base::check_file_name(wanted.file_name) ||
        !files::check_content_type(wanted.content_type)) {
        return Missing{what + "this cannot be the name or the type of a file", true};
    }
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (!failed) fs::permissions(folder_, fs::perms::owner_all, failed);
    if (failed) return Missing{what + "cannot make " + folder_.string(), false};
    // The size first: what is to be refused need not be fetched.
    const auto bytes = store.size_of(wanted.file_key);
    if (!bytes) return Missing{what + bytes.error().message, false};
    if (!bytes->has_value()) {
        return Missing{what + "the file store has no " + wanted.file_key, true};
    }
    if (**bytes != wanted.size_bytes) {
        return Missing{what + wanted.file_key + " has " + std::to_string(**bytes) +
                           " bytes in the file store instead of " +
                           std::to_string(wanted.size_bytes),
                       true};
    }
    const fs::path file = folder_ / std::to_string(attachments_.size());
    const auto got = store.get(wanted.file_key, file);
    if (!got) return Missing{what + got.error().message, false};
    if (!*got || fs::file_size(file, failed) != wanted.size_bytes) {
        return Missing{what + wanted.file_key + " changed while it was fetched", false};
    }
    attachments_.push_back({wanted.file_name, wanted.content_type, file});
    return std::nullopt;
}

}  // namespace carryall::notify
