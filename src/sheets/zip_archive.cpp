// Wraps libzip. What must stay true: nothing is unpacked whose promised size breaks a limit, and no
// part delivers more than it promised.
#include "sheets/zip_archive.hpp"

#include <algorithm>
#include <set>
#include <zip.h>

#include "base/text.hpp"

namespace carryall::sheets {

namespace {

using namespace std::string_view_literals;

// Below this a high ratio is no attack: small workbooks of one repeated value exist.
constexpr std::uint64_t kRatioMattersFromBytes = 16U << 20;
// libzip reads the whole directory into memory before anything can be asked.
constexpr std::uint64_t kMaxDirectoryBytes = 1U << 20;
constexpr std::size_t kEndRecordBytes = 22;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr std::size_t kZip64EndRecordBytes = 56;
constexpr std::size_t kMaxCommentBytes = 65535;

constexpr std::string_view kDamaged =
    "The workbook is damaged or incomplete. Open it in a spreadsheet program, save it again as "
    ".xlsx and upload it once more.";

base::Error damaged() {
    return base::invalid_input(std::string(kDamaged));
}

base::Error too_many_parts() {
    return {base::ErrorKind::too_large,
            "The archive has far more parts than a workbook. Save the table alone as .xlsx or "
            "CSV.",
            {}};
}

base::Error bomb() {
    return {base::ErrorKind::too_large,
            "The workbook unpacks to far more data than is taken. Save the table alone as .xlsx "
            "or CSV.",
            {}};
}

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t length) {
    std::uint64_t value = 0;
    for (std::size_t i = length; i-- > 0;) {
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    return value;
}

// Every end record among the last bytes must announce a small directory, whichever of them libzip
// will choose.
base::Result<void> check_directory_size(ByteSource& source) {
    const std::size_t wanted =
        kMaxCommentBytes + kEndRecordBytes + kZip64LocatorBytes + kZip64EndRecordBytes;
    std::string tail(static_cast<std::size_t>(std::min<std::uint64_t>(wanted, source.size())),
                     '\0');
    const auto got = source.read_at(source.size() - tail.size(), tail);
    if (!got) return got.error();
    const std::string_view view = tail;
    bool found = false;
    for (std::size_t at = view.find("PK\5\6"sv);
         at != std::string_view::npos && at + kEndRecordBytes <= view.size();
         at = view.find("PK\5\6"sv, at + 1)) {
        found = true;
        const std::uint64_t bytes = little_endian(view, at + 12, 4);
        if (bytes != 0xFFFFFFFF && bytes > kMaxDirectoryBytes) return too_many_parts();
    }
    if (!found) return damaged();
    for (std::size_t at = view.find("PK\6\6"sv);
         at != std::string_view::npos && at + kZip64EndRecordBytes <= view.size();
         at = view.find("PK\6\6"sv, at + 1)) {
        if (little_endian(view, at + 40, 8) > kMaxDirectoryBytes) return too_many_parts();
    }
    return {};
}

base::Result<zip_source_t*> library_source(ByteSource& source) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t* made = nullptr;
    if (FileHandle file = source.release_file()) {
        made = zip_source_filep_create(file.get(), 0, -1, &why);
        if (made != nullptr) file.release();
    } else {
        made = zip_source_buffer_create(source.bytes().data(), source.bytes().size(), 0, &why);
    }
    zip_error_fini(&why);
    if (made == nullptr) return base::unavailable("The workbook cannot be opened.");
    return made;
}

}  // namespace

void ZipCloser::operator()(zip* archive) const {
    zip_discard(archive);
}
void ZipCloser::operator()(zip_file* file) const {
    zip_fclose(file);
}

ZipPart::ZipPart(std::unique_ptr<zip_file, ZipCloser> file, std::string name,
                 std::uint64_t declared)
    : file_(std::move(file)), name_(std::move(name)), left_(declared) {}

base::Result<std::size_t> ZipPart::read(std::span<char> target) {
    const zip_int64_t got = zip_fread(file_.get(), target.data(), target.size());
    if (got < 0) return damaged();
    const auto bytes = static_cast<std::uint64_t>(got);
    if (bytes > left_) return bomb();
    left_ -= bytes;
    if (bytes == 0 && left_ > 0) return damaged();
    return static_cast<std::size_t>(bytes);
}

base::Result<ZipArchive> ZipArchive::open(ByteSource source, const Limits& limits) {
    CARRYALL_TRY(check_directory_size(source));
    const std::uint64_t file_bytes = source.size();
    auto made = library_source(source);
    if (!made) return std::move(made).error();
    zip_error_t why;
    zip_error_init(&why);
    ZipArchive opened;
    opened.archive_.reset(zip_open_from_source(*made, ZIP_RDONLY, &why));
    zip_error_fini(&why);
    if (!opened.archive_) {
        zip_source_free(*made);
        return damaged();
    }
    CARRYALL_TRY(opened.check_parts(limits, file_bytes));
    return opened;
}

base::Result<void> ZipArchive::check_parts(const Limits& limits, std::uint64_t file_bytes) {
    const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    if (count < 0 || static_cast<std::uint64_t>(count) > limits.max_zip_entries) {
        return too_many_parts();
    }
    std::set<std::string> names;
    std::uint64_t unpacked = 0;
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
        zip_stat_t stat;
        constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
        if (zip_stat_index(archive_.get(), i, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
            return damaged();
        }
        if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
            stat.encryption_method != ZIP_EM_NONE) {
            return base::invalid_input(
                "The archive is protected with a password. Save the workbook without one.");
        }
        // Two parts of one name would mean different things to different programs.
        if (!names.insert(base::ascii_lower(stat.name)).second) return damaged();
        if (stat.size > limits.max_unpacked_bytes) return bomb();
        unpacked += stat.size;
        if (unpacked > limits.max_unpacked_bytes) return bomb();
        const std::uint64_t packed = std::max<std::uint64_t>(stat.comp_size, 1);
        if (stat.size > kRatioMattersFromBytes && stat.size / packed > limits.max_unpacked_ratio) {
            return bomb();
        }
    }
    // Parts that overlap share packed bytes, so the file as a whole must hold the ratio too.
    if (unpacked > kRatioMattersFromBytes && unpacked / file_bytes > limits.max_unpacked_ratio) {
        return bomb();
    }
    return {};
}

bool ZipArchive::has(std::string_view name) const {
    return zip_name_locate(archive_.get(), std::string(name).c_str(), ZIP_FL_NOCASE) >= 0;
}

base::Result<std::unique_ptr<ZipPart>> ZipArchive::part(const std::string& name) {
    const zip_int64_t index = zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_NOCASE);
    if (index < 0) return std::unique_ptr<ZipPart>();
    zip_stat_t stat;
    if (zip_stat_index(archive_.get(), static_cast<zip_uint64_t>(index), 0, &stat) != 0) {
        return damaged();
    }
    std::unique_ptr<zip_file, ZipCloser> file(
        zip_fopen_index(archive_.get(), static_cast<zip_uint64_t>(index), 0));
    if (!file) return damaged();
    return std::make_unique<ZipPart>(std::move(file), name, stat.size);
}

}  // namespace carryall::sheets
