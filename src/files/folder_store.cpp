#include "files/folder_store.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.hpp"

namespace carryall::files {
namespace {

namespace fs = std::filesystem;

// No key begins a part with a dot, so none is in here.
constexpr const char* kIncoming = ".incoming";

base::Error failure(const std::string& what, const fs::path& path, int code) {
    const std::string text =
        what + " " + path.string() + ": " + std::generic_category().message(code);
    if (code == EACCES || code == EPERM || code == EROFS) {
        return base::internal_error(text +
                                    "; give the folder of files.directory to the user that runs "
                                    "carryall");
    }
    if (code == ENOSPC || code == EDQUOT) {
        return base::unavailable(text + "; free space in files.directory");
    }
    return base::unavailable(text);
}

Result<void> make_folder(const fs::path& path) {
    std::error_code failed;
    fs::create_directories(path, failed);
    if (failed) return failure("cannot make the folder", path, failed.value());
    return {};
}

// Of a file its bytes, of a folder its names.
Result<void> flush_to_disk(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failure("cannot open", path, errno);
    const int code = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (code != 0) return failure("cannot write to the disk", path, code);
    return {};
}

Result<void> copy_whole(const fs::path& from, const fs::path& to) {
    std::error_code failed;
    fs::copy_file(from, to, fs::copy_options::overwrite_existing, failed);
    if (!failed) return {};
    std::error_code ignored;
    fs::remove(to, ignored);
    return failure("cannot copy " + from.string() + " to", to, failed.value());
}

}  // namespace

FolderStore::FolderStore(FolderSettings settings)
    : directory_(std::move(settings.directory)), incoming_(directory_ / kIncoming) {}

Result<void> FolderStore::put(const std::string& key, const fs::path& file,
                              const std::string& content_type) {
    CARRYALL_TRY(check_key(key));
    CARRYALL_TRY(check_content_type(content_type));
    const fs::path target = directory_ / key;
    CARRYALL_TRY(make_folder(incoming_));
    CARRYALL_TRY(make_folder(target.parent_path()));
    const fs::path arriving = incoming_ / base::random_uuid();
    CARRYALL_TRY(copy_whole(file, arriving));
    auto stored = flush_to_disk(arriving);
    if (stored && ::rename(arriving.c_str(), target.c_str()) != 0) {
        stored = failure("cannot put in place", target, errno);
    }
    if (!stored) {
        std::error_code ignored;
        fs::remove(arriving, ignored);
        return stored;
    }
    // The names on the way to it too: a folder may be as new as the file.
    for (fs::path folder = target.parent_path();; folder = folder.parent_path()) {
        CARRYALL_TRY(flush_to_disk(folder));
        if (folder == directory_) return {};
    }
}

Result<std::optional<std::uint64_t>> FolderStore::size_of(const std::string& key) {
    CARRYALL_TRY(check_key(key));
    const fs::path path = directory_ / key;
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::uint64_t>();
        return failure("cannot look at", path, errno);
    }
    if (!S_ISREG(found.st_mode)) return std::optional<std::uint64_t>();  // the begin of other keys
    return std::optional(static_cast<std::uint64_t>(found.st_size));
}

Result<bool> FolderStore::get(const std::string& key, const fs::path& target) {
    const auto bytes = size_of(key);
    if (!bytes) return bytes.error();
    if (!bytes->has_value()) return false;
    CARRYALL_TRY(copy_whole(directory_ / key, target));
    return true;
}

Result<void> FolderStore::check() {
    CARRYALL_TRY(make_folder(incoming_));
    if (::access(incoming_.c_str(), W_OK | X_OK) != 0) {
        return failure("cannot write to", incoming_, errno);
    }
    return {};
}

}  // namespace carryall::files
