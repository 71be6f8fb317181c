// libzip: it reads the files when the archive is closed, writes beside the target and renames.
#include "files/zip_writer.hpp"

#include <memory>
#include <set>
#include <zip.h>

#include "files/file_store.hpp"

namespace carryall::files {
namespace {

struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};

base::Error cannot_pack(const std::filesystem::path& archive, const std::string& why) {
    return base::internal_error("cannot write " + archive.string() + ": " + why);
}

}  // namespace

base::Result<void> write_zip(const std::filesystem::path& archive,
                             const std::vector<ZipEntry>& entries) {
    if (entries.empty()) return base::invalid_input("an archive needs a file");
    std::set<std::string_view> names;
    for (const ZipEntry& entry : entries) {
        CARRYALL_TRY(check_key(entry.name));
        if (!names.insert(entry.name).second) {
            return base::invalid_input("two files of an archive are called " + entry.name);
        }
        // libzip would read it only at the end, and not say which one it was.
        std::error_code failed;
        if (!std::filesystem::is_regular_file(entry.file, failed)) {
            return base::internal_error("cannot read " + entry.file.string());
        }
    }
    int code = 0;
    std::unique_ptr<zip_t, Discard> zip(
        zip_open(archive.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
    if (zip == nullptr) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        const std::string why = zip_error_strerror(&error);
        zip_error_fini(&error);
        return cannot_pack(archive, why);
    }
    for (const ZipEntry& entry : entries) {
        zip_source_t* source = zip_source_file(zip.get(), entry.file.c_str(), 0, -1);
        if (source == nullptr ||
            zip_file_add(zip.get(), entry.name.c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
            const std::string why = zip_strerror(zip.get());
            zip_source_free(source);
            return cannot_pack(archive, why);
        }
    }
    if (zip_close(zip.get()) != 0) return cannot_pack(archive, zip_strerror(zip.get()));
    (void)zip.release();  // closed, and gone with it
    return {};
}

}  // namespace carryall::files
