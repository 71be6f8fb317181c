// Reads by position and refuses empty and oversized files before anything looks inside them.
#include "sheets/byte_source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace carryall::sheets {

namespace {

base::Result<void> check_size(std::uint64_t size, std::uint64_t max_bytes) {
    if (size == 0) {
        return base::invalid_input(
            "The file is empty. Export it again with a header line and one device a row.");
    }
    if (size <= max_bytes) return {};
    return base::Error{base::ErrorKind::too_large,
                       "The file has " + std::to_string(size >> 20) + " MB; at most " +
                           std::to_string(max_bytes >> 20) +
                           " MB are taken. Split it into several files.",
                       {}};
}

}  // namespace

base::Result<ByteSource> ByteSource::of_file(const std::filesystem::path& path,
                                             std::uint64_t max_bytes) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed)) {
        return base::not_found("There is no file " + path.string() + ".");
    }
    ByteSource source;
    source.file_.reset(std::fopen(path.c_str(), "rbe"));
    if (!source.file_) {
        return base::invalid_input("The file " + path.string() +
                                   " cannot be opened: " + std::generic_category().message(errno));
    }
    if (std::fseek(source.file_.get(), 0, SEEK_END) != 0) {
        return base::unavailable("The file " + path.string() + " cannot be read.");
    }
    source.size_ = static_cast<std::uint64_t>(std::max(0L, std::ftell(source.file_.get())));
    CARRYALL_TRY(check_size(source.size_, max_bytes));
    return source;
}

base::Result<ByteSource> ByteSource::of_bytes(std::string_view bytes, std::uint64_t max_bytes) {
    CARRYALL_TRY(check_size(bytes.size(), max_bytes));
    ByteSource source;
    source.bytes_ = bytes;
    source.size_ = bytes.size();
    return source;
}

base::Result<std::size_t> ByteSource::read_at(std::uint64_t offset, std::span<char> target) {
    if (offset >= size_) return std::size_t{0};
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(target.size(), size_ - offset));
    if (!file_) {
        std::memcpy(target.data(), bytes_.data() + offset, wanted);
        return wanted;
    }
    if (std::fseek(file_.get(), static_cast<long>(offset), SEEK_SET) != 0) {
        return base::unavailable("The file cannot be read.");
    }
    const std::size_t got = std::fread(target.data(), 1, wanted, file_.get());
    if (got < wanted) {
        return base::unavailable("The file ended early while it was read; upload it again.");
    }
    return got;
}

}  // namespace carryall::sheets
